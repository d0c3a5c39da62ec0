"""Every page, with something on it, in a real browser: nothing is inaccessible, broken, too wide or too heavy."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi.routing import APIRoute
from playwright.sync_api import Browser, Page, Response

from browser import signed_in
from lamplighter.demo.site import BookShop
from lamplighter.http.pages import PAGES
from running_server import RunningServer
from sample_house import PAGES_OF_THE_HOUSE, SampleHouse

# What is no page of its own: answers to scripts, files, and parts of pages.
NO_PAGES = {
    "/static/{version}/{name}",
    "/sign-in",
    "/runs/{runId}/log",
    "/runs/{runId}/files/{fileId}/download",
    "/runs/{runId}/files/{fileId}/frame",
}
HEAVIEST = 150_000  # bytes of a page with all that it needs, as they are sent
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="module")
def house(server: RunningServer) -> Iterator[SampleHouse]:
    with BookShop() as shop:
        filled = SampleHouse(server, shop)
        filled.fill()
        yield filled


@pytest.fixture(scope="module", params=[(1280, "light"), (390, "dark")], ids=["wide-light", "narrow-dark"])
def page(
    request: pytest.FixtureRequest, browser: Browser, server: RunningServer, house: SampleHouse
) -> Iterator[Page]:
    width, theme = request.param
    opened = signed_in(browser, server.url, width=width, theme=theme)
    yield opened
    opened.context.close()


def test_the_list_of_pages_is_whole() -> None:
    routes = {
        route.path
        for router in PAGES
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ())
    }
    listed = [re.compile(re.sub(r"\\{\w+\\}", r"[^/]+", re.escape(route))) for route in routes - NO_PAGES]
    shown = [re.sub(r"\{\w+\}", "1", path) for path in PAGES_OF_THE_HOUSE.values()]
    for pattern in listed:
        assert any(pattern.fullmatch(path) for path in shown), pattern.pattern


@pytest.mark.parametrize("name", PAGES_OF_THE_HOUSE)
def test_a_page_is_accessible_whole_and_light(page: Page, house: SampleHouse, name: str) -> None:
    said: list[str] = []
    answers: list[Response] = []

    def note(answer: Response) -> None:
        answers.append(answer)

    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda problem: said.append(str(problem)))
    page.on("response", note)
    answer = page.goto(PAGES_OF_THE_HOUSE[name].format(**house.ids))
    assert answer is not None
    assert answer.status == 200
    page.get_by_role("main").wait_for()
    page.wait_for_load_state("load")
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    assert said == []
    # Nothing sticks out sideways, where people would have to look for it.
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]  # type: ignore[index]
    whole = [one for one in answers if not re.search(r"live=stream|follow=|/frame$", one.url)]
    weights = {one.url: int(one.headers["content-length"]) for one in whole if one.status == 200}
    assert sum(weights.values()) < HEAVIEST, weights
    assert {urlsplit(one.url).netloc for one in answers} == {urlsplit(page.url).netloc}
    page.remove_listener("response", note)


def test_the_sign_in_and_the_problem_page_are_accessible(browser: Browser, server: RunningServer) -> None:
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    for path in ("/sign-in", "/nothing-there"):
        page.goto(path)
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, found.generate_report()
    context.close()
