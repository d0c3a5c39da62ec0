"""Runs two spiders in one process, as it did before from cron; output goes where the environment says."""

import json
import os
import sys

from scrapy.crawler import CrawlerProcess

from crawlers.plants import ListSpider, PictureSpider


def site():
    if "LAMPLIGHTER_INPUT" in os.environ:
        with open(os.environ["LAMPLIGHTER_INPUT"]) as file:
            return json.load(file)["site"]
    return sys.argv[1]


class SummaryPipeline:
    counts = {}

    def process_item(self, item, spider=None):
        name = item["spider"]
        self.counts[name] = self.counts.get(name, 0) + 1
        return item


def main():
    feed = os.environ.get("LAMPLIGHTER_RECORDS", "plants.jsonl")
    process = CrawlerProcess(
        {
            "FEEDS": {feed: {"format": "jsonlines", "overwrite": False}},
            "ITEM_PIPELINES": {SummaryPipeline: 1},
            "LOG_LEVEL": "INFO",
            "TELNETCONSOLE_ENABLED": False,
        }
    )
    process.crawl(ListSpider, start_urls=[site() + "/plants/"])
    process.crawl(PictureSpider, start_urls=[site() + "/plant/2"])
    process.start()
    with open("summary.json", "w") as file:
        json.dump(SummaryPipeline.counts, file, sort_keys=True)


if __name__ == "__main__":
    main()
