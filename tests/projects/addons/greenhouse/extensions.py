import json

from scrapy import signals


class DiaryExtension:
    """Writes what happened into a file when the spider is closed."""

    def __init__(self, stats):
        self.stats = stats
        self.scraped = 0

    @classmethod
    def from_crawler(cls, crawler):
        extension = cls(crawler.stats)
        crawler.signals.connect(extension.item_scraped, signal=signals.item_scraped)
        crawler.signals.connect(extension.spider_closed, signal=signals.spider_closed)
        return extension

    def item_scraped(self, item, spider):
        self.scraped += 1
        self.stats.inc_value("diary/items")

    def spider_closed(self, spider, reason):
        with open("diary.json", "w") as file:
            json.dump({"scraped": self.scraped, "reason": reason, "spider": spider.name}, file)
