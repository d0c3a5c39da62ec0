"""What a server has, written as a file: applied again it changes nothing, and makes another server the same."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cli_support import Cli
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from running_server import RunningServer

TOML = b'[agent]\ndescription = "said"\nrun = ["true"]\n'


@pytest.fixture(scope="module")
def cli(server: RunningServer) -> Cli:
    return Cli(server.url)


def agent(server: RunningServer, files: Mapping[str, bytes], **fields: Any) -> int:
    """Make an agent with these files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    answer = server.http.post("/agent", data=fields, files={"bundle": ("b", content.getvalue())})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def furnish(server: RunningServer) -> None:
    """Some of everything on a server."""
    user = server.call("POST", "/users", {"name": "ada"}, expect=201)["id"]
    team = {"name": "A/Team: x", "description": "of\nseveral lines", "isDefaultAccess": True}
    space = server.call("POST", "/spaces", team, expect=201)["id"]
    server.call("PUT", f"/spaces/{space}/members/{user}", {"role": "owner"})
    group = server.call("POST", "/server-groups", {"name": "no"}, expect=201)["id"]
    proxies = ["http://ada:s3cret-1@127.0.0.1:9", "http://ada:s3cret-2@127.0.0.1:9", "http://127.0.0.1:9"]
    pool = server.call("POST", "/proxy-pools", {"name": "P", "proxies": proxies}, expect=201)["id"]
    rich = agent(
        server,
        {"agent.toml": TOML, "data/ß.bin": b"\x00\xff", "text.txt": b"a\r\nb \n\n", "empty": b""},
        name="../2026-01-01",
        spaceId=str(space),
        documentation="# How\n",
        startUrl="u",
    )
    server.call("PUT", f"/agent/{rich}", {"description": ""})
    left_out = agent(
        server, {"agent.toml": TOML, ".scrapy/x": b"1", ".lamplighterignore": b"*.toml"}, name="left out"
    )
    server.call("POST", f"/agent/{left_out}/archive", expect=204)
    agent(server, {"agent.toml": TOML}, name="LEFT OUT", description="own")
    for body in (
        {"cronExpression": "0 9 * * *", "proxyPoolId": pool, "serverGroupId": group, "localSchedule": "at 9"},
        {"cronExpression": "0 9 * * *", "startTime": "2190-01-01T00:00:00Z", "excludedDates": ["2190-01-02"]},
        {
            "runEveryCount": 2,
            "runEveryPeriod": 5,
            "timeoutSeconds": 90,
            "inputParameters": '{"a": 1e5, "b": "1e5"}',
        },
        {"startTime": "2190-01-01T00:00:00.5Z", "inputParameters": "[]", "maxRetries": 0, "isEnabled": False},
        {"scheduleType": 0, "logMode": "TextAndHtml", "parallelExport": "Separated", "priority": -3},
    ):
        server.call("POST", f"/agent/{rich}/schedules", {"name": "same", **body}, expect=201)


def test_an_export_that_is_applied_changes_nothing_and_makes_another_server_the_same(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "one") as server, RunningServer(tmp_path / "two") as other:
        furnish(server)
        cli = Cli(server.url)
        text = cli.ok("export").out
        said = cli.ok("export", "-o", tmp_path / "files").out
        assert "s3cret" not in text
        assert said == f"{tmp_path / 'files' / 'lamplighter.yaml'} is written.\n"
        before = server.call("GET", "/audit-log?pageIndex=1")["totalRecordCount"]
        file = tmp_path / "lamplighter.yaml"
        file.write_text(text)
        for one in (file, tmp_path / "files" / "lamplighter.yaml"):
            assert "Nothing to do" in cli.ok("apply", "-f", one, "--prune").out
        assert server.call("GET", "/audit-log?pageIndex=1")["totalRecordCount"] == before

        other.call("POST", "/users", {"name": "ada"}, expect=201)
        logins = {"PROXY_P_1": "ada:s3cret-1", "PROXY_P_2": "ada:s3cret-2"}
        there = Cli(other.url, **logins)
        there.ok("apply", "-f", tmp_path / "files" / "lamplighter.yaml")
        assert there.ok("export").out == text


