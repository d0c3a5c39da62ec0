"""The documents say what the code does: links, settings, keys, dependencies, commands, bodies, references."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast, get_args

import pytest
from pydantic import BaseModel
from typer.main import get_command

from lamplighter.cli.app import app as command_line
from lamplighter.http.api.access import Services
from lamplighter.http.app import create_app
from lamplighter.manifest import Manifest, read_manifest
from lamplighter.service.billing import CreditsRequest, RatesRequest
from lamplighter.service.comparisons import CompareRequest
from lamplighter.service.notifications import NotificationRequest, RotateRequest
from lamplighter.service.requests import (
    AgentRequest,
    KeyRequest,
    PasswordRequest,
    PreviewRequest,
    Request,
    ScheduleRequest,
    StartRequest,
)
from lamplighter.service.secrets import SecretRequest
from lamplighter.service.webhooks import WebhookRequest
from lamplighter.triggers import parse_cron, zone

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SHELL = ("sh", "console")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def fences(path: Path) -> Iterator[tuple[str, str]]:
    """The blocks of code of a document: language and content."""
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text_of(path), re.MULTILINE | re.DOTALL):
        yield match[1], match[2]


def prose(path: Path) -> str:
    return re.sub(r"^```.*?^```$", "", text_of(path), flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> list[str]:
    """The anchors of a document's headings, made as GitHub makes them."""
    found: list[str] = []
    for heading in re.findall(r"^#+ +(.+)$", prose(path), re.MULTILINE):
        words = re.sub(r"\[([^]]*)]\([^)]*\)", r"\1", heading).strip().lower()
        found.append(re.sub(r"[^\w\- ]", "", words).replace(" ", "-"))
    return found


# --- links and words ---


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_every_relative_link_and_anchor_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"]\(([^)\s]+)\)", prose(path)):
        if target.startswith(("https://", "http://")):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), f"{named(path)}: {target} is not there"
        assert file.is_relative_to(ROOT), f"{named(path)}: {target} leads out of the project"
        if anchor:
            assert anchors(file).count(anchor) == 1, (
                f"{named(path)}: {target} leads to no heading, or to several"
            )


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, open_ends = set[Path](), [ROOT / "README.md"]
    while open_ends:
        path = open_ends.pop()
        if path in reached or path.suffix != ".md" or not path.exists():
            continue
        reached.add(path)
        targets = re.findall(r"]\(([^)#\s]+)", prose(path))
        open_ends += [(path.parent / target).resolve() for target in targets if "://" not in target]
    assert set(DOCUMENTS) - reached == set()


def test_the_picture_needs_nothing_from_other_hosts() -> None:
    picture = (ROOT / "docs/pictures/demo.svg").read_text(encoding="utf-8")
    assert "@font-face" not in picture
    assert not re.search(r"""(href|src|url)\s*[=(]\s*["']?(https?:)?//""", picture)
    assert not re.search(r"sk-[\w-]{4}", picture), "it shows a key"


# --- settings, keys, dependencies, references ---


def variables(text: str) -> set[str]:
    return set(re.findall(r"LAMPLIGHTER_[A-Z]+(?:_[A-Z]+)*", text))


def test_every_environment_variable_of_the_source_is_in_operations_and_no_other() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    assert variables(text_of(ROOT / "docs/operations.md")) == variables(source)
    documented = {name for path in DOCUMENTS for name in variables(text_of(path))}
    assert documented - variables(source) == set()


