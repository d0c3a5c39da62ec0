"""What is wrong in agent.toml is told in words of TOML, with what would be right."""

import pytest

from lamplighter.errors import InvalidInput
from lamplighter.manifest import Manifest, read_manifest


def errors_of(toml: str) -> dict[str, str]:
    with pytest.raises(InvalidInput) as refused:
        read_manifest({"agent.toml": toml.encode()})
    return {error.field.removeprefix("agent.toml: "): error.message for error in refused.value.errors}


RUN = '[agent]\nrun = ["true"]\n'


@pytest.mark.parametrize(
    ("toml", "field", "message"),
    [
        ('[success]\nmin_records = "5"', "success.min_records", 'such as 100, not "5"'),
        ("[success]\nmax_errors = 1.0", "success.max_errors", "must be a whole number without quotes"),
        ('[limits]\ntimeout_seconds = "600"', "limits.timeout_seconds", 'such as 100, not "600"'),
        ("[limits]\nmemory_mb = true", "limits.memory_mb", "such as 100, not true"),
        (
            '[inputs.a]\nrequired = "yes"',
            "inputs.a.required",
            'must be true or false, without quotes, not "yes"',
        ),
        ("[inputs.a]\nrequired = 1", "inputs.a.required", "must be true or false, without quotes, not 1"),
    ],
)
def test_numbers_and_truth_values_are_written_without_quotes(toml: str, field: str, message: str) -> None:
    errors = errors_of(RUN + toml)
    assert list(errors) == [field]
    assert message in errors[field]


def test_what_an_older_version_has_saved_stays_readable() -> None:
    stored = {
        "agent": {"run": ["true"]},
        "success": {"min_records": "5"},
        "limits": {"timeout_seconds": "600", "memory_mb": 100.0},
        "inputs": {"a": {"required": "yes", "default": "${secret:}"}},
        "export": {
            "destination": [
                {"to": "postgresql://h/d", "table": "a.b.c"},
                {"to": "https://example.com/", "secret": "${secret:}"},
            ]
        },
    }
    manifest = Manifest.model_validate(stored)
    assert manifest.success.min_records == 5
    assert (manifest.limits.timeout_seconds, manifest.limits.memory_mb) == (600, 100)
    assert manifest.inputs["a"].required is True


@pytest.mark.parametrize(
    ("toml", "field", "message"),
    [
        (
            '[agent]\nrun = "python main.py"',
            "agent.run",
            'must be a list of words, such as ["python", "main.py"], not "python main.py"',
        ),
        ('[agent]\nrun = ["python", 5]', "agent.run.1", 'such as "books", not 5'),
        ("[agent]\nrun = []", "agent.run", "must have at least one element"),
        ('[agent]\nrun = ["true"]\nname = ""', "agent.name", "must have at least one character"),
        (f'[agent]\nrun = ["true"]\nname = "{"x" * 201}"', "agent.name", "must have at most 200 characters"),
        ('agent = "python main.py"', "agent", "must be a table of keys and values"),
        (
            RUN + "[success]\nschema = 5",
            "success.schema",
            'the path of a JSON file, such as "schema.json", not 5',
        ),
        (
            RUN + '[success]\nbaseline = "ignore"',
            "success.baseline",
            "must be 'warn', 'fail' or 'off', not \"ignore\"",
        ),
        (RUN + "[success]\nmin_records = -1", "success.min_records", "must be 0 or more, not -1"),
        (
            RUN + "[export]\ndestination = 5",
            "export.destination.0",
            'must be an address, such as "/srv/records"',
        ),
        (RUN + '[export]\nformats = "csv"', "export.formats", 'such as ["jsonl", "csv"], not "csv"'),
        (RUN + "[export]\ndestination = {}", "export.destination.0.to", "is required"),
        (RUN + "[export]\ndestination = { to = 5 }", "export.destination.0.to", "must be a text in quotes"),
    ],
)
def test_a_value_of_the_wrong_form_is_told_with_the_right_one(toml: str, field: str, message: str) -> None:
    errors = errors_of(toml)
    assert list(errors) == [field]
    assert message in errors[field]


def test_a_destination_of_the_wrong_form_does_not_tell_what_may_be_secret() -> None:
    errors = errors_of(
        RUN + '[export]\ndestination = { to = "/x", key = "hunter22", headers = ["hunter22"] }'
    )
    assert "hunter22" not in str(errors)
    assert len(errors) == 2


@pytest.mark.parametrize("where", ["https://example.com/book.json", "other.json"])
def test_a_schema_that_needs_another_one_is_told_to_hold_it(where: str) -> None:
    errors = errors_of(RUN + f'[success.schema]\n"$ref" = "{where}"')
    [message] = errors.values()
    assert message.startswith("refers to ")
    assert message.endswith(f"{where}, which is not fetched: put it into the schema")


@pytest.mark.parametrize("name", ["", "1st", "a b", "ä", "a" * 101])
def test_a_reference_that_no_secret_can_have_is_refused(name: str) -> None:
    default = errors_of(f'{RUN}[inputs.key]\ndefault = {{ a = ["x ${{secret:{name}}}"] }}')
    assert "names no secret: its name must begin with" in default["inputs.key.default"]
    hook = f'{{ to = "https://example.com/", headers = {{ X = "${{secret:{name}}}" }} }}'
    destination = errors_of(f"{RUN}[export]\ndestination = {hook}")
    assert "headers: ${secret:" in destination["export.destination.0"]


def test_a_reference_that_stands_for_its_own_text_may_be_anything() -> None:
    read_manifest({"agent.toml": f'{RUN}[inputs.key]\ndefault = "$${{secret:}}"'.encode()})


@pytest.mark.parametrize(
    ("destination", "message"),
    [
        ('to = "postgresql://h/d", table = "a.b.c"', "table: must be table or schema.table"),
        ('to = "postgresql://h/d", table = ".b"', "table: must be table or schema.table"),
        ('to = "${secret:TO}", table = "a.b.c"', "table: must be table or schema.table"),
        (
            'to = "sqlite:////x.db", table = "a.b"',
            "table: must be the name of a table alone: SQLite has no schemas",
        ),
    ],
)
def test_a_table_has_at_most_a_schema(destination: str, message: str) -> None:
    assert errors_of(f"{RUN}[export]\ndestination = {{ {destination} }}") == {"export.destination.0": message}


@pytest.mark.parametrize("table", ["b", "a.b", "${secret:SCHEMA.X}.b"])
def test_a_table_with_its_schema_is_taken(table: str) -> None:
    to = f'{{ to = "postgresql://h/d", table = "{table}" }}'
    read_manifest({"agent.toml": f"{RUN}[export]\ndestination = {to}".encode()})