def test_files_that_a_folder_would_not_give_back_stay_in_the_file(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data") as server:
        furnish(server)
        Cli(server.url).ok("export", "-o", tmp_path / "out")
    written = {
        str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()
    }
    assert written == {
        "lamplighter.yaml",
        *(f"agents/2026-01-01/{name}" for name in ("agent.toml", "data/ß.bin", "text.txt", "empty")),
        "agents/LEFT-OUT/agent.toml",
    }
    assert ".scrapy/x" in (tmp_path / "out" / "lamplighter.yaml").read_text()


def test_one_space_is_exported_without_what_belongs_to_none(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data") as server:
        furnish(server)
        cli = Cli(server.url)
        text = cli.ok("export", "--space", "A/Team: x").out
        assert "proxy_pools:" not in text
        assert "LEFT OUT" not in text
        file = tmp_path / "lamplighter.yaml"
        file.write_text(text)
        assert "Nothing to do" in cli.ok("apply", "-f", file, "--prune").out


def test_a_folder_that_is_not_empty_is_not_written_into(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    result = cli("export", "-o", tmp_path)
    assert (result.status, [path.name for path in tmp_path.iterdir()]) == (2, ["mine"])
    assert "is not empty" in result.err


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
NAMES = TEXTS.filter(str.strip)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
SCHEDULES = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "timezone": st.sampled_from(["Europe/Berlin", "America/St_Johns"]),
        "endTime": st.sampled_from(["2190-01-01T00:00:00Z", "2190-06-01T12:30:15.123Z"]),
        "jitterSeconds": st.integers(0, 86_400),
        "catchUp": st.sampled_from(["none", "all"]),
        "catchUpWindowSeconds": st.integers(0, 100_000),
        "dstGap": st.just("skip"),
        "dstOverlap": st.sampled_from(["second", "both"]),
        "excludedDates": st.lists(st.dates().map(str), max_size=3),
        "localSchedule": NAMES,
        "inputParameters": st.dictionaries(TEXTS, VALUES, max_size=3).map(json.dumps)
        | st.lists(st.dictionaries(TEXTS, VALUES, max_size=2), min_size=1, max_size=2).map(json.dumps),
        "isEnabled": st.booleans(),
        "parallelMaxConcurrency": st.integers(1, 9),
        "isExclusive": st.booleans(),
        "maxRetries": st.integers(0, 9),
        "retryDelaySeconds": st.integers(0, 3600),
        "timeoutSeconds": st.integers(1, 100_000),
        "priority": st.integers(-5, 5),
    },
)  # fmt: skip
TRIGGERS = st.sampled_from(
    [
        {"cronExpression": "*/7 * * * *"},
        {"cronExpression": "0 0 1 1 *", "startTime": "2100-01-01T00:00:00Z"},
        {"runEveryCount": 36, "runEveryPeriod": 2},
        {"runEveryCount": 1, "runEveryPeriod": 4, "startTime": "2100-01-01T00:00:00.250Z"},
        {"startTime": "2150-05-05T05:05:00Z"},
        {"scheduleType": 0},
    ]
)
FILES = st.dictionaries(
    st.sampled_from(["a.py", "b/c.txt", "b/d", "x.pyc", ".env", "ü.md"]),
    st.binary(max_size=20) | TEXTS.map(str.encode) | st.text("a \t\r\n", max_size=12).map(str.encode),
    max_size=4,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    NAMES,
    FILES,
    st.lists(st.builds(lambda one, when: {**one, **when}, SCHEDULES, TRIGGERS), max_size=4),
    TEXTS,
)
def test_whatever_there_is_its_export_is_nothing_to_do(
    server: RunningServer,
    cli: Cli,
    tmp_path: Path,
    name: str,
    files: dict[str, bytes],
    schedules: list[dict[str, Any]],
    text: str,
) -> None:
    made = agent(server, {"agent.toml": TOML, **files}, name=name, description=text, documentation=text)
    try:
        for one in schedules:
            server.call("POST", f"/agent/{made}/schedules", one, expect=201)
        file = tmp_path / "exported.yaml"
        file.write_text(cli.ok("export").out)
        result = cli.ok("apply", "-f", file, "--prune")
        assert "Nothing to do" in result.out, result.out
    finally:
        server.call("DELETE", f"/agent/{made}", expect=204)
