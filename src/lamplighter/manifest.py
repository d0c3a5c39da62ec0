"""``agent.toml``: how an agent is run, what it takes and when it succeeded.

``read_manifest`` checks the whole file and reports every mistake at once, each with the key it is at. A Scrapy
project needs no such file as long as it has exactly one spider.
"""

import ast
import tomllib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from lamplighter.errors import FieldError, InvalidInput

FILE = "agent.toml"
_EXAMPLE = 'write an agent.toml with [agent] and either spider = "NAME" or run = ["python", "main.py"]'
Word = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AgentSection(_Section):
    """How the agent is run: exactly one of ``spider`` and ``run``."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    description: str | None = None
    spider: Word | None = None
    run: Annotated[list[Word], Field(min_length=1)] | None = None
    requirements: list[Word] = []

    @model_validator(mode="after")
    def _one_way_to_run(self) -> "AgentSection":
        if (self.spider is None) == (self.run is None):
            raise ValueError(f"exactly one of spider and run is needed: {_EXAMPLE}")
        return self


class InputSection(_Section):
    """One input parameter of the agent."""

    type: Literal["string", "integer", "number", "boolean", "array", "object"] | None = None
    default: Any = None
    description: str | None = None
    required: bool = False


class SuccessSection(_Section):
    """What a run must reach to be a Success; without any criterion it is Completed.

    ``record_schema`` (``schema`` in the file) is a JSON Schema for every record, or the path of one in the
    bundle. ``baseline`` says what it means when a run extracts far less than the good ones before.
    """

    model_config = ConfigDict(populate_by_name=True)

    min_records: Annotated[int, Field(ge=0)] | None = None
    max_errors: Annotated[int, Field(ge=0)] | None = None
    required_fields: list[Word] = []
    record_schema: Annotated[dict[str, Any] | Word | None, Field(alias="schema")] = None
    baseline: Literal["warn", "fail", "off"] = "warn"

    @property
    def has_criteria(self) -> bool:
        """Whether anything is asked of a run, so that it can be a Success."""
        return self.model_dump(exclude={"baseline"}) != SuccessSection().model_dump(exclude={"baseline"})


class ExportSection(_Section):
    """The formats in which records are exported."""

    formats: Annotated[list[Literal["jsonl", "csv", "parquet"]], Field(min_length=1)] = ["jsonl", "csv"]


class LimitsSection(_Section):
    """What ends a run that goes too far: seconds of one attempt, MiB of one process."""

    timeout_seconds: Annotated[int, Field(ge=1)] | None = None
    memory_mb: Annotated[int, Field(ge=16)] | None = None


class Manifest(_Section):
    """A checked ``agent.toml``."""

    agent: AgentSection
    inputs: dict[str, InputSection] = {}
    success: SuccessSection = SuccessSection()
    export: ExportSection = ExportSection()
    limits: LimitsSection = LimitsSection()

    @property
    def config_type(self) -> str:
        """The wire's kind of agent: ``Agent`` for a spider, ``Command`` for any other program."""
        return "Agent" if self.agent.spider is not None else "Command"

    def complete_input(self, value: Any) -> Any:
        """The input with the declared defaults filled in, row by row; ``value`` is an object or rows."""
        defaults = {name: spec.default for name, spec in self.inputs.items() if spec.default is not None}
        if isinstance(value, list):
            return [{**defaults, **row} for row in value]
        return {**defaults, **value}

    def missing_inputs(self, value: Any) -> list[str]:
        """The required inputs that ``value`` (an object or rows) does not give and that have no default."""
        rows = value if isinstance(value, list) else [value]
        return [
            name
            for name, spec in self.inputs.items()
            if spec.required and spec.default is None and any(row.get(name) is None for row in rows)
        ]


def read_manifest(files: Mapping[str, bytes]) -> Manifest:
    """The manifest of a bundle given as path → content.

    Raises ``InvalidInput`` with one error for each mistake; the field is ``agent.toml`` and the key in it.
    """
    if FILE not in files:
        return _manifest_of_scrapy_project(files)
    try:
        document = tomllib.loads(files[FILE].decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise InvalidInput.of(FILE, f"is not valid TOML: {problem}") from problem
    try:
        return Manifest.model_validate(document)
    except ValidationError as problem:
        raise InvalidInput(*map(_field_error, problem.errors())) from problem


def _field_error(error: Any) -> FieldError:
    key = ".".join(str(part) for part in error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing" and key == "agent":
        message = f"the section [agent] is missing: {_EXAMPLE}"
    elif error["type"] == "extra_forbidden":
        message = "is not a key that is known here"
    return FieldError(f"{FILE}: {key}", message)


def _manifest_of_scrapy_project(files: Mapping[str, bytes]) -> Manifest:
    if "scrapy.cfg" not in files:
        raise InvalidInput.of("files", f"{FILE} is missing: {_EXAMPLE}")
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
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []  # not for us to judge: the project's author sees it when the spider is run
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
