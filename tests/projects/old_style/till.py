import logging

from scrapy import FormRequest, Request, Spider, signals
from twisted.internet import defer, reactor, task


class TillSpider(Spider):
    """As spiders were written for years, with start() added later: errbacks, Deferreds, work added when idle."""

    name = "till"
    custom_settings = {
        "TWISTED_REACTOR": "twisted.internet.epollreactor.EPollReactor",
        "RETRY_ENABLED": False,
    }
    refilled = False

    @classmethod
    def from_crawler(cls, crawler, *args, **kwargs):
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.idle, signal=signals.spider_idle)
        return spider

    async def start(self):  # Scrapy 2.13 and later
        for request in self.start_requests():
            yield request

    def start_requests(self):
        yield Request(f"{self.site}/plant/5", self.parse_plant)
        yield FormRequest(
            f"{self.site}/plants/", method="GET", formdata={"page": "3"}, callback=self.parse_list
        )
        yield Request("http://127.0.0.1:9/", self.parse_plant, errback=self.failed)

    @defer.inlineCallbacks
    def parse_plant(self, response):
        yield task.deferLater(reactor, 0.01, lambda: None)
        self.log("looked at %s" % response.url, logging.INFO)
        return [{"kind": "plant", "name": response.css("h1::text").extract_first()}]

    def parse_list(self, response):
        for name in response.css("li.plant a::text").extract():
            yield {"kind": "row", "name": name}

    def failed(self, failure):
        yield {"kind": "failure", "name": failure.request.url}

    def idle(self):
        if not self.refilled:
            self.refilled = True
            self.crawler.engine.crawl(Request(f"{self.site}/plant/6", self.parse_plant))
