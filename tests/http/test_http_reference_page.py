"""The page at /docs: every route, from the server itself."""

import re

import httpx

from running_server import RunningServer


def test_the_page_names_every_route_and_loads_nothing(server: RunningServer) -> None:
    page = httpx.get(f"{server.url}/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    document = httpx.get(f"{server.url}/openapi.json").json()
    shown = set(re.findall(r"<b>([A-Z]+)</b><code>([^<]+)</code>", page.text))
    known = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert shown == known
    assert re.findall(r"""(?:src|href)\s*=\s*["'][^"']*""", page.text) == ['href="openapi.json']
    assert "http://" not in page.text
    assert "https://" not in page.text
