"""The input of runs: what it must be like, and references to secrets in it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.errors import InvalidInput
from lamplighter.manifest import Manifest, inputs, read_manifest

TYPES: dict[str, list[Any]] = {
    "string": ["", "10", "${secret:A}"],
    "integer": [0, -3, 3.0, 10**30],
    "number": [0, 1.5, -1e300, 3.0],
    "boolean": [True, False],
    "array": [[], [1, "a", None]],
    "object": [{}, {"a": [1]}],
}
WRITTEN = {
    "string": "write it in quotes",
    "integer": "write a whole number, such as 10",
    "number": "write it without quotes, such as 1.5",
    "boolean": "write true or false",
    "array": "write one such as [",
    "object": "write one such as {",
}


def manifest(toml: str) -> Manifest:
    return read_manifest({"agent.toml": f'[agent]\nrun = ["true"]\n{toml}'.encode()})


def wrong_defaults(toml: str) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        manifest(toml)
    return {error.field: error.message for error in caught.value.errors}


# --- types ---


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in TYPES for value in TYPES[kind]])
def test_a_value_of_the_declared_type_fits(kind: str, value: Any) -> None:
    declared = manifest(f'[inputs.x]\ntype = "{kind}"\n')
    assert inputs.problems(declared, {"x": value}) == []
    assert inputs.problems(declared, [{"x": value}, {"x": value}]) == []


@pytest.mark.parametrize("kind", TYPES)
def test_a_value_of_another_type_does_not_fit_and_the_sentence_says_what_would(kind: str) -> None:
    declared = manifest(f'[inputs.x]\ntype = "{kind}"\n')
    alike = {"number": {"integer"}, "integer": {"number"}}.get(kind, set())
    for other in TYPES.keys() - alike - {kind}:
        for value in TYPES[other]:
            [problem] = inputs.problems(declared, {"x": value})
            assert problem.startswith(f"x: {json.dumps(value)} is not a")
            assert WRITTEN[kind] in problem


def test_a_number_with_a_fraction_is_no_integer() -> None:
    declared = manifest('[inputs.pages]\ntype = "integer"\n')
    assert inputs.problems(declared, {"pages": 1.5}) == [
        "pages: 1.5 is not an integer: write a whole number, such as 10"
    ]


def test_the_row_of_a_mistake_is_named() -> None:
    declared = manifest('[inputs.pages]\ntype = "integer"\n')
    assert inputs.problems(declared, [{"pages": 1}, {}, {"pages": "ten"}]) == [
        'row 3: pages: "ten" is not an integer: write a whole number, such as 10'
    ]


def test_null_is_not_given_so_it_fits_every_type_and_gives_way_to_a_default() -> None:
    declared = manifest('[inputs.pages]\ntype = "integer"\ndefault = 3\n[inputs.url]\ntype = "string"\n')
    assert inputs.problems(declared, {"pages": None, "url": None}) == []
    assert declared.complete_input({"pages": None, "url": None}) == {"pages": 3, "url": None}
    assert declared.complete_input([{"pages": 5}, {}]) == [{"pages": 5}, {"pages": 3}]


def test_without_declared_inputs_every_object_fits() -> None:
    assert inputs.problems(manifest(""), {"anything": [1, {"goes": None}]}) == []


def test_a_name_that_is_not_declared_is_passed_on() -> None:
    declared = manifest('[inputs.url]\ntype = "string"\n')
    assert inputs.problems(declared, {"other": 1}) == []
    assert declared.complete_input({"other": 1}) == {"other": 1}


@pytest.mark.parametrize("value", [1, "text", None, [1], [{}, []]])
def test_what_is_no_object_and_no_rows_does_not_fit(value: Any) -> None:
    assert inputs.problems(manifest(""), value) == ["must be a JSON object or an array of JSON objects"]


def test_a_long_value_is_shown_shortened() -> None:
    declared = manifest('[inputs.pages]\ntype = "integer"\n')
    [problem] = inputs.problems(declared, {"pages": "x" * 10_000})
    assert len(problem) < 150


def test_at_most_twenty_mistakes_are_told() -> None:
    declared = manifest('[inputs.pages]\ntype = "integer"\n')
    assert len(inputs.problems(declared, [{"pages": "x"}] * 20)) == 20
    told = inputs.problems(declared, [{"pages": "x"}] * 21)
    assert (len(told), told[-1]) == (21, "and more")


# --- required ---


def test_a_required_input_must_be_given_in_every_row() -> None:
    declared = manifest("[inputs.url]\nrequired = true\n[inputs.key]\nrequired = true\n")
    assert inputs.problems(declared, {}) == ["the agent requires url, key"]
    assert inputs.problems(declared, [{"url": "a", "key": 1}, {"url": "b", "key": None}]) == [
        "row 2: the agent requires key"
    ]
    assert inputs.problems(declared, []) == []


def test_a_default_satisfies_what_is_required() -> None:
    assert inputs.problems(manifest("[inputs.url]\nrequired = true\ndefault = 1\n"), {}) == []


@pytest.mark.parametrize("given", ["ulr", "URL", "urls"])
def test_a_misspelled_name_of_a_required_input_gets_a_hint(given: str) -> None:
    declared = manifest("[inputs.url]\nrequired = true\n")
    [problem] = inputs.problems(declared, {given: "a", "quite different": 1})
    assert problem == f"the agent requires url; did you mean url instead of {given}?"


# --- defaults ---


@pytest.mark.parametrize(("kind", "value"), [("integer", '"ten"'), ("string", "5"), ("boolean", "1")])
def test_a_default_of_another_type_is_refused_when_the_agent_is_saved(kind: str, value: str) -> None:
    errors = wrong_defaults(f'[inputs.pages]\ntype = "{kind}"\ndefault = {value}\n')
    assert list(errors) == ["agent.toml: inputs.pages.default"]
    assert WRITTEN[kind] in errors["agent.toml: inputs.pages.default"]


def test_all_wrong_defaults_are_told_with_all_other_mistakes() -> None:
    errors = wrong_defaults(
        '[inputs.a]\ndefault = "x"\ntype = "integer"\n[inputs.b]\ntype = "array"\ndefault = 1\n[other]\nx = 1\n'
    )
    assert errors.keys() == {
        "agent.toml: inputs.a.default",
        "agent.toml: inputs.b.default",
        "agent.toml: other",
    }


@pytest.mark.parametrize("value", ["inf", "nan", "[1, -inf]"])
def test_a_default_that_json_cannot_say_is_refused(value: str) -> None:
    assert "inf or nan" in wrong_defaults(f"[inputs.a]\ndefault = {value}\n")["agent.toml: inputs.a.default"]


@pytest.mark.parametrize("value", ["[1, 2]", '{a = "b"}'])
def test_a_default_may_be_an_array_or_an_object(value: str) -> None:
    kind = "array" if value.startswith("[") else "object"
    declared = manifest(f'[inputs.a]\ntype = "{kind}"\ndefault = {value}\n')
    assert inputs.problems(declared, declared.complete_input({})) == []


def test_a_version_that_was_saved_before_defaults_were_checked_can_still_be_read() -> None:
    stored = {"agent": {"run": ["true"]}, "inputs": {"pages": {"type": "integer", "default": "ten"}}}
    declared = Manifest.model_validate(stored)
    assert inputs.problems(declared, declared.complete_input({})) == [
        'pages: "ten" is not an integer: write a whole number, such as 10'
    ]


# --- references to secrets ---

NAMES = st.text("ABc_.-1", min_size=1, max_size=4)
PIECES = st.one_of(
    st.text("a$ {}:\\secret", max_size=6),
    NAMES.map(lambda name: f"${{secret:{name}}}"),
    NAMES.map(lambda name: f"$${{secret:{name}}}"),
)
TEXTS = st.lists(PIECES, max_size=5).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


class Asked(dict[str, str]):
    """Values for every name that is asked for, which it remembers."""

    def __missing__(self, name: str) -> str:
        return self.setdefault(name, f"<{name}>")


@given(VALUES)
def test_exactly_the_secrets_that_are_reported_are_asked_for(value: Any) -> None:
    asked = Asked()
    inputs.with_secrets(value, asked)
    assert asked.keys() == inputs.secret_names(value)


@given(VALUES)
def test_nothing_but_references_is_changed(value: Any) -> None:
    if "${secret:" not in json.dumps(value):
        assert inputs.with_secrets(value, {}) == value
        assert inputs.secret_names(value) == set()


@given(st.lists(NAMES, min_size=1, max_size=5), st.text("xyz ,/", min_size=1, max_size=3))
def test_no_reference_is_left_where_its_value_is_given(names: list[str], between: str) -> None:
    text = between.join(f"${{secret:{name}}}" for name in names)
    values = {name: f"value of {name}" for name in names}
    assert inputs.with_secrets({"a": [text]}, values) == {"a": [between.join(values[n] for n in names)]}


def test_a_reference_stands_anywhere_in_a_text() -> None:
    value = {
        "url": "https://u:${secret:PASS}@host/?k=${secret:KEY}",
        "deep": [{"x": "${secret:KEY}"}],
        "n": 1,
    }
    assert inputs.secret_names(value) == {"PASS", "KEY"}
    assert inputs.with_secrets(value, {"PASS": "p", "KEY": "k"}) == {
        "url": "https://u:p@host/?k=k",
        "deep": [{"x": "k"}],
        "n": 1,
    }


def test_two_dollars_stand_for_the_text_itself() -> None:
    assert inputs.secret_names("$${secret:A}") == set()
    assert inputs.with_secrets("$${secret:A} ${secret:A}", {"A": "v"}) == "${secret:A} v"


def test_a_value_is_taken_as_it_is_even_if_it_looks_like_a_reference() -> None:
    values = {"A": "${secret:B}", "B": r"\1 \g<name>"}
    assert inputs.with_secrets("${secret:A} ${secret:B}", values) == r"${secret:B} \1 \g<name>"


def test_a_secret_that_is_not_there_cannot_be_put_in() -> None:
    with pytest.raises(KeyError):
        inputs.with_secrets("${secret:A}", {})


def test_keys_of_objects_are_no_place_for_a_secret() -> None:
    assert inputs.secret_names({"${secret:A}": 1}) == set()
    assert inputs.with_secrets({"${secret:A}": 1}, {"A": "v"}) == {"${secret:A}": 1}


def test_a_run_refers_to_the_secrets_of_its_input_and_of_defaults_that_it_does_not_replace() -> None:
    declared = manifest('[inputs.key]\ndefault = "${secret:DEFAULT}"\n')
    assert inputs.secret_names_of(declared, {"x": "${secret:X}"}) == {"DEFAULT", "X"}
    assert inputs.secret_names_of(declared, [{"key": "own"}]) == set()


def test_an_unknown_secret_is_told_with_those_that_are_spelled_alike() -> None:
    assert inputs.unknown_secrets({"TOKEN", "KEY", "API_KEI"}, {"KEY", "API_KEY"}) == [
        "there is no secret 'API_KEI'; did you mean API_KEY?",
        "there is no secret 'TOKEN': set it first",
    ]


@given(
    st.recursive(
        st.text("$${}secret:NAME"), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_what_is_taken_literally_refers_to_nothing_and_comes_out_as_it_was(value: Any) -> None:
    for one in (value, "${secret:NAME}", ["$$${secret:NAME}", {"${secret:NAME}": "$${secret:${secret:A}}"}]):
        assert inputs.secret_names(inputs.literal(one)) == set()
        assert inputs.with_secrets(inputs.literal(one), {}) == one
