import datetime
import decimal

import scrapy

from kinds import items


class KindsSpider(scrapy.Spider):
    name = "kinds"

    def __init__(self, site, **kwargs):
        super().__init__(**kwargs)
        self.start_urls = [f"{site}/plant/1"]

    def parse(self, response):
        title = response.css("h1::text").get()
        yield {"title": title, "bytes": title.encode(), "tags": {"red", "heart"}}
        yield items.Seen(title=title, price=8.95)
        yield items.Plant(title, items.Origin(response.css("i::text").get()))
        yield items.Offer(title, decimal.Decimal("8.95"))
        yield items.Label(title=title, printed=datetime.datetime(2026, 3, 1, 12), words=title.split())
