"""``requirements`` in agent.toml: what may stand there."""

import json

import pytest

from lamplighter.errors import FieldError, InvalidInput
from lamplighter.manifest import read_manifest


def requirements(*entries: str) -> list[str]:
    text = f'[agent]\nspider = "books"\nrequirements = {json.dumps(entries)}\n'
    return read_manifest({"agent.toml": text.encode()}).agent.requirements


def refusal(*entries: str) -> tuple[FieldError, ...]:
    with pytest.raises(InvalidInput) as problem:
        requirements(*entries)
    return problem.value.errors


@pytest.mark.parametrize(
    "entry",
    [
        "scrapy",
        "Scrapy >= 2.13, <3",
        "scrapy~=2.13.0",
        "scrapy==2.13.*",
        "attrs[tests, docs]==1.0.post1+local",
        "pkg (>=1.0)",
        'tomli>=2; python_version < "3.11"',
        "tool @ https://files.test/tool-1.0-py3-none-any.whl",
        "tool @ git+https://git.test/tool.git@v1#subdirectory=python",
        "tool @ git+ssh://git@git.test/tool.git",
    ],
)
def test_requirements_as_pep_508_writes_them_are_taken(entry: str) -> None:
    assert requirements(entry) == [entry]


@pytest.mark.parametrize("entry", ["-r requirements.txt", "--index-url=https://x.test", "-e ."])
def test_options_are_refused(entry: str) -> None:
    [error] = refusal(entry)
    assert error.field == "agent.toml: agent.requirements.0"
    assert "is an option, which cannot be given here" in error.message
    assert '"scrapy>=2.13"' in error.message


@pytest.mark.parametrize(
    "entry",
    [
        "./tool",
        "../tool",
        "/opt/tool.whl",
        "~/tool",
        "wheels/tool.whl",
        "file:///tool",
        "tool @ file:///tool",
    ],
)
def test_paths_are_refused(entry: str) -> None:
    [error] = refusal(entry)
    assert "is a path, which cannot be given here" in error.message


@pytest.mark.parametrize(
    "entry", ["scrapy requests", "scrapy>=", "scrapy,requests", "a\nb", "scrapy=2.13", "scräpy"]
)
def test_what_is_no_requirement_is_refused(entry: str) -> None:
    [error] = refusal(entry)
    assert "is not a requirement" in error.message


def test_every_entry_that_is_wrong_is_named() -> None:
    assert [error.field for error in refusal("scrapy", "-r x", "attrs", "a b")] == [
        "agent.toml: agent.requirements.1",
        "agent.toml: agent.requirements.3",
    ]
