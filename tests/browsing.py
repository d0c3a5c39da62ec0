"""A reader of pages without a browser: keeps cookies, sends forms, and reads what is on a page."""

import re
from collections.abc import Mapping, Sequence
from html import unescape
from html.parser import HTMLParser

import httpx

from running_server import KEY, RunningServer


class Reader:
    """Somebody who looks at the pages of a server."""

    def __init__(self, server: RunningServer) -> None:
        self.http = httpx.Client(base_url=server.url, timeout=60, headers={"Accept": "text/html"})

    def sign_in(self, **credentials: str) -> httpx.Response:
        """With ``name`` and ``password``, or ``key``; the administrator when nothing is said."""
        return self.send("/sign-in", credentials or {"key": KEY})

    def look(self, path: str, status: int = 200) -> str:
        """The page at a path."""
        answer = self.http.get(path)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.text

    def send(self, path: str, form: Mapping[str, str | Sequence[str]] | None = None) -> httpx.Response:
        """A form, sent from a page of this server."""
        return self.http.post(path, data=dict(form or {}), headers={"Sec-Fetch-Site": "same-origin"})

    def close(self) -> None:
        """Close the connections."""
        self.http.close()


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def text_of(page: str) -> str:
    """What can be read on a page, with single spaces."""
    parser = _Texts()
    parser.feed(page)
    return " ".join(" ".join(parser.parts).split())


def wrong_at(page: str, field: str) -> str:
    """What a page says is wrong with a field; empty when it says nothing."""
    found = re.search(rf'id="wrong-{re.escape(field)}">(.*?)</span>', page, re.DOTALL)
    return unescape(found[1]) if found else ""


class _Fields(HTMLParser):
    """The fields of the form that has some attribute, with what a browser would send of them."""

    def __init__(self, attribute: str) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self._attribute = attribute
        self._inside = False
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = self._attribute in given
        if not self._inside:
            return
        if tag == "input":
            is_box = given.get("type") in ("checkbox", "radio")
            if "name" in given and (not is_box or "checked" in given):
                self.found.setdefault(given["name"], []).append(given.get("value", ""))
        elif tag in ("select", "textarea"):
            self._open = given["name"]
            self.found[self._open] = []
        elif tag == "option" and "selected" in given:
            self.found[self._open] = [given["value"]]

    def handle_endtag(self, tag: str) -> None:
        if tag in ("select", "textarea"):
            self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open and self.lasttag == "textarea":
            self.found[self._open].append(data)


def fields_of(page: str, attribute: str) -> dict[str, Sequence[str]]:
    """What a browser would send of a form as it is; the form is the one that has an attribute."""
    parser = _Fields(attribute)
    parser.feed(page)
    return dict(parser.found)
