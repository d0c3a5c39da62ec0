"""YAML as configuration files have it: what plain words mean, what is refused, and what is written is read."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.cli.blueprint.yaml_text import read, write
from lamplighter.errors import InvalidInput

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS


# YAML reads a key without a question mark before it up to 1024 characters, and JSON writes one as six, or twelve.
SHORT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


def nested(leaves: st.SearchStrategy[Any], keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=10)


@given(nested(PLAIN | st.binary(), TEXTS))
def test_what_is_written_is_read_as_it_was(value: Any) -> None:
    found = read(write(value), "f").value
    assert (found, repr(found)) == (value, repr(value))


@given(st.text("0123456789eE+-._ tfyn~<=:oxbrul\n"))
def test_a_text_that_looks_like_more_stays_text_for_every_reader(text: str) -> None:
    assert read(write(text), "f").value == text
    assert yaml.safe_load(write(text)) == text


@given(nested(PLAIN, SHORT))
def test_json_is_read_too(value: Any) -> None:
    assert read(json.dumps(value), "f").value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("null", None),
        ("", None),
        ("2026-12-24", "2026-12-24"),
        ("12:30:00", "12:30:00"),
        ("0 3 * * *", "0 3 * * *"),
        ("1e5", 1e5),
        ("007", "007"),
        ("- a\n- <<", ["a", "<<"]),
    ],
)
def test_plain_words_are_numbers_only_where_json_has_them(text: str, value: Any) -> None:
    assert read(text, "f").value == value


def test_defaults_are_merged_and_what_is_said_wins() -> None:
    text = "a: &d {x: 1, y: 2}\nb:\n  <<: *d\n  y: 3\n"
    found = read(text, "f")
    assert found.value["b"] == {"x": 1, "y": 3}
    assert found.line(("b", "y")) == 4
    assert found.line(("b", "nothing", 3)) == 2


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", "f:3", "the key 'a' twice, first in line 1"),
        ("a: [\n", "f:2", "not YAML"),
        ("cron: @daily\n", "f:1", "into quotes"),
        ("cron: * * * * *\n", "f:1", "into quotes"),
        ("1: x\n", "f:1", "no text"),
        ("a: !!python/object:os.system x\n", "f:1", "not known here"),
        ("a: &x [*x]\n", "f:1", "holds itself"),
        ("a: 1\n---\nb: 2\n", "f:2", "not YAML"),
        ("a: \0", "f", "not YAML"),
        ("<<: 3\n", "f:1", "takes a mapping"),
        ("[" * 500, "f", "too deeply"),
        ("x:\n" + "".join(f"{' ' * n}a:\n" for n in range(1, 400)) + " " * 400 + "b: 1", "f:202", "too deep"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(text: str, field: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(text, "f")
    [error] = caught.value.errors
    assert error.field == field
    assert words in error.message


def test_aliases_of_aliases_are_not_followed_for_ever() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(InvalidInput, match="too large"):
        read("\n".join(lines), "f")
