"""The page at ``/docs``: every route, written from the OpenAPI document on the server.

It loads nothing from anywhere, so that it works on a machine without the internet and tells nobody of a visit.
"""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881;
  --dim: color-mix(in srgb, currentColor 65%, transparent) }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 4rem }
h1 { margin: 0 } h2 { margin: 2.5rem 0 .5rem; text-transform: capitalize } p { margin: .4rem 0 }
details { border-top: 1px solid var(--line) }
summary { cursor: pointer; padding: .5rem .2rem; display: flex; flex-wrap: wrap; gap: 0 .7rem }
summary:hover { background: var(--soft) } summary b { min-width: 4rem } summary span, .dim { color: var(--dim) }
code { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere } td code { white-space: nowrap }
.in { padding: 0 .2rem 1rem; overflow-x: auto }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 .8rem } th { font-weight: 600 }
td, th { text-align: left; padding: .2rem .6rem .2rem 0; border-top: 1px solid var(--line); vertical-align: top }
"""


def page(document: Mapping[str, Any]) -> str:
    """The page for an OpenAPI document, as HTML."""
    info = document["info"]
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style></head><body>",
            f'<h1>{escape(info["title"])} API</h1><p class="dim">version {escape(info["version"])} · ',
            '<a href="openapi.json">openapi.json</a></p>',
            f"<p>{escape(info['description'])}</p>",
            "<p>Send <code>Authorization: ApiKey sk-…</code> with every request.</p>",
            *_groups(document),
            "</body></html>",
        ]
    )


def _groups(document: Mapping[str, Any]) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            one = "".join(_operation(document, path, method, operation))
            groups.setdefault(operation["tags"][0], []).append(one)
    for name, routes in groups.items():
        yield f"<h2>{escape(name)}</h2>{''.join(routes)}"


def _operation(
    document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]
) -> Iterator[str]:
    text = operation.get("description", "").replace("`", "")
    yield f"<details><summary><b>{method.upper()}</b><code>{escape(path)}</code>"
    yield f'<span>{escape(text)}</span></summary><div class="in">'
    parameters = [
        (p["name"], _kind(document, p["schema"]), p["in"] + (", required" if p.get("required") else ""))
        for p in operation.get("parameters", [])
    ]
    yield from _table("Parameters", parameters)
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield from _table(f"Body, {kind}", _properties(document, content["schema"]))
    for status, answer in operation["responses"].items():
        found = answer.get("content", {}).get("application/json", {}).get("schema", {})
        if status.startswith("2"):
            yield from _table(f"Answer {status}", _properties(document, found))
    others = [f"{s} {a['description']}" for s, a in operation["responses"].items() if not s.startswith("2")]
    yield f'<p class="dim">{escape("; ".join(others))}</p></div></details>'


def _table(title: str, rows: list[tuple[str, str, str]]) -> Iterator[str]:
    if rows:
        yield f"<table><tr><th colspan=3>{escape(title)}</th></tr>"
        for name, kind, note in rows:
            yield f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind)}</td><td>{escape(note)}</td></tr>"
        yield "</table>"


def _properties(document: Mapping[str, Any], schema: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The properties of a schema, of the items of a list, or of the first of several that has some."""
    if "$ref" in schema:
        return _properties(document, document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    for part in (*schema.get("anyOf", ()), schema.get("items", {})):
        found = _properties(document, part) if part else []
        if found:
            return found
    return [
        (name, _kind(document, p), p.get("description", ""))
        for name, p in schema.get("properties", {}).items()
    ]


def _kind(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        known = document["components"]["schemas"][name]
        return _kind(document, known) if "enum" in known else str(name)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(document, part) for part in schema["anyOf"]))
    kind = str(schema.get("type", "any"))
    if "enum" in schema:
        kind += ": " + ", ".join(map(str, schema["enum"]))
    limits = [
        f"{word} {schema[key]:.0f}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in schema
    ]
    return " ".join([kind, *limits])
