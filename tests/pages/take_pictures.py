"""Takes a picture of every page, wide and narrow, light and dark: ``make pictures``.

They are written to ``build/pictures``; with ``--readme`` only those that the documents show, to ``docs/pictures``.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page

from browser import chromium, signed_in
from lamplighter.demo.site import BookShop
from running_server import RunningServer
from sample_house import PAGES_OF_THE_HOUSE, SampleHouse

ROOT = Path(__file__).parents[2]
SIZES = (1280, 390)
THEMES = ("light", "dark")
# What the documents show.
IN_DOCUMENTS = {
    "control-center": "home",
    "control-center-schedule": "schedule",
    "control-center-run": "run-going",
}


def main() -> None:
    """Fill a server with something of everything, and look at it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--readme", action="store_true", help="only those that the documents show")
    wanted = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="lamplighter-pictures-") as folder,
        BookShop() as shop,
        RunningServer(Path(folder) / "data") as server,
        chromium() as browser,
    ):
        print("Filling a server with something of everything …", flush=True)
        house = SampleHouse(server, shop)
        house.fill()
        if wanted.readme:
            _for_documents(browser, server, house)
        else:
            _all(browser, server, house)


def _all(browser: Browser, server: RunningServer, house: SampleHouse) -> None:
    target = ROOT / "build" / "pictures"
    target.mkdir(parents=True, exist_ok=True)
    for width in SIZES:
        for theme in THEMES:
            page = signed_in(browser, server.url, width=width, theme=theme)
            for name in PAGES_OF_THE_HOUSE:
                _look(page, house, name)
                page.screenshot(path=target / f"{name}-{width}-{theme}.png", full_page=True)
            page.goto("/sign-in")
            page.screenshot(path=target / f"sign-in-{width}-{theme}.png")
            page.context.close()
            print(f"{len(PAGES_OF_THE_HOUSE) + 1} pages at {width} pixels, {theme}", flush=True)
    print(f"They are in {target}")


def _for_documents(browser: Browser, server: RunningServer, house: SampleHouse) -> None:
    page = signed_in(browser, server.url)
    for picture, name in IN_DOCUMENTS.items():
        _look(page, house, name)
        page.screenshot(path=ROOT / "docs" / "pictures" / f"{picture}.png")
        print(f"docs/pictures/{picture}.png")


def _look(page: Page, house: SampleHouse, name: str) -> None:
    answer = page.goto(PAGES_OF_THE_HOUSE[name].format(**house.ids))
    if answer is None or answer.status != 200:
        sys.exit(f"{name} cannot be seen: {answer and answer.status}")
    page.wait_for_load_state("load")
    # A log and a preview come a little after the page.
    page.wait_for_timeout(800)


if __name__ == "__main__":
    main()
