from dataclasses import dataclass


@dataclass
class Book:
    """Texts as they stand on the page; the pipeline makes numbers of them."""

    title: str | None
    author: str | None
    category: str | None
    price: str | float | None
    stock: str | int | None
    rating: str | int | None
    upc: str | None
    url: str
