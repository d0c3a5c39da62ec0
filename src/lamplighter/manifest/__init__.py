"""``agent.toml``: how an agent is run, what it takes and when it succeeded.

``read_manifest`` checks the whole file and reports every mistake at once, each with the key it is at. A Scrapy
project needs no such file as long as it has exactly one spider.
"""

import ast
import json
import re
import tomllib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from lamplighter.errors import FieldError, InvalidInput
from lamplighter.manifest import references
from lamplighter.manifest.destination import SAVING, SENDING, Format, is_new
from lamplighter.manifest.destination import (
    DestinationSection as DestinationSection,  # a section like the others
)
from lamplighter.manifest.json_schema import BadSchema, RecordSchema, RefersElsewhere
from lamplighter.manifest.problems import EXAMPLE, LONGEST_SHOWN, sentence, shown

FILE = "agent.toml"
Word = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
# For each type of an input: the Python types of its values, and how one is written.
_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), 'a string: write it in quotes, such as "10"'),
    "integer": ((int, float), "an integer: write a whole number, such as 10"),
    "number": ((int, float), "a number: write it without quotes, such as 1.5"),
    "boolean": ((bool,), "a boolean: write true or false, without quotes"),
    "array": ((list,), 'an array: write one such as ["a", "b"]'),
    "object": ((dict,), 'an object: write one such as {"key": "value"}'),
}

_VERSION = r"(?:~=|===?|!=|<=?|>=?)\s*[\w.*+!-]+"
_REQUIREMENT = re.compile(
    r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?\s*(?:\[[\w.,\s-]*\]\s*)?"  # name and extras
    rf"(?:@\s*(?:git\+)?(?:https?|ssh)://\S+|\(?\s*{_VERSION}(?:\s*,\s*{_VERSION})*\s*\)?)?\s*(?:;.+)?",
    re.ASCII,
)


def _one_requirement(value: str, info: ValidationInfo) -> str:
    """A light check of what PEP 508 allows; uv does the whole one when it installs."""
    if not is_new(info.context) or _REQUIREMENT.fullmatch(value):
        return value
    given, example = json.dumps(value[:LONGEST_SHOWN]), 'a name and versions, such as "scrapy>=2.13"'
    if value.startswith("-"):
        raise ValueError(f"{given} is an option, which cannot be given here: write {example}")
    if re.match(r"[./~]|[\w.-]+/|file:|.*@\s*(?:file:|[./~])", value):
        raise ValueError(
            f"{given} is a path, which cannot be given here: what is in the agent's own folder can be"
            f" imported without, and of an index write {example}"
        )
    raise ValueError(f"{given} is not a requirement: write {example}")


Requirement = Annotated[Word, AfterValidator(_one_requirement)]


def _whole(value: Any, info: ValidationInfo) -> Any:
    if is_new(info.context) and (isinstance(value, bool) or not isinstance(value, int)):
        raise ValueError(f"must be a whole number without quotes, such as 100, not {shown(value)}")
    return value


def _truth(value: Any, info: ValidationInfo) -> Any:
    if is_new(info.context) and not isinstance(value, bool):
        raise ValueError(f"must be true or false, without quotes, not {shown(value)}")
    return value


