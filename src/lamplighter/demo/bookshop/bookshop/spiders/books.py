from collections.abc import Iterator
from typing import Any

import scrapy
from bookshop.items import Book


class BooksSpider(scrapy.Spider):
    """Every book of the shop, or of one category.

    scrapy crawl books -a start_url=http://127.0.0.1:8000/ -a category=Mystery
    """

    name = "books"

    def __init__(
        self,
        start_url: str | None = None,
        category: str | None = None,
        max_pages: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not start_url:
            raise ValueError("the spider needs start_url, the address of the shop's front page")
        self.start_urls = [start_url]
        self.category = category
        self.pages_left = int(max_pages) if max_pages else None

    def parse(self, response: Any) -> Iterator[scrapy.Request]:
        """The front page is the list of all books, and it links to the categories."""
        if not self.category:
            yield from self.parse_list(response)
            return
        for link in response.css("nav a"):
            if (link.css("::text").get() or "").lower() == self.category.lower():
                yield response.follow(link, self.parse_list)
                return
        self.logger.warning("The shop has no category %s", self.category)

    def parse_list(self, response: Any) -> Iterator[scrapy.Request]:
        yield from response.follow_all(css="article.book h3 a", callback=self.parse_book)
        if self.pages_left is not None:
            self.pages_left -= 1
        if self.pages_left != 0:
            yield from response.follow_all(css="a.next", callback=self.parse_list)

    def parse_book(self, response: Any) -> Iterator[Book]:
        yield Book(
            title=response.css("h2::text").get(),
            author=response.css(".author::text").get(),
            category=response.css("a.category::text").get(),
            price=response.css("td.price::text").get(),
            stock=response.css("td.stock::text").get(),
            rating=response.css(".rating::attr(data-stars)").get(),
            upc=response.css("td.upc::text").get(),
            url=response.url,
        )
