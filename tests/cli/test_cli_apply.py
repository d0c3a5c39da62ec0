"""An installation as a file: applied to a real server, again and again, and pruned."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_support import Cli, Result

from running_server import KEY, RunningServer

TO_CHANGE = 7
FILE = """\
lamplighter: 1
server_groups:
  - {name: asia, description: far away}
proxy_pools:
  - name: homes
    rotation: sticky
    proxies:
      - http://${LOGIN}@127.0.0.1:9
      - {url: socks5://127.0.0.1:10, username: bob, password: "${WORD}"}
      - http://127.0.0.1:11
spaces:
  - name: Shop
    description: all shops
    members: {ada: editor}
agents:
  - name: books
    space: shop
    folder: books
    start_url: https://example.com
    schedules:
      - name: nightly
        cron: 0 3 * * *
        timezone: Europe/Berlin
        proxy_pool: homes
        timeout: 2h
        input: {pages: 10, words: [a, "ß"]}
      - {name: often, every: 30 minutes, server_group: asia, enabled: false, max_retries: 0}
  - name: hello
    space: Shop
    command: [echo, hello]
    schedules:
      - {name: by hand, manual: true, text: when somebody likes}
      - {name: by hand, twin: 2, at: 2190-01-01 09:00, timezone: Asia/Tokyo}
"""
WORDS = {"LOGIN": "ada:s3cret-a", "WORD": "s3cret-b"}


class Place:
    """A folder with a file in it, and a server."""

    def __init__(self, cli: Cli, server: RunningServer, folder: Path) -> None:
        self.cli = cli
        self.server = server
        self.folder = folder
        self.file = folder / "lamplighter.yaml"
        (folder / "books").mkdir()
        toml = (
            '[agent]\ndescription = "Books"\nrun = ["python", "main.py"]\n[inputs.pages]\ntype = "integer"\n'
        )
        (folder / "books" / "agent.toml").write_text(toml)
        (folder / "books" / "main.py").write_text("")
        (folder / "books" / "__pycache__").mkdir()
        (folder / "books" / "__pycache__" / "main.pyc").write_bytes(b"x")
        self.file.write_text(FILE)

    def apply(self, *options: str, **environment: str) -> Result:
        """Apply the file as it is now."""
        return self.cli("apply", "-f", self.file, *options, **WORDS | environment)

    def applied(self, *options: str, **environment: str) -> Result:
        """Apply the file, which must succeed."""
        result = self.apply(*options, **environment)
        assert result.status == 0, result
        return result

    def replace(self, old: str, new: str) -> None:
        """Edit the file."""
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new))

    def state(self) -> str:
        """All there is on the server, and how often anything was changed."""
        paths = ("spaces", "agent/all", "schedules", "proxy-pools", "server-groups", "audit-log?pageIndex=1")
        return json.dumps([self.server.call("GET", f"/{path}") for path in paths])

    def schedule(self, name: str) -> Any:
        """The first schedule of the name."""
        return next(one for one in self.server.call("GET", "/schedules") if one["name"] == name)

    def agent(self, name: str) -> Any:
        """The agent of the name."""
        return next(one for one in self.server.call("GET", "/agent/all") if one["name"] == name)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A server of its own for each test: a file speaks of all of it."""
    with RunningServer(tmp_path / "data") as server:
        server.call("POST", "/users", {"name": "ada"}, expect=201)
        (tmp_path / "files").mkdir()
        yield Place(Cli(server.url), server, tmp_path / "files")


def test_what_the_file_says_is_made(place: Place) -> None:
    result = place.applied()
    assert "10 changes made." in result.out
    assert "Added schedule nightly of books in Shop" in result.out
    assert "s3cret" not in result.out + result.err
    space = next(one for one in place.server.call("GET", "/spaces") if one["name"] == "Shop")
    books = place.agent("books")
    assert (books["spaceId"], books["description"], books["startUrl"]) == (
        *(space["id"], "Books", "https://example.com"),
    )
    [member] = place.server.call("GET", f"/spaces/{space['id']}/members")
    assert (member["userName"], member["role"]) == ("ada", "editor")
    [pool] = place.server.call("GET", "/proxy-pools")
    shown = [one["url"] for one in place.server.call("GET", f"/proxy-pools/{pool['id']}")["proxies"]]
    assert shown == ["http://***@127.0.0.1:9", "socks5://***@127.0.0.1:10", "http://127.0.0.1:11"]
    nightly = place.schedule("nightly")
    assert (nightly["cronExpression"], nightly["timezone"]) == ("0 3 * * *", "Europe/Berlin")
    assert (nightly["proxyPoolId"], nightly["timeoutSeconds"]) == (pool["id"], 7200)
    assert json.loads(nightly["inputParameters"]) == {"pages": 10, "words": ["a", "ß"]}
    twins = [one for one in place.server.call("GET", "/schedules") if one["name"] == "by hand"]
    assert [one["scheduleType"] for one in twins] == [0, 1]
    assert twins[1]["startTime"] == "2190-01-01T00:00:00Z"


def test_a_second_time_there_is_nothing_to_do_and_nothing_is_done(place: Place) -> None:
    place.applied()
    before = place.state()
    for options in ((), ("--prune",), ("--dry-run",), ("--prune", "--yes")):
        assert "Nothing to do" in place.applied(*options).out
    # Credentials are needed only for proxies that are not there yet.
    assert "Nothing to do" in place.applied(LOGIN="", WORD="").out
    assert place.state() == before
    assert place.agent("books")["version"] == 1


def test_a_dry_run_tells_by_its_exit_status_and_changes_nothing(place: Place) -> None:
    before = place.state()
    result = place.apply("--dry-run")
    assert result.status == TO_CHANGE
    assert "+ agent books in Shop" in result.out
    assert place.state() == before
    place.applied()
    assert place.apply("--dry-run").status == 0


def test_a_schedule_that_changes_is_shown_with_its_fires_before_and_after(place: Place) -> None:
    place.applied()
    place.replace("0 3 * * *", "30 4 * * *")
    out = place.apply("--dry-run").out.splitlines()
    begin = out.index("~ schedule nightly of books in Shop")
    assert out[begin + 1] == "    cron: 0 3 * * * → 30 4 * * *"
    before, after = out[begin + 2 : begin + 4]
    assert before.startswith("    next fires before: ")
    assert after.startswith("    next fires after: ")
    assert (before.count(" 03:00 +0"), after.count(" 04:30 +0")) == (3, 3)

    place.applied()
    assert place.schedule("nightly")["cronExpression"] == "30 4 * * *"
    place.replace("timeout: 2h", "timeout: 3h")
    assert "    next fires, as before: " in place.apply("--dry-run").out


def test_what_is_taken_out_of_the_file_has_its_default_again(place: Place) -> None:
    place.applied()
    for line in (
        "timeout: 2h",
        "proxy_pool: homes",
        'input: {pages: 10, words: [a, "ß"]}',
        "timezone: Europe/Berlin",
    ):
        place.replace(f"        {line}\n", "")
    place.replace(", max_retries: 0", "")
    place.replace("    start_url: https://example.com\n", "")
    place.replace("    description: all shops\n", "")
    place.replace(", text: when somebody likes", "")
    place.applied()
    nightly = place.schedule("nightly")
    assert (nightly["timeoutSeconds"], nightly["proxyPoolId"], nightly["inputParameters"]) == (
        None,
        None,
        None,
    )
    assert nightly["timezone"] == "UTC"
    assert place.schedule("often")["maxRetries"] is None
    assert place.schedule("by hand")["localSchedule"] != "when somebody likes"
    assert place.agent("books")["startUrl"] == ""
    assert "Nothing to do" in place.applied().out


def test_other_files_make_a_new_version_and_what_tools_leave_behind_does_not(place: Place) -> None:
    place.applied()
    (place.folder / "books" / "__pycache__" / "main.pyc").write_bytes(b"y")
    assert "Nothing to do" in place.applied().out
    (place.folder / "books" / "main.py").write_text("print()")
    assert "code: other files (2 files" in place.applied("-m", "why not").out
    books = place.agent("books")
    [newest, _] = place.server.call("GET", f"/agent/{books['id']}/versions")
    assert (books["version"], newest["comments"]) == (2, "why not")
    assert "Nothing to do" in place.applied().out


def test_without_prune_what_the_file_does_not_name_is_left_and_told(place: Place) -> None:
    place.applied()
    books = place.agent("books")
    extra = {"name": "extra", "cronExpression": "0 9 * * *"}
    place.server.call("POST", f"/agent/{books['id']}/schedules", extra, expect=201)
    result = place.applied()
    assert "Nothing to do" in result.out
    assert "left alone without --prune: schedule extra of books in Shop" in result.err


def test_prune_takes_away_what_the_file_is_responsible_for(place: Place) -> None:
    place.applied()
    elsewhere = place.server.agent("elsewhere", "")
    begin = place.file.read_text().index("  - name: hello")
    place.file.write_text(place.file.read_text()[:begin])
    place.replace(
        "      - {name: often, every: 30 minutes, server_group: asia, enabled: false, max_retries: 0}\n", ""
    )
    place.replace("  - {name: asia, description: far away}\n", "  []\n")
    place.replace("{ada: editor}", "{}")
    before = place.state()

    refused = place.apply("--prune")
    assert (refused.status, place.state()) == (2, before)
    assert "--yes: is needed where nobody can be asked: Make 4 changes, 4 of them losses?" in refused.err
    for line in (
        "- schedule often of books in Shop: deleted; its runs stay",
        "- agent hello in Shop: archived: what its schedules fire is skipped; its runs stay",
        "- member ada of Shop: no member any more",
        "- server group asia: deleted",
    ):
        assert line in refused.out

    place.applied("--prune", "--yes")
    assert place.agent("hello")["isArchived"]
    assert {one["name"] for one in place.server.call("GET", "/schedules")} == {"nightly", "by hand"}
    assert place.server.call("GET", "/server-groups") == []
    assert not place.server.call("GET", f"/agent/{elsewhere}")["isArchived"]
    assert "Nothing to do" in place.applied("--prune").out


def test_a_pool_that_something_uses_is_not_pruned_and_nothing_else_happens(place: Place) -> None:
    place.applied()
    agent = place.server.agent("elsewhere", "")
    [pool] = place.server.call("GET", "/proxy-pools")
    uses = {"name": "uses it", "cronExpression": "0 9 * * *", "proxyPoolId": pool["id"]}
    place.server.call("POST", f"/agent/{agent}/schedules", uses, expect=201)
    place.file.write_text("lamplighter: 1\nserver_groups: []\nproxy_pools: []\n")
    before = place.state()
    result = place.apply("--prune", "--yes")
    assert result.status == 2
    assert "the proxy pool 'homes' would be deleted" in result.err
    assert "'uses it' of elsewhere in Default" in result.err
    assert place.state() == before


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("proxy_pool: homes", "proxy_pool: hmes", ":24: agents[0].schedules[0].proxy_pool: the proxy pool 'hmes'"),
        ("timeout: 2h", "timeout: 0", ":25: agents[0].schedules[0].timeout: must be 1 to"),
        ("2190-01-01", "2020-01-01", ":33: agents[1].schedules[1].at: must be at least one minute in the future"),
        ("{ada: editor}", "{bea: editor}", ":14: spaces[0].members.bea: there is no user of this name"),
        ("space: shop", "space: shp", ":17: agents[0].space: there is no space 'shp'"),
        ("folder: books\n", "\n", ":16: agents[0]: there is no agent 'books' in Shop"),
        ("pages: 10", 'url: "${secret:NONE}"', ":21: agents[0].schedules[0]: there is no secret 'NONE'"),
        ("${LOGIN}", "${OTHER}", ":8: proxy_pools[0].proxies[0]: needs the variable OTHER"),
    ],
)  # fmt: skip
def test_what_would_go_wrong_is_told_before_anything_is_changed(
    place: Place, old: str, new: str, told: str
) -> None:
    place.replace(old, new)
    before = place.state()
    result = place.apply()
    assert result.status == 2
    assert f"lamplighter.yaml{told}" in result.err
    assert place.state() == before


