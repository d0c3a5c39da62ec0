"""Writes docs/reference/http.md and docs/reference/cli.md from the code: ``make docs``.

With ``--check`` nothing is written; the exit status is 1 when a page is out of date. A test does that too.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from typer.main import get_command

from lamplighter.cli.app import app as command_line
from lamplighter.http.api.access import Services
from lamplighter.http.app import create_app

FOLDER = Path(__file__).with_name("reference")
_GENERATED = "<!-- Written by docs/generate.py from the code. Do not edit; run `make docs`. -->"
_ABOUT_CLI = """\
What `lamplighter --help` and the `--help` of every command print. The [guide](../guide.md) shows them at work, and
[operations](../operations.md#environment-variables) lists the environment variables."""
_ABOUT_HTTP = """\
Made from the server's own OpenAPI document, which it serves at `/openapi.json` and shows at `/docs`. The
[guide](../guide.md#the-http-api) explains conventions, credentials and errors, and has examples.

Names of request properties are matched without regard to case, unknown ones are ignored, and `null` means "not
given". A *time* is ISO 8601; answers give UTC with `Z`. A *page* is an object with the array `items` and the number
`totalRecordCount`; it is answered when `pageIndex` or `recordsPerPage` was sent. Every request needs the header
`Authorization: ApiKey sk-…`, except those under [Whether the server works](#whether-the-server-works), the
signed download and the address of a webhook."""
_WIDTH = 100
_TITLES = {
    "agents": "Agents",
    "schedules": "Schedules",
    "runs": "Runs",
    "webhooks": "Webhooks",
    "proxy pools": "Proxy pools",
    "server groups": "Server groups and servers",
    "retention": "Retention",
    "analytics": "Analytics",
    "billing": "Usage and cost",
    "secrets": "Secrets",
    "notifications": "Notifications",
    "spaces": "Spaces and their members",
    "users": "Users",
    "api keys": "API keys",
    "tokens": "Tokens",
    "audit log": "Audit log",
    "health": "Whether the server works",
}
# Of these, one of the two names says the limit, depending on how the code declares it.
_LEAST, _MOST = ("minimum", "ge"), ("maximum", "le")
_PAGE = re.compile(r"Page_(\w+)_")
Schema = Mapping[str, Any]


def pages() -> dict[str, str]:
    """The generated pages, file name → content."""
    return {"http.md": http_page(), "cli.md": cli_page()}


# --- the command line ---------------------------------------------------------------------------------------


def cli_page() -> str:
    """What ``--help`` says of every command."""
    parts = ["# The command line", _GENERATED, _ABOUT_CLI]
    for name, text in _helps("lamplighter", get_command(command_line)):
        parts.append(f"## {name}\n\n```text\n{text}\n```")
    return "\n\n".join(parts) + "\n"


def _helps(name: str, command: Any) -> Iterator[tuple[str, str]]:
    context = command.make_context(name, [], resilient_parsing=True, terminal_width=_WIDTH)
    text = command.get_help(context).replace("\b\n", "")
    yield name, "\n".join(line.rstrip() for line in text.strip().splitlines())
    for word, child in getattr(command, "commands", {}).items():
        yield from _helps(f"{name} {word}", child)


# --- the HTTP API -------------------------------------------------------------------------------------------


def http_page() -> str:
    """Every route of the API, and every shape of a body or an answer."""
    # The document is made from the routes alone; nothing is asked of the services.
    document = create_app(cast(Services, None)).openapi()
    shapes = Shapes(document["components"]["schemas"])
    routes = [
        (operation["tags"][0], _route(method, path, operation, shapes))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    parts = ["# The HTTP API", _GENERATED, _ABOUT_HTTP]
    for tag in dict.fromkeys(of for of, _ in routes):
        parts.append(f"## {_TITLES[tag]}")
        parts += [text for of, text in routes if of == tag]
    parts += ["## Bodies and answers", *shapes.tables()]
    return "\n\n".join(parts) + "\n"


def _route(method: str, path: str, operation: Schema, shapes: "Shapes") -> str:
    lines = [f"### {method.upper()} {path}", "", _plain(operation["description"]), ""]
    lines += [_parameter(one, shapes) for one in operation.get("parameters", [])]
    lines += [f"- Body: {text}" for text in _bodies(operation.get("requestBody"), shapes)]
    lines.append(f"- Answers: {'; '.join(_answers(operation['responses'], shapes))}")
    return "\n".join(lines)


def _parameter(parameter: Schema, shapes: "Shapes") -> str:
    schema = parameter["schema"]
    default = f", default `{json.dumps(schema['default'])}`" if schema.get("default") is not None else ""
    required = ", required" if parameter.get("required") and parameter["in"] == "query" else ""
    told = parameter.get("description") or ""
    where = "Query" if parameter["in"] == "query" else "Path"
    text = f"- {where} `{parameter['name']}`: {shapes.type_of(schema, null=False)}{required}{default}"
    return f"{text}. {told}" if told else text


def _bodies(body: Schema | None, shapes: "Shapes") -> Iterator[str]:
    for kind, content in (body or {}).get("content", {}).items():
        schema = content["schema"]
        if "properties" in schema:
            given = [f"`{name}` ({shapes.type_of(one)})" for name, one in schema["properties"].items()]
            yield f"`{kind}` with {', '.join(given)}"
        else:
            optional = "" if (body or {}).get("required") else " (may be left out)"
            yield shapes.type_of(schema, null=False) + optional


def _answers(answers: Schema, shapes: "Shapes") -> Iterator[str]:
    good = sorted(status for status in answers if int(status) < 400)
    for status in good:
        content = answers[status].get("content", {})
        kinds = [shapes.answer(kind, one.get("schema")) for kind, one in content.items()]
        said = answers[status]["description"]
        told = [] if said == "Successful Response" else [said[0].lower() + said[1:]]
        yield " ".join([f"`{status}`", ": ".join([*told, " or ".join(kinds)] if kinds else told)]).strip()
    bad = sorted(status for status in answers if int(status) >= 400)
    if bad:
        yield f"{', '.join(f'`{status}`' for status in bad)} with a {shapes.link('Problem')}"


class Shapes:
    """The named schemas of the document: links to them, and a table for each."""

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = schemas

    def link(self, name: str) -> str:
        """A link to the table of a shape."""
        title = _title(name)
        return f"[{title}](#{title.lower()})"

    def tables(self) -> Iterator[str]:
        """A section for every shape that is an object."""
        objects = {
            _title(name): schema
            for name, schema in self._schemas.items()
            if "properties" in schema and not _PAGE.fullmatch(name)
        }
        for title in sorted(objects):
            yield self._table(title, objects[title])

    def answer(self, kind: str, schema: Schema | None) -> str:
        """What an answer of a media type holds."""
        return self.type_of(schema) if schema else f"`{kind}`"

    def type_of(self, schema: Schema, *, null: bool = True) -> str:
        """The type and limits of a value, in words; ``null`` says whether that it may be null is told."""
        if "$ref" in schema:
            return self._named(schema["$ref"].rpartition("/")[2])
        if "anyOf" in schema:
            kinds = [self.type_of(one) for one in schema["anyOf"] if one.get("type") != "null"]
            return " or ".join([*kinds, "null"] if null and len(kinds) < len(schema["anyOf"]) else kinds)
        if "enum" in schema:
            return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
        kind = schema.get("type")
        if kind == "array":
            return f"array of {self.type_of(schema['items'])}{_limits(schema)}"
        if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            return f"object of {self.type_of(schema['additionalProperties'])}"
        word = "time" if schema.get("format") == "date-time" else kind or "any"
        return f"{word}{_limits(schema)}"

    def _named(self, name: str) -> str:
        if page := _PAGE.fullmatch(name):
            return f"a page of {self.link(page[1])}"
        schema = self._schemas[name]
        return self.link(name) if "properties" in schema else self.type_of(schema)

    def _table(self, title: str, schema: Schema) -> str:
        is_request = title.endswith("Request")
        rows = ["| property | type | |", "| --- | --- | --- |"]
        for name, value in schema["properties"].items():
            told = [_plain(one["description"]) for one in _alternatives(value) if one.get("description")]
            if is_request and value.get("default") not in (None, ""):
                told.append(f"default `{json.dumps(value['default'])}`")
            kind = self.type_of(value, null=not is_request)
            rows.append(f"| `{name}` | {kind} | {'; '.join(told)} |")
        return "\n".join([f"### {title}", "", _plain(schema.get("description", "")), "", *rows])


def _alternatives(schema: Schema) -> list[Schema]:
    return [schema, *schema.get("anyOf", [])]


def _title(name: str) -> str:
    return name.removesuffix("Shape")


def _limits(schema: Schema) -> str:
    least = next((int(schema[key]) for key in _LEAST if key in schema), None)
    most = next((int(schema[key]) for key in _MOST if key in schema), None)
    text = ""
    if least is not None and most is not None:
        text += f", {least} to {most}"
    elif least is not None:
        text += f", at least {least}"
    long = (schema.get("minLength"), schema.get("maxLength"))
    if long[1] is not None:
        text += f", {long[0]} to {long[1]} characters" if long[0] else f", at most {long[1]} characters"
    if "maxItems" in schema:
        text += f", at most {schema['maxItems']}"
    return text


def _plain(text: str) -> str:
    return re.sub(r"``(.+?)``", r"`\1`", " ".join(text.split()))


def main(arguments: list[str]) -> int:
    """Write the pages, or with ``--check`` compare them."""
    stale = [
        FOLDER / name
        for name, content in pages().items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text(encoding="utf-8") != content
    ]
    if arguments == ["--check"]:
        sys.stderr.writelines(f"{path} is out of date: run `make docs`\n" for path in stale)
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for name, content in pages().items():
        (FOLDER / name).write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
