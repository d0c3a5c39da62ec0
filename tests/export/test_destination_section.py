"""``export.destination`` of agent.toml: what is taken, what is refused, and what is never shown."""

import subprocess
import sys

import pytest
from export_places import to

from lamplighter.errors import InvalidInput
from lamplighter.manifest import Manifest, read_manifest
from lamplighter.manifest.destination import DestinationSection, Place


def export(toml: str) -> list[DestinationSection]:
    text = f'[agent]\nrun = ["true"]\n[export]\n{toml}\n'
    manifest = read_manifest({"agent.toml": text.encode()})
    assert Manifest.model_validate(manifest.model_dump(mode="json")) == manifest
    return manifest.export.destinations


def test_a_destination_is_an_address_a_table_or_a_list_of_those() -> None:
    assert [one.to for one in export('destination = "/srv/records"')] == ["/srv/records"]
    assert [one.to for one in export('destination = { to = "s3://b/p" }')] == ["s3://b/p"]
    both = export('destination = ["/srv/records", { to = "https://example.com/hook" }]')
    assert [one.place for one in both] == [Place.FOLDER, Place.WEBHOOK]
    assert export("") == []


def test_an_address_that_is_a_secret_is_checked_when_it_is_known() -> None:
    [found] = export('destination = { to = "${secret:SHOP}", table = "books" }')
    assert found.place is Place.UNKNOWN
    with pytest.raises(ValueError, match="table: is not for a folder"):
        DestinationSection.model_validate(found.model_dump() | {"to": "/srv"})


@pytest.mark.parametrize(
    ("destination", "message"),
    [
        ('"ftp://host/folder"', "no place that records can be delivered to"),
        ('"relative/folder"', "no place that records can be delivered to"),
        ('"mysql://host/db"', "no place that records can be delivered to"),
        ('"https://host:port/"', "no place that records can be delivered to"),
        ('"file://host/folder"', "must be the whole path"),
        ('"s3://"', "the bucket is missing"),
        ('"https:///hook"', "the host is missing"),
        ('"postgresql://host/db"', "table: is required"),
        ('{ to = "postgresql:///db", table = "t" }', "the host is missing"),
        ('{ to = "sqlite:///file.db", table = "t" }', "with four slashes"),
        ('{ to = "sqlite:////x.db", table = "t", mode = "replace" }', "key: is required"),
        ('{ to = "sqlite:////x.db", table = "t", key = ["a"] }', 'is for mode = "replace"'),
        ('{ to = "sqlite:////x.db", table = "lamplighter_deliveries" }', "where Lamplighter notes"),
        ('{ to = "sqlite:////x.db", table = "t", mode = "drop" }', "'append' or 'replace'"),
        ('{ to = "/srv", table = "t" }', "table: is not for a folder, but for a database"),
        ('{ to = "/srv", name = "../{format}" }', "stays in its folder"),
        ('{ to = "/srv", name = "/etc/{format}" }', "stays in its folder"),
        ('{ to = "/srv", name = "{nobody}.{format}" }', "of placeholders there are {agent}"),
        ('{ to = "/srv", name = "{run.__class__}.{format}" }', "of placeholders there are {agent}"),
        ('{ to = "/srv", name = "{run" }', "of placeholders there are {agent}"),
        ('{ to = "/srv", name = "latest.csv" }', "needs {format}, or formats exactly one"),
        ('{ to = "/srv", formats = ["parquet"] }', "parquet must be in export.formats too"),
        ('{ to = "s3://b", access_key = "a" }', "give both"),
        ('{ to = "s3://b", endpoint = "host:9000" }', "must begin with https://"),
        ('{ to = "https://h/", formats = ["jsonl", "csv"] }', "exactly one"),
        ('{ to = "https://h/", headers = { "X Y" = "1" } }', "no header of plain ASCII"),
        ('{ to = "https://h/", headers = { X = "1\\r\\nY: 2" } }', "no header of plain ASCII"),
        ('{ to = "/srv", colour = "red" }', "is not a key that is known here"),
        ("3", 'must be an address, such as "/srv/records", a table { to = "…" }, or a list of those, not 3'),
    ],
)
def test_a_wrong_destination_is_refused_at_deployment(destination: str, message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        export(f"destination = {destination}")
    [error] = refused.value.errors
    assert error.field.startswith("agent.toml: export.destination")
    assert message in error.message


def test_a_refusal_tells_no_credentials() -> None:
    with pytest.raises(InvalidInput) as refused:
        export('destination = { to = "postgresql://me:hunter22@host/db", name = "x" }')
    assert "hunter22" not in str(refused.value)


def test_a_secret_that_makes_no_valid_address_is_not_told() -> None:
    section = to("${secret:DB}", table="t")
    with pytest.raises(ValueError, match="no place") as refused:
        DestinationSection.model_validate(section.model_dump() | {"to": "oracle://me:hunter22@host"})
    assert "hunter22" not in str(refused.value)


def test_what_opens_a_destination_is_neither_in_its_repr_nor_in_its_title() -> None:
    database = to("postgresql://me:hunter%3222@host/shop?password=hunter33", table="books")
    hook = to(
        "https://me:hunter22@host/services/T0KEN?key=hunter33", secret="s3cret", headers={"X": "hunter44"}
    )
    bucket = to("s3://b/p", access_key="hunter22", secret_key="hunter33")
    assert (database.title, hook.title, bucket.title) == (
        "table books of postgresql://host/shop",
        "https://host",
        "s3://b/p",
    )
    for section in (database, hook, bucket):
        for secret in ("hunter", "T0KEN", "s3cret"):
            assert secret not in f"{section!r} {section.title}"
    assert (
        database.without_secrets("no hunter222 for hunter%3222, password=hunter33") == "no *** for ***, ***"
    )
    assert hook.without_secrets("POST https://me:hunter22@host/services/T0KEN: hunter44") == (
        "POST https://***@host/***: ***"
    )
    assert bucket.without_secrets("hunter22 hunter33") == "*** ***"


@pytest.mark.parametrize(
    ("library", "destination", "extra"),
    [
        ("obstore", '"s3://bucket"', "s3"),
        ("psycopg", '{ to = "postgresql://host/db", table = "t" }', "postgresql"),
    ],
)
def test_a_destination_without_its_library_is_refused_and_says_what_to_install(
    library: str, destination: str, extra: str
) -> None:
    program = f"""
import sys
sys.modules[{library!r}] = None  # as if it were not installed
from lamplighter.errors import InvalidInput
from lamplighter.manifest import read_manifest
text = '[agent]\\nrun = ["true"]\\n[export]\\ndestination = {destination}'
try:
    read_manifest({{"agent.toml": text.encode()}})
except InvalidInput as problem:
    print(problem)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert f"needs lamplighter[{extra}]: pip install 'lamplighter[{extra}]'" in done.stdout
