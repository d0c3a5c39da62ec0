"""A real browser, which sees pages as a person does."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from running_server import KEY

CHROMIUM = "/usr/bin/chromium"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        # In a container it may not make namespaces of its own.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def signed_in(browser: Browser, url: str, *, width: int = 1280, theme: str = "light") -> Page:
    """A page of a new browser profile in which the administrator has signed in; its clock is that of Berlin."""
    context = browser.new_context(
        base_url=url,
        viewport={"width": width, "height": 900},
        color_scheme="dark" if theme == "dark" else "light",
        timezone_id="Europe/Berlin",
    )
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Sign in with a key").click()
    page.wait_for_url(f"{url}/")
    page.wait_for_load_state("load")
    return page
