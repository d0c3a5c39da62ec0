"""A small book shop on loopback, for the demonstration and the tests: something to scrape that is there.

``with BookShop() as shop: …`` serves ``shop.url`` until the block ends. The books never change; their prices
and stock depend on the day, as in a real shop, and on nothing else. Beside the shop there are pages that
misbehave: ``/broken`` answers 500, ``/blocked`` 403, and ``/slow?seconds=2`` takes its time.
"""

import argparse
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, Self
from urllib.parse import parse_qs, urlsplit

from lamplighter.clock import SystemClock

PAGE_SIZE = 10
LONGEST_WAIT = 60.0

AUTHORS = (
    "Ada Brenner", "Tomas Quill", "Ines Okoro", "Per Lindahl", "Maren Voss", "Joao Teles", "Kit Hollander",
    "Sefa Aydin", "Nora Whitlock", "Emil Castan", "Ruth Adeyemi", "Bao Tran", "Greta Solberg",
)  # fmt: skip

TITLES = {
    "Lighthouses": (
        "The Keeper of Grey Point", "Salt on the Lens", "Nine Steps Above the Sea",
        "A Short History of Foghorns", "The Lamp That Would Not Turn", "Letters from Skerry Rock",
        "Oil, Wick and Weather", "The Last Manned Light", "Storm Glass", "How to Read a Beam",
    ),
    "Clockwork": (
        "The Patient Escapement", "Springs and Other Promises", "A Minute Too Early",
        "The Town Without a Noon", "Brass Arithmetic", "Notes of a Travelling Watchmaker",
        "Pendulum Country", "The Thirteenth Hour, Explained", "Small Wheels", "What the Sundial Knew",
    ),
    "Gardening": (
        "Moss for Beginners", "The Allotment in Winter", "Pears Against a Wall", "A Quarrel of Beans",
        "The Compost Year", "Seeds I Was Given", "Ferns in Dark Rooms", "The Patience of Asparagus",
        "Rain Barrel Diaries", "Weeds Worth Keeping",
    ),
    "Mystery": (
        "The Silent Tram", "Ink on the Fourth Glove", "Murder at Low Water", "The Clerk Who Counted Twice",
        "A Key for Every Door but One", "The Borrowed Alibi", "Seven Umbrellas", "The Night Ferry Witness",
        "Ash Street, Number Zero", "The Quiet Locksmith",
    ),
    "Cooking": (
        "Soup Before Sunrise", "One Pan, Many Fridays", "The Bread of Cold Houses", "Pickles & Patience",
        "A Kitchen Facing North", "Dumplings for Six or Eight", "The Onion Question", "Butter, Slowly",
        "Feasts on a Narrow Boat", "The Spice Drawer",
    ),
    "Travel": (
        "Slow Trains of the Interior", "Maps Drawn from Memory", "The Island with Two Mondays",
        "Walking to the Border", "Postcards Never Sent", "A Bridge for Goats", "The Hotel at Kilometre 90",
        "Under the Northern Ferry", "Dust, Then Mountains", "Where the Bus Turns Round",
    ),
}  # fmt: skip

STYLE = """
body { font: 16px/1.5 Georgia, serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #2b2620; }
a { color: #8a4b14; } nav a, .pager a { margin-right: 1rem; }
.book { border-top: 1px solid #e4dccf; padding: .6rem 0; } .book h3 { margin: 0; }
.price { font-weight: bold; } .stock, .by { color: #6d6558; } th { text-align: left; padding-right: 1rem; }
"""


@dataclass(frozen=True)
class Book:
    """What the shop knows of one book on one day."""

    slug: str
    title: str
    author: str
    category: str
    upc: str
    rating: int
    pence: int
    stock: int

    @property
    def price(self) -> str:
        return f"£{self.pence // 100}.{self.pence % 100:02}"

    @property
    def availability(self) -> str:
        return f"In stock ({self.stock} available)" if self.stock else "Out of stock"


def slug_of(text: str) -> str:
    words = "".join(character if character.isalnum() else " " for character in text.lower()).split()
    return "-".join(words)


def books_on(day: date) -> list[Book]:
    """The whole shop on that day, in the order of its lists."""
    found: list[Book] = []
    for category, titles in TITLES.items():
        for title in titles:
            number = len(found)
            change = (
                day.toordinal() + number * 7
            ) % 11 - 5  # the price drifts by up to five steps of 20 pence
            found.append(
                Book(
                    slug=slug_of(title),
                    title=title,
                    author=AUTHORS[(number * 5 + len(title)) % len(AUTHORS)],
                    category=category,
                    upc=f"LL{100003 + number * 7919:07}",
                    rating=1 + (number * 3 + len(title)) % 5,
                    pence=699 + (number * 137) % 2400 + change * 20,
                    stock=(day.toordinal() + number * 5) % 23,
                )
            )
    return found


