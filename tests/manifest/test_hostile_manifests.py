"""Files that make a reader give up are told of like any other mistake."""

import pytest

from lamplighter.errors import InvalidInput
from lamplighter.manifest import read_manifest


@pytest.mark.parametrize(
    ("text", "message"),
    [("a = " + "[" * 100_000, "is nested too deeply"), ("a = " + "9" * 5000, "is not valid TOML")],
)
def test_toml_that_no_reader_takes_is_invalid(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_manifest({"agent.toml": text.encode()})


@pytest.mark.parametrize("program", ["-" * 200_000 + "1", "a" + ".b" * 100_000, "(" * 100_000])
def test_a_program_that_cannot_be_read_has_no_spider(program: str) -> None:
    with pytest.raises(InvalidInput, match="has no spider that could be found"):
        read_manifest({"scrapy.cfg": b"", "x/spiders/a.py": program.encode()})
