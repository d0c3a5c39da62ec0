"""The book shop of the demonstration."""

from collections.abc import Iterator
from datetime import date, timedelta

import httpx
import pytest

from lamplighter.demo.site import BookShop, books_on

DAY = date(2026, 3, 29)


@pytest.fixture(scope="module")
def shop() -> Iterator[BookShop]:
    with BookShop(today=lambda: DAY) as opened:
        yield opened


@pytest.fixture(scope="module")
def visitor(shop: BookShop) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shop.url, trust_env=False) as client:
        yield client


def test_there_are_sixty_books_with_titles_and_codes_of_their_own() -> None:
    books = books_on(DAY)
    assert len(books) == 60
    for name in ("slug", "title", "upc"):
        assert len({getattr(book, name) for book in books}) == 60
    assert {book.rating for book in books} == {1, 2, 3, 4, 5}
    assert min(book.pence for book in books) > 0
    assert any(book.stock == 0 for book in books)


def test_the_same_day_gives_the_same_shop_and_another_day_other_prices() -> None:
    assert books_on(DAY) == books_on(DAY)
    tomorrow = books_on(DAY + timedelta(days=1))
    assert [book.slug for book in tomorrow] == [book.slug for book in books_on(DAY)]
    assert all(new.pence != old.pence for new, old in zip(tomorrow, books_on(DAY), strict=True))


def test_the_list_has_six_pages(visitor: httpx.Client) -> None:
    pages = [visitor.get("/", params={"page": number}).text for number in range(1, 7)]
    assert [page.count("<article") for page in pages] == [10] * 6
    assert [("next</a>" in page, "previous</a>" in page) for page in pages] == [
        (True, False), *[(True, True)] * 4, (False, True),
    ]  # fmt: skip


def test_a_category_lists_its_ten_books(visitor: httpx.Client) -> None:
    page = visitor.get("/category/cooking").text
    assert page.count("<article") == 10
    assert "Pickles &amp; Patience" in page


def test_every_book_has_a_page_with_its_facts(visitor: httpx.Client) -> None:
    for book in books_on(DAY)[::9]:
        page = visitor.get(f"/book/{book.slug}").text
        for text in (book.author, book.category, book.price, book.availability, book.upc):
            assert text in page


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/broken", 500),
        ("/blocked", 403),
        ("/robots.txt", 200),
        ("/slow?seconds=0", 200),
        ("/nowhere", 404),
        ("/book/", 404),
        ("/book/no-such-book", 404),
        ("/category/none", 404),
        ("/?page=nonsense", 200),
        ("/?page=1e308", 200),
    ],
)
def test_each_address_answers_with_its_status(visitor: httpx.Client, address: str, status: int) -> None:
    assert visitor.get(address).status_code == status


def test_a_head_request_has_no_body(visitor: httpx.Client) -> None:
    answer = visitor.head("/")
    assert answer.status_code == 200
    assert int(answer.headers["Content-Length"]) > 1000
    assert answer.content == b""


def test_visits_are_counted_and_a_closed_shop_answers_nobody() -> None:
    with BookShop() as shop:
        httpx.get(f"{shop.url}/robots.txt", trust_env=False)
    assert shop.visits == ["/robots.txt"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(shop.url, trust_env=False)