# TOML has types. What is read from the database was perhaps saved when any text of digits was a number.
Whole = Annotated[int, BeforeValidator(_whole)]
Truth = Annotated[bool, BeforeValidator(_truth)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AgentSection(_Section):
    """How the agent is run: exactly one of ``spider`` and ``run``."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    description: str | None = None
    spider: Word | None = None
    run: Annotated[list[Word], Field(min_length=1)] | None = None
    requirements: list[Requirement] = []

    @model_validator(mode="after")
    def _one_way_to_run(self) -> "AgentSection":
        if (self.spider is None) == (self.run is None):
            raise ValueError(f"exactly one of spider and run is needed: {EXAMPLE}")
        return self


class InputSection(_Section):
    """One input parameter of the agent."""

    type: Literal["string", "integer", "number", "boolean", "array", "object"] | None = None
    default: Any = None
    description: str | None = None
    required: Truth = False

    @field_validator("default")
    @classmethod
    def _default_fits(cls, value: Any, info: ValidationInfo) -> Any:
        # Only when it is saved: an older version with a default that does not fit stays readable.
        if is_new(info.context):
            if not _is_finite(value):
                raise ValueError("holds a number that JSON has not: inf or nan")
            wrong = _mismatch(info.data.get("type"), value) or references.impossible(value)
            if wrong is not None:
                raise ValueError(wrong)
        return value

    def mismatch(self, value: Any) -> str | None:
        """What is wrong with a value that is given for this input, as a sentence; None when it fits.

        An integer may be written as 3.0, as JSON allows; a truth value is no number.
        """
        return _mismatch(self.type, value)


class SuccessSection(_Section):
    """What a run must reach to be a Success; without any criterion it is Completed.

    ``record_schema`` (``schema`` in the file, where it may be the path of a JSON file in the bundle) is a JSON
    Schema for every record. ``baseline`` says what it means when a run extracts far less than the good ones before.
    """

    model_config = ConfigDict(populate_by_name=True)

    min_records: Annotated[Whole, Field(ge=0)] | None = None
    max_errors: Annotated[Whole, Field(ge=0)] | None = None
    required_fields: list[Word] = []
    record_schema: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    baseline: Literal["warn", "fail", "off"] = "warn"

    @field_validator("record_schema")
    @classmethod
    def _is_a_schema(cls, value: dict[str, Any] | None, info: ValidationInfo) -> dict[str, Any] | None:
        if value is not None and is_new(info.context):
            try:
                RecordSchema(value)
            except RefersElsewhere as problem:
                raise ValueError(str(problem)) from problem
            except BadSchema as problem:
                raise ValueError(f"is no valid JSON Schema: {problem}") from problem
        return value

    @property
    def has_criteria(self) -> bool:
        """Whether anything is asked of a run, so that it can be a Success."""
        return self.model_dump(exclude={"baseline"}) != SuccessSection().model_dump(exclude={"baseline"})


def _listed(value: Any) -> Any:
    """One address, one table or a list of those, as a list of tables."""
    listed = value if isinstance(value, list) else [value]
    return [{"to": one} if isinstance(one, str) else one for one in listed]


class ExportSection(_Section):
    """The formats in which records are exported, and where they are delivered."""

    formats: Annotated[list[Format], Field(min_length=1)] = ["jsonl", "csv"]
    destination: Annotated[list[DestinationSection], BeforeValidator(_listed)] = []

    @property
    def destinations(self) -> list[DestinationSection]:
        """Where the records are delivered; nowhere when it is empty."""
        return self.destination

    @field_validator("formats")
    @classmethod
    def _can_be_written(cls, value: list[Format], info: ValidationInfo) -> list[Format]:
        if info.context is SAVING and "parquet" in value and find_spec("pyarrow") is None:
            raise ValueError("parquet needs lamplighter[parquet]: pip install 'lamplighter[parquet]'")
        return value

    @field_validator("destination")
    @classmethod
    def _can_be_delivered_to(
        cls, value: list[DestinationSection], info: ValidationInfo
    ) -> list[DestinationSection]:
        exported = {"jsonl", *info.data.get("formats", ())}
        for one in value:
            lacking = [name for name in one.formats or () if name not in exported]
            if lacking and "formats" in info.data:
                raise ValueError(f"{one.title}: {', '.join(lacking)} must be in export.formats too")
            missing = one.missing_extra() if info.context is SAVING else None
            if missing is not None:
                raise ValueError(missing)
        return value


class LimitsSection(_Section):
    """What ends a run that goes too far: seconds of one attempt, MiB of one process."""

    timeout_seconds: Annotated[Whole, Field(ge=1)] | None = None
    memory_mb: Annotated[Whole, Field(ge=16)] | None = None


class Manifest(_Section):
    """A checked ``agent.toml``."""

    agent: AgentSection
    inputs: dict[str, InputSection] = {}
    # Null is what versions have that were saved when the section was optional.
    success: Annotated[SuccessSection, BeforeValidator(lambda value: {} if value is None else value)] = (
        SuccessSection()
    )
    export: ExportSection = ExportSection()
    limits: LimitsSection = LimitsSection()

    @property
    def config_type(self) -> str:
        """The wire's kind of agent: ``Agent`` for a spider, ``Command`` for any other program."""
        return "Agent" if self.agent.spider is not None else "Command"

    def complete_input(self, value: Any) -> Any:
        """The input with the declared defaults filled in, row by row; ``value`` is an object or rows.

        Null means "not given", so it gives way to a default too.
        """
        if isinstance(value, list):
            return [self._complete_row(row) for row in value]
        return self._complete_row(value)

    def _complete_row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        defaults = {name: spec.default for name, spec in self.inputs.items() if spec.default is not None}
        given = {name: value for name, value in row.items() if value is not None or name not in defaults}
        return defaults | given

    def missing_inputs(self, value: Any) -> list[str]:
        """The required inputs that ``value`` (an object or rows) does not give and that have no default."""
        rows = value if isinstance(value, list) else [value]
        return [
            name
            for name, spec in self.inputs.items()
            if spec.required and spec.default is None and any(row.get(name) is None for row in rows)
        ]


def _mismatch(kind: str | None, value: Any) -> str | None:
    """Why ``value`` is no ``kind``; null is "not given", and without a kind everything fits."""
    if kind is None or value is None:
        return None
    types, wanted = _TYPES[kind]
    fits = isinstance(value, types) and (kind == "boolean" or not isinstance(value, bool))
    if kind == "integer" and isinstance(value, float):
        fits = value.is_integer()
    if fits:
        return None
    return f"{shown(value)} is not {wanted}"


def _is_finite(value: Any) -> bool:
    try:
        json.dumps(value, default=str, allow_nan=False)
    except ValueError:
        return False
    return True


def read_manifest(files: Mapping[str, bytes], *, elsewhere: bool = False) -> Manifest:
    """The manifest of a bundle given as path → content.

    With ``elsewhere`` it is to be sent to a server first, and what that must have installed is for it to say.
    Raises ``InvalidInput`` with one error for each mistake; the field is ``agent.toml`` and the key in it.
    """
    if FILE not in files:
        return _manifest_of_scrapy_project(files)
    try:
        document = tomllib.loads(files[FILE].decode("utf-8"))
    except RecursionError as problem:
        raise InvalidInput.of(FILE, "is nested too deeply") from problem
    except ValueError as problem:  # a number of thousands of digits, too
        raise InvalidInput.of(FILE, f"is not valid TOML: {problem}") from problem
    try:
        return Manifest.model_validate(
            _with_loaded_schema(document, files), context=SENDING if elsewhere else SAVING
        )
    except ValidationError as problem:
        raise InvalidInput(*map(_field_error, problem.errors())) from problem


def _with_loaded_schema(document: dict[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
    """``document`` with the content of the file that ``success.schema`` names, if it names one."""
    success = document.get("success")
    path = success.get("schema") if isinstance(success, dict) else None
    if not isinstance(success, dict) or not isinstance(path, str):
        return document
    key, content = f"{FILE}: success.schema", files.get(str(PurePosixPath(path)))
    if content is None:
        raise InvalidInput.of(key, f"there is no file {path!r} in the agent's folder")
    try:
        schema = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as problem:
        raise InvalidInput.of(key, f"{path} is not JSON: {problem}") from problem
    if not isinstance(schema, dict):
        raise InvalidInput.of(key, f"{path} must hold a JSON object")
    return {**document, "success": {**success, "schema": schema}}


def _field_error(error: Any) -> FieldError:
    return FieldError(f"{FILE}: {'.'.join(str(part) for part in error['loc'])}", sentence(error))


def _manifest_of_scrapy_project(files: Mapping[str, bytes]) -> Manifest:
    if "scrapy.cfg" not in files:
        raise InvalidInput.of("files", f"{FILE} is missing: {EXAMPLE}")
    names = sorted(name for path, text in files.items() for name in _spider_names(path, text))
    if len(names) != 1:
        found = f"has several spiders ({', '.join(names)})" if names else "has no spider that could be found"
        raise InvalidInput.of(
            "files", f'the Scrapy project {found}: write an {FILE} with [agent] spider = "NAME"'
        )
    return Manifest(agent=AgentSection(spider=names[0]))


def _spider_names(path: str, text: bytes) -> list[str]:
    if PurePosixPath(path).suffix != ".py":
        return []
    try:
        return _names_in(ast.parse(text))
    except (
        SyntaxError,
        ValueError,
        RecursionError,
        MemoryError,
    ):  # the last one stands for nested too deeply
        return []  # not for us to judge: the project's author sees it when the spider is run


def _names_in(tree: ast.Module) -> list[str]:
    return [
        statement.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any("Spider" in ast.unparse(base) for base in node.bases)
        for statement in node.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
        and any(isinstance(target, ast.Name) and target.id == "name" for target in statement.targets)
    ]
