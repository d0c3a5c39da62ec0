"""Pages are kept for people, named in the log, and bounded."""

import gzip
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from scrapy_child_run import Outcome, project, run, spider

from local_sites import Site

LARGE = "ä" * 2 * 1024 * 1024


def snapshots(
    tmp_path: Path, site: Site, *paths: str, body: str = "pass", level: str = "Info", top: str = ""
) -> Outcome:
    """Ask for the paths, in their order."""
    attributes = f"start_urls = {[f'http://127.0.0.1:{site.port}{path}' for path in paths]}\n"
    attributes += "custom_settings = {'CONCURRENT_REQUESTS': 1, 'RETRY_TIMES': 1, 'RETRY_PRIORITY_ADJUST': 1}"
    folder = project(tmp_path / "bundle", spider(body, attributes=attributes))
    return run(folder, level=level, LAMPLIGHTER_SNAPSHOTS=str(tmp_path / "snapshots"))


def kept(tmp_path: Path) -> dict[str, str]:
    """What was kept: names and content."""
    return {
        path.name: path.read_text(encoding="utf-8") for path in sorted((tmp_path / "snapshots").iterdir())
    }


def told(outcome: Outcome) -> list[str]:
    """The lines of the log that name snapshots, from the name on."""
    return [line[line.index("snapshots/") :] for line in outcome.log.splitlines() if "snapshots/" in line]


@pytest.fixture
def site() -> Iterator[Site]:
    def page(path: str) -> tuple[int, str]:
        return int(path[1:4]), f"<p>page {path} Ä</p>"

    with Site(page) as opened:
        yield opened


def test_error_pages_are_kept_also_those_that_retries_hide(tmp_path: Path, site: Site) -> None:
    outcome = snapshots(tmp_path, site, "/404/a", "/503/b")
    pages = kept(tmp_path)
    assert list(pages) == [f"000{n}-{status}-127.0.0.1.html" for n, status in enumerate((404, 503, 503), 1)]
    address = f"http://127.0.0.1:{site.port}"
    assert told(outcome) == [
        f"snapshots/0001-404-127.0.0.1.html: GET {address}/404/a answered 404",
        f"snapshots/0002-503-127.0.0.1.html: GET {address}/503/b answered 503",
        f"snapshots/0003-503-127.0.0.1.html: GET {address}/503/b answered 503",
    ]
    head, page = pages["0001-404-127.0.0.1.html"].split("\n")
    assert head.startswith(f"<!-- {address}/404/a | status 404 | 20")
    assert page == "<p>page /404/a Ä</p>"


@pytest.mark.parametrize("level", ["Warning", "Fatal"])
def test_the_lines_are_there_at_every_level_of_the_log(tmp_path: Path, site: Site, level: str) -> None:
    outcome = snapshots(tmp_path, site, "/404/a", level=level)
    (line,) = outcome.log.splitlines()
    assert " [lamplighter] INFO: snapshots/0001-404-127.0.0.1.html: GET http" in line


def test_the_first_ten_pages_are_kept(tmp_path: Path, site: Site) -> None:
    outcome = snapshots(tmp_path, site, *(f"/200/{n}" for n in range(15)))
    assert len(kept(tmp_path)) == len(told(outcome)) == 10
    assert "No more pages" not in outcome.log


def test_a_page_that_looks_like_a_wall_is_an_error_page(tmp_path: Path) -> None:
    with Site(lambda path: (200, "<title>Just a moment...</title>" if path == "/wall" else "page")) as site:
        outcome = snapshots(tmp_path, site, *(f"/{n}" for n in range(12)), "/wall")
    assert told(outcome)[-1].endswith("/wall answered 200 with a Cloudflare challenge")
    assert len(kept(tmp_path)) == 11


def test_the_page_on_which_the_spider_raised_is_kept_and_named_with_the_exception(
    tmp_path: Path, site: Site
) -> None:
    body = "if response.url.endswith(('/0', '/11')):\n    raise ValueError('no price')"
    outcome = snapshots(tmp_path, site, *(f"/200/{n}" for n in range(12)), body=body)
    lines = [line for line in told(outcome) if "ValueError" in line]
    assert lines[0] == "snapshots/0001-200-127.0.0.1.html: ValueError: no price"
    assert lines[1].startswith("snapshots/0011-200-127.0.0.1.html: ValueError: no price on GET http://127")
    assert len(kept(tmp_path)) == 11


def test_the_number_of_error_pages_is_bounded_and_that_is_told_once(tmp_path: Path, site: Site) -> None:
    outcome = snapshots(tmp_path, site, *(f"/404/{n}" for n in range(103)), "/200/good")
    assert len(kept(tmp_path)) == 101
    assert outcome.log.count("No more pages are kept in snapshots: 100 are there.") == 1


def test_a_large_page_is_cut_and_all_together_are_bounded(tmp_path: Path) -> None:
    with Site(lambda path: (404, LARGE)) as site:
        outcome = snapshots(tmp_path, site, *(f"/{n}" for n in range(13)))
    sizes = [len(page.encode()) for page in kept(tmp_path).values()]
    assert 2 * 1024**2 <= max(sizes) <= 2 * 1024**2 + 300
    assert sum(sizes) == 20 * 1024**2
    assert "| cut after 2097152 bytes -->" in kept(tmp_path)["0001-404-127.0.0.1.html"]
    assert outcome.log.count("No more pages are kept in snapshots: 20 MiB are there.") == 1


def test_what_is_not_text_is_not_kept(tmp_path: Path) -> None:
    body = "yield {'n': 1}"
    folder = project(
        tmp_path / "bundle", spider(body, attributes='start_urls = ["data:image/png;base64,iVBORw0KGgo="]')
    )
    assert run(folder, LAMPLIGHTER_SNAPSHOTS=str(tmp_path / "snapshots")).records == [{"n": 1}]
    assert not (tmp_path / "snapshots").exists()


def test_a_full_disk_does_not_stop_the_crawl(tmp_path: Path, site: Site) -> None:
    (tmp_path / "snapshots").write_text("not a folder")
    outcome = snapshots(tmp_path, site, "/404/a", "/200/b", body="yield {'n': 1}")
    assert outcome.records == [{"n": 1}]
    assert "A page cannot be kept in snapshots: " in outcome.log


class Compressed(BaseHTTPRequestHandler):
    """Answers every request with a compressed error page in Latin-1."""

    def do_GET(self) -> None:
        body = gzip.compress("<p>Grün</p>".encode("latin-1"))
        self.send_response(503)
        self.send_header("Content-Type", "text/html; charset=latin-1")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is its parent's
        pass


def test_a_compressed_error_page_is_kept_as_text(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Compressed) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        attributes = f"start_urls = ['http://127.0.0.1:{server.server_port}/']"
        folder = project(
            tmp_path / "bundle", spider("pass", attributes=attributes), settings="RETRY_TIMES = 1"
        )
        run(folder, LAMPLIGHTER_SNAPSHOTS=str(tmp_path / "snapshots"))
        server.shutdown()
        thread.join()
    assert [page.split("\n")[1] for page in kept(tmp_path).values()] == ["<p>Grün</p>"] * 2


def test_without_a_folder_nothing_is_kept_and_nothing_told(tmp_path: Path, site: Site) -> None:
    attributes = f"start_urls = ['http://127.0.0.1:{site.port}/404/a']"
    assert told(run(project(tmp_path / "bundle", spider("pass", attributes=attributes)))) == []
