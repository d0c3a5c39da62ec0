"""Plans of proxies as the server writes them, and spiders that ask through them."""

import json
from pathlib import Path
from typing import Any

from scrapy_child_run import Outcome, project, run, spider

from recording_proxies import RecordingProxy

# Asks for every page of the input, one after another, and gives back what it saw.
PAGES = spider(
    'yield {"url": response.url, "status": response.status, "text": response.text, "meta": sorted(response.meta)}',
    attributes="""
        custom_settings = {"CONCURRENT_REQUESTS": 1, "RETRY_ENABLED": False, "HTTPERROR_ALLOW_ALL": True}

        def __init__(self, urls="[]", **kwargs):
            super().__init__(**kwargs)
            self.start_urls = json.loads(urls)
    """,
    top="import json",
)


def plan(
    folder: Path,
    *proxies: RecordingProxy | str,
    rotation: str = "RoundRobin",
    start: int = 0,
    rested: dict[int, dict[str, float]] | None = None,
) -> dict[str, str]:
    """The environment of a run with these proxies, whose ids are 1, 2, …"""
    urls = [proxy if isinstance(proxy, str) else proxy.url for proxy in proxies]
    entries = [
        {"id": number, "url": url, "rested": (rested or {}).get(number, {})}
        for number, url in enumerate(urls, 1)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "plan.json"
    path.write_text(json.dumps({"rotation": rotation, "start": start, "proxies": entries}))
    return {
        "LAMPLIGHTER_PROXY_PLAN": str(path),
        "HTTP_PROXY": urls[start],
        "HTTPS_PROXY": urls[start],
        "http_proxy": urls[start],
        "https_proxy": urls[start],
    }


def crawl(
    tmp_path: Path, urls: list[str], more: dict[str, str], source: str = PAGES, **settings: Any
) -> Outcome:
    """Ask for the addresses; ``settings`` are those of the project."""
    lines = "\n".join(f"{name} = {value!r}" for name, value in settings.items())
    folder = project(tmp_path / "bundle", source, settings=lines)
    return run(folder, given={"urls": urls}, **more)


def accounts(outcome: Outcome) -> dict[tuple[int, str], dict[str, Any]]:
    """What the report tells of each proxy and host."""
    return {(entry["id"], entry["host"]): entry for entry in outcome.report["proxies"]}