def page(title: str, body: str) -> str:
    categories = " ".join(f'<a href="/category/{slug_of(name)}">{escape(name)}</a>' for name in TITLES)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<style>{STYLE}</style></head>\n<body><h1><a href="/">The Lamplight Bookshop</a></h1>\n'
        f"<nav>{categories}</nav>\n<h2>{escape(title)}</h2>\n{body}\n</body></html>\n"
    )


def list_page(title: str, books: list[Book], number: int, address: str) -> str:
    """One page of a list, with links to the pages beside it."""
    pages = (len(books) + PAGE_SIZE - 1) // PAGE_SIZE
    entries = "\n".join(
        f'<article class="book"><h3><a href="/book/{book.slug}">{escape(book.title)}</a></h3>'
        f'<span class="by">by {escape(book.author)}</span> <span class="price">{book.price}</span></article>'
        for book in books[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    )
    previous = f'<a class="previous" href="{address}?page={number - 1}">previous</a>' if number > 1 else ""
    following = f'<a class="next" href="{address}?page={number + 1}">next</a>' if number < pages else ""
    pager = f'<p class="pager">{previous}<span>Page {number} of {pages}</span> {following}</p>'
    return page(title, f"{entries}\n{pager}")


def book_page(book: Book) -> str:
    rows = (("UPC", "upc", book.upc), ("Price", "price", book.price), ("Stock", "stock", book.availability))
    table = "".join(f'<tr><th>{name}</th><td class="{key}">{value}</td></tr>' for name, key, value in rows)
    return page(
        book.title,
        f'<p class="by">by <span class="author">{escape(book.author)}</span>, in '
        f'<a class="category" href="/category/{slug_of(book.category)}">{escape(book.category)}</a></p>\n'
        f'<p class="rating" data-stars="{book.rating}">{"★" * book.rating}{"☆" * (5 - book.rating)}</p>\n'
        f'<table class="facts">{table}</table>',
    )


class _Handler(BaseHTTPRequestHandler):
    """Answers for the shop that made it (see ``BookShop``)."""

    shop: ClassVar["BookShop"]

    def do_GET(self) -> None:
        status, kind, text = self.shop.answer(self.path)
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named so by http.server
        """The shop is quiet: its visitors have logs of their own."""


class BookShop:
    """The shop as a context manager. ``visits`` holds the addresses asked for, in order."""

    def __init__(self, port: int = 0, *, today: Callable[[], date] | None = None) -> None:
        self.visits: list[str] = []
        self._today = today or (lambda: SystemClock().now().date())
        self._closing = threading.Event()
        handler = type("_ShopHandler", (_Handler,), {"shop": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="bookshop", daemon=True
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, address: str) -> tuple[HTTPStatus, str, str]:
        """Status, content type and text for one address."""
        self.visits.append(address)
        parts = urlsplit(address)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/robots.txt":
            return HTTPStatus.OK, "text/plain", "User-agent: *\nDisallow: /basket\n"
        if parts.path == "/slow":
            self._closing.wait(min(number_in(query, "seconds", 2.0), LONGEST_WAIT))
            return HTTPStatus.OK, "text/html", page("Slow", "<p>Here at last.</p>")
        if parts.path == "/broken":
            return (
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "text/html",
                page("Broken", "<p>The till is on fire.</p>"),
            )
        if parts.path == "/blocked":
            return HTTPStatus.FORBIDDEN, "text/html", page("Blocked", "<p>Robots are not served here.</p>")
        text = self._shop_page(parts.path, int(number_in(query, "page", 1)))
        if text is None:
            return HTTPStatus.NOT_FOUND, "text/html", page("Not found", "<p>No such page in this shop.</p>")
        return HTTPStatus.OK, "text/html", text

    def _shop_page(self, path: str, number: int) -> str | None:
        books = books_on(self._today())
        if path == "/":
            return list_page("All books", books, max(number, 1), "/")
        folder, _, slug = path.removeprefix("/").partition("/")
        if folder == "book":
            return next((book_page(book) for book in books if book.slug == slug), None)
        chosen = [book for book in books if slug_of(book.category) == slug]
        if folder == "category" and chosen:
            return list_page(chosen[0].category, chosen, max(number, 1), path)
        return None


def number_in(query: dict[str, str], name: str, otherwise: float) -> float:
    """A number of the query; ``otherwise`` when it is missing or no usable number."""
    try:
        value = float(query[name])
    except (KeyError, ValueError):
        return otherwise
    return value if 0 <= value < 1e6 else otherwise


def main() -> None:
    """``python -m lamplighter.demo.site --port 8000``: the shop until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Serve a small book shop on loopback.")
    parser.add_argument("--port", type=int, default=8000)
    with BookShop(parser.parse_args().port) as shop:
        print(f"The book shop is open: {shop.url}  (Ctrl-C closes it)", flush=True)  # noqa: T201 - for the terminal
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
