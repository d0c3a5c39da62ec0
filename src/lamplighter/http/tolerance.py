"""What clients written for another server of this contract may send all the same.

That server matches paths and names of query parameters without regard to case, ignores a slash at the end,
takes an empty query parameter as not given where it may be null, and reads JSON under more names than one.
Here requests are put into the one form that the routes know, before anything else looks at them.
"""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, urlencode

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from lamplighter.http.middleware import App, Message, Receive, Send
from lamplighter.http.problems import method_not_allowed

_WITHOUT_CONTENT = (204, 304)


class Tolerance:
    """Puts requests into the form that ``routes`` know; their paths begin with ``prefix``."""

    def __init__(self, app: App, routes: Iterable[BaseRoute], prefix: str) -> None:
        self._app = app
        known = [route for route in routes if isinstance(route, APIRoute)]
        self._paths = [
            (re.compile(re.escape(prefix) + route.path_regex.pattern.removeprefix("^"), re.IGNORECASE), path)
            for route in known
            for path in [prefix + route.path_format]
        ]
        # Their last part is not an id, whatever route of another method takes it for one.
        self._methods_of_fixed: dict[str, list[str]] = {}
        for route in known:
            if "{" not in route.path_format:
                self._methods_of_fixed.setdefault(prefix + route.path_format, []).extend(
                    sorted(route.methods or ())
                )
        self._names: dict[str, tuple[str, bool]] = {}
        for route in known:
            for name, may_be_null in _query_parameters(route.dependant):
                may_everywhere = self._names.get(name.lower(), (name, True))[1]
                self._names[name.lower()] = (name, may_be_null and may_everywhere)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass the request on in its usual form."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, query = self._path(scope["path"]), scope["query_string"]
        allowed = self._methods_of_fixed.get(path)
        if allowed is not None and scope["method"] not in allowed:
            await method_not_allowed(scope["method"], path, allowed)(scope, receive, send)
            return
        tidy = {
            **scope,
            "path": path,
            "query_string": self._query(query) if query else query,
            "headers": [_header(name, value) for name, value in scope["headers"]],
        }

        async def without_type_of_nothing(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in _WITHOUT_CONTENT:
                message["headers"] = [pair for pair in message["headers"] if pair[0] != b"content-type"]
            await send(message)

        await self._app(tidy, receive, without_type_of_nothing)

    def _path(self, path: str) -> str:
        path = re.sub("/{2,}", "/", path)
        path = path.rstrip("/") or "/"
        if path == path.lower():
            return path
        for pattern, right in self._paths:
            found = pattern.match(path)
            if found is not None:
                return right.format(**found.groupdict())
        return path

    def _query(self, query: bytes) -> bytes:
        pairs = []
        for given, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True, encoding="latin-1"):
            name, may_be_null = self._names.get(given.lower(), (given, False))
            if value or not may_be_null:
                pairs.append((name, value))
        return urlencode(pairs, encoding="latin-1").encode()


def _query_parameters(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """The query parameters of a route, and whether each one may be null: then an empty one is not given."""
    for parameter in dependant.query_params:
        field = parameter.field_info
        yield parameter.alias, not field.is_required() and field.get_default() is None
    for inner in dependant.dependencies:
        yield from _query_parameters(inner)


def _header(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    if name == b"content-type" and value[:9].lower() == b"text/json":
        return name, b"application/json" + value[9:]
    return name, value