def test_credentials_of_a_pool_stay_when_it_is_changed_without_them(place: Place) -> None:
    place.applied()
    [pool] = place.server.call("GET", "/proxy-pools")
    old = place.server.call("GET", f"/proxy-pools/{pool['id']}")["proxies"]
    place.replace("      - http://127.0.0.1:11\n", "      - http://127.0.0.1:12\n")
    result = place.applied(LOGIN="", WORD="")
    assert "proxies: -http://127.0.0.1:11, +http://127.0.0.1:12" in result.out
    new = place.server.call("GET", f"/proxy-pools/{pool['id']}")["proxies"]
    assert [one["id"] for one in new[:2]] == [one["id"] for one in old[:2]]


def test_who_may_not_change_things_is_told_how_far_it_came(place: Place) -> None:
    key = place.server.call("POST", "/api-keys", {"isReadOnly": True}, expect=201)["key"]
    result = place.apply(LAMPLIGHTER_API_KEY=key)
    assert result.status == 4
    assert "0 of 10 changes were made" in result.err
    assert "these credentials may only read" in result.err


def test_a_file_may_come_from_standard_input_and_be_json(place: Place) -> None:
    agents = [{"name": "piped", "command": ["true"], "schedules": [{"name": "s", "every": "1 day"}]}]
    text = json.dumps({"lamplighter": 1, "agents": agents})
    place.file.write_text(text)
    result = place.cli.piped(text, "apply", "-f", "-")
    assert result.status == 0, result
    assert place.agent("piped")["configType"] == "Command"
    assert "Nothing to do" in place.applied().out


