from itemadapter import ItemAdapter
from scrapy.exceptions import DropItem


class NotForSalePipeline:
    def process_item(self, item, spider=None):
        if not ItemAdapter(item).get("price"):
            raise DropItem(f"Not for sale: {item['name']}")
        return item


class PricePipeline:
    """Makes a number of the price and adds the currency of the settings."""

    def __init__(self, currency):
        self.currency = currency

    @classmethod
    def from_crawler(cls, crawler):
        return cls(crawler.settings.get("CURRENCY"))

    def process_item(self, item, spider=None):
        adapter = ItemAdapter(item)
        adapter["price"] = float(adapter["price"].lstrip("£"))
        adapter["currency"] = self.currency
        return item


class NumberPipeline:
    """Counts what comes through, and keeps a list of it."""

    def open_spider(self, spider=None):
        self.file = open("names.txt", "w", encoding="utf-8")
        self.count = 0

    def close_spider(self, spider=None):
        self.file.close()

    def process_item(self, item, spider=None):
        self.count += 1
        item["number"] = self.count
        self.file.write(item["name"] + "\n")
        return item