def keys_of(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The keys of agent.toml, each as ``section.key``; a table of named sections has NAME in its place."""
    for attribute, field in section.model_fields.items():
        name = field.alias or attribute
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                middle = "NAME." if getattr(field.annotation, "__origin__", None) is dict else ""
                yield from keys_of(kind, f"{prefix}{name}.{middle}")
                break
        else:
            yield prefix + name


def test_every_key_of_agent_toml_is_in_the_guide_and_no_other() -> None:
    table = re.findall(
        r"^\| `((?:agent|inputs|success|export|limits)\.[\w.]+)` \|", text_of(ROOT / "docs/guide.md"), re.M
    )
    assert Counter(table) == Counter(keys_of(Manifest))


def test_every_direct_dependency_is_in_the_list_with_its_reason_and_no_other() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    sections = {
        "At run time": project["dependencies"],
        "For development": project["optional-dependencies"].pop("dev"),
        **{f"With `[{name}]`": found for name, found in project["optional-dependencies"].items()},
    }
    page = text_of(ROOT / "docs/dependencies.md")
    for title, requirements in sections.items():
        part = page.partition(f"## {title}\n")[2].partition("\n## ")[0]
        listed = re.findall(r"^\| `([\w-]+)` \| (\S.*?) \|", part, re.MULTILINE)
        wanted = [re.split(r"[\[<>=~! ]", requirement)[0] for requirement in requirements]
        assert sorted(name for name, _ in listed) == sorted(wanted), title


def test_the_references_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "docs/generate.py"), "--check"]
    environment = {**os.environ, "COLUMNS": "200"}  # the pages do not depend on the terminal
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def test_every_agent_toml_in_the_documents_is_valid() -> None:
    found = [code for path in DOCUMENTS for language, code in fences(path) if language == "toml"]
    assert found
    for code in found:
        read_manifest({"agent.toml": code.encode()})


# --- commands ---


def shell_commands(path: Path) -> Iterator[list[str]]:
    """The simple commands in a document's blocks of shell, as words."""
    for language, code in fences(path):
        if language not in SHELL:
            continue
        lines = code.replace("\\\n", " ").splitlines()
        if language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        for line in lines:
            yield from _simple_commands(line)


def _simple_commands(line: str) -> Iterator[list[str]]:
    words = shlex.shlex(line, posix=True, punctuation_chars=";|&")
    words.whitespace_split = True
    command: list[str] = []
    for word in words:
        if set(word) <= set(";|&"):
            yield command
            command = []
        else:
            command.append(word)
    yield command


COMMANDS = [
    pytest.param(words[1:], id=f"{named(path)}: {' '.join(words)}")
    for path in DOCUMENTS
    for words in shell_commands(path)
    if words[:1] == ["lamplighter"]
]
# In running text a command may be named without its arguments.
MENTIONS = [
    pytest.param(shlex.split(text)[1:], id=f"{named(path)}: {text}")
    for path in DOCUMENTS
    if path.parent.name != "reference"
    for text in re.findall(r"`(lamplighter [^`]+)`", " ".join(prose(path).split()))
]


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the words name, and what is left of them."""
    command: Any = get_command(command_line)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_in_a_block_of_code_can_be_given_as_it_stands(words: list[str]) -> None:
    command, rest = command_of(words)
    if rest == ["--help"]:
        return
    assert not hasattr(command, "commands"), f"{rest[:1]} is no command"
    given, left, _ = command.make_parser(command.make_context("x", [], resilient_parsing=True)).parse_args(
        rest
    )
    assert left == []
    missing = [p.name for p in command.params if p.required and given.get(p.name) is None]
    assert missing == []


@pytest.mark.parametrize("words", MENTIONS)
def test_every_command_in_running_text_exists_with_its_options(words: list[str]) -> None:
    command, rest = command_of(words)
    options = {name for p in command.params for name in (*p.opts, *p.secondary_opts)} | {"--help"}
    assert {word for word in rest if word.startswith("-")} <= options
    assert not (hasattr(command, "commands") and rest and not rest[0].startswith("-")), (
        f"{rest[0]} is no command"
    )


def options_of(command: Any) -> set[str]:
    """The options of a command and of all below it."""
    own = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
    return own.union(*map(options_of, getattr(command, "commands", {}).values()))


@pytest.mark.parametrize("name", ["README.md", "docs/guide.md", "docs/operations.md", "docs/glossary.md"])
def test_every_option_in_running_text_is_one_of_some_command(name: str) -> None:
    told = set(re.findall(r"`(--[\w-]+)[^`]*`", prose(ROOT / name)))
    assert told <= options_of(get_command(command_line))


# --- requests ---


def address_of(words: list[str]) -> str:
    return next(word for word in words if word.startswith(("http://", "$LAMPLIGHTER_URL")))


CURLS = [
    pytest.param(words, id=f"{named(path)}: {address_of(words)}")
    for path in DOCUMENTS
    for words in shell_commands(path)
    if words[:1] == ["curl"]
]
BODIES: dict[str, type[Request]] = {
    r"/agent": AgentRequest,
    r"/agent/\d+/start": StartRequest,
    r"/agent/\d+/schedules(/\d+)?": ScheduleRequest,
    r"/agent/\d+/schedules/\d+/compare": CompareRequest,
    r"/schedules/preview": PreviewRequest,
    r"/secrets/\w+": SecretRequest,
    r"/api-keys": KeyRequest,
    r"/users/\d+/password": PasswordRequest,
    r"/agent/\d+/webhooks": WebhookRequest,
    r"/notifications": NotificationRequest,
    r"/notifications/\d+/rotate": RotateRequest,
    r"/billing/rates": RatesRequest,
    r"/billing/credits": CreditsRequest,
}


def option(words: list[str], name: str) -> str | None:
    return words[words.index(name) + 1] if name in words else None


def path_of(words: list[str]) -> str:
    return "/" + address_of(words).removeprefix("http://").partition("/")[2].partition("?")[0]


@pytest.mark.parametrize("words", CURLS)
def test_every_request_in_the_documents_has_a_route(words: list[str]) -> None:
    paths = create_app(cast(Services, None)).openapi()["paths"]
    method = (option(words, "-X") or ("POST" if "-d" in words else "GET")).lower()
    found = [
        path
        for path, operations in paths.items()
        if method in operations and re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), path_of(words))
    ]
    assert found, f"{method} {path_of(words)}"


@pytest.mark.parametrize("words", [one for one in CURLS if "application/json" in str(one.values[0])])
def test_every_body_in_the_documents_is_accepted(words: list[str]) -> None:
    path = path_of(words).removeprefix("/api/v1")
    [kind] = [kind for pattern, kind in BODIES.items() if re.fullmatch(pattern, path)]
    document = json.loads(option(words, "-d") or "")
    body = kind.model_validate(document)
    known = {name.lower().replace("_", "") for name in kind.model_fields}
    assert {name.lower() for name in document} <= known, "an unknown property would be ignored"
    if isinstance(body, ScheduleRequest):
        parse_cron(body.cron_expression or "* * * * *")
        zone(body.timezone or "UTC")
    if isinstance(body, AgentRequest):
        read_manifest({name: content.encode() for name, content in (body.files or {}).items()})


def test_every_block_of_json_is_json() -> None:
    found = [code for path in DOCUMENTS for language, code in fences(path) if language == "json"]
    assert found
    for document in (document for code in found for document in code.strip().split("\n\n")):
        json.loads(document)


def test_the_tests_that_the_page_on_security_names_exist() -> None:
    named_there = re.findall(r"`(tests/[\w/.]+)`", text_of(ROOT / "docs" / "security.md"))
    assert len(named_there) > 10
    assert [name for name in named_there if not (ROOT / name).exists()] == []
