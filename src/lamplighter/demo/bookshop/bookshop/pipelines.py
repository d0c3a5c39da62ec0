import re
from typing import Any

from scrapy.exceptions import DropItem

from bookshop.items import Book


class CleanBook:
    """Makes numbers of price, stock and rating, and drops what is no book or was seen before."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def process_item(self, item: Any, spider: object = None) -> Any:
        if not isinstance(item, Book):
            return item
        if not item.title or not item.upc:
            raise DropItem(f"Not a book: {item.url}")
        if item.upc in self.seen:
            raise DropItem(f"Seen before: {item.upc}")
        self.seen.add(item.upc)
        item.title = " ".join(item.title.split())
        price = re.search(r"\d+\.\d\d", str(item.price))
        item.price = float(price[0]) if price else None
        stock = re.search(r"\d+", str(item.stock))
        item.stock = int(stock[0]) if stock else 0
        item.rating = int(item.rating) if item.rating else None
        return item