def test_an_editor_applies_a_file_of_the_own_space(place: Place) -> None:
    place.applied()
    ada = next(one["id"] for one in place.server.call("GET", "/users") if one["name"] == "ada")
    key = place.server.call("POST", "/api-keys", {"userId": ada}, expect=201)["key"]
    place.file.write_text("lamplighter: 1\nagents:\n  - {name: own, command: ['true']}\n")
    place.applied(LAMPLIGHTER_API_KEY=key)
    shop = next(one["id"] for one in place.server.call("GET", "/spaces") if one["name"] == "Shop")
    assert place.agent("own")["spaceId"] == shop


def test_many_agents_and_schedules_are_compared_in_few_requests(tmp_path: Path) -> None:
    agents = [
        {"name": f"agent {n}", "command": ["true"], "schedules": [{"name": "s", "cron": f"{n} 3 * * *"}]}
        for n in range(60)
    ]
    file = tmp_path / "many.yaml"
    file.write_text(json.dumps({"lamplighter": 1, "agents": agents}))
    with RunningServer(tmp_path / "data") as server:
        assert "120 changes made" in Cli(server.url).ok("apply", "-f", file).out
    limit = 20
    with RunningServer(tmp_path / "data", environment={"LAMPLIGHTER_RATE_LIMIT": str(limit)}) as server:
        cli = Cli(server.url, LAMPLIGHTER_API_KEY=KEY)
        assert "Nothing to do" in cli.ok("apply", "-f", file).out
        left = 0
        while server.http.get("/spaces").status_code == 200:
            left += 1
        assert left >= limit - 8
