"""What may be in a configuration file: every mistake with its line and path, and what a schedule's words mean."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.cli.blueprint.document import ProxyEntry, ScheduleEntry, read_document
from lamplighter.cli.blueprint.proxies import placeholder, wanted_proxy
from lamplighter.cli.blueprint.wanted import load, resolve
from lamplighter.cli.blueprint.words import DEFAULTS, body_of, update_of, written
from lamplighter.cli.blueprint.yaml_text import read, write
from lamplighter.errors import InvalidInput

AGENT = """\
lamplighter: 1
agents:
  - name: books
    command: [python, main.py]
    schedules:
      - name: nightly
        cron: 0 3 * * *
"""


def mistakes(content: str) -> dict[str, str]:
    """What is wrong with a file, checked without a server: place → message."""
    with pytest.raises(InvalidInput) as caught:
        load(read_document(content, "f.yaml"), Path("/nonexistent"), {})
    return {error.field: error.message for error in caught.value.errors}


@pytest.mark.parametrize(
    ("more", "place", "words"),
    [
        ("        tmezone: UTC\n", "f.yaml:8: agents[0].schedules[0].tmezone", "did you mean timezone?"),
        ("        timezone: Europe/Belin\n", "f.yaml:8: agents[0].schedules[0].timezone", "Europe/Berlin"),
        ("        every: 5 m\n", "f.yaml:6: agents[0].schedules[0]", "exactly one of cron, every, at and manual"),
        ("        jitter: soon\n", "f.yaml:8: agents[0].schedules[0].jitter", "such as 90, 30s, 5m"),
        ("        exclusive: yes\n", "f.yaml:8: agents[0].schedules[0].exclusive", 'not "yes"'),
        ("        log_level: warn\n", "f.yaml:8: agents[0].schedules[0].log_level", "did you mean Warning?"),
        ("        end: tomorrow\n", "f.yaml:8: agents[0].schedules[0].end", "2026-12-01T09:00:00Z"),
        ("        end: 2026-99-01 9:00\n", "f.yaml:6: agents[0].schedules[0]", "2026-99-01 9:00"),
        ("        input: 5\n", "f.yaml:8: agents[0].schedules[0].input", "must be a mapping"),
        ("      - name: nightly\n        manual: true\n", "f.yaml:8: agents[0].schedules[1].name", "twin: 2"),
        ("      - {name: x, twin: 3, manual: true}\n", "f.yaml:8: agents[0].schedules[1].twin", "no twin 2"),
        ("    folder: x\n", "f.yaml:3: agents[0]", "folder excludes files and command"),
        ("    description: [a]\n", "f.yaml:8: agents[0].description", 'put it into quotes, not ["a"]'),
        ("  - name: books\n    command: [x]\n", "f.yaml:8: agents[1].name", "is that of agents[0], too"),
        ("  - folder: x\n", "f.yaml:8: agents[1].name", "is required"),
        ("  - {name: other, folder: nowhere}\n", "f.yaml:8: agents[1].folder", "there is no folder"),
        ("  - {name: other, files: {a: b}}\n", "f.yaml:8: agents[1].files", "agent.toml is missing"),
        ("  - {name: other, files: {../a: b}}\n", "f.yaml:8: agents[1].files", "not a relative path"),
        ("agnts: []\n", "f.yaml:8: agnts", "did you mean agents?"),
        ("spaces: [{name: a}, {name: A}]\n", "f.yaml:8: spaces[1].name", "is that of spaces[0], too"),
        ("spaces: [{name: a, members: {ada: king}}]\n", "f.yaml:8: spaces[0].members.ada", "viewer, editor, owner"),
        ("proxy_pools: [{name: p, proxies: []}]\n", "f.yaml:8: proxy_pools[0].proxies", "at least 1"),
        ("proxy_pools: [{name: p, proxies: [x]}]\n", "f.yaml:8: proxy_pools[0].proxies[0]", "http://host:8080"),
        (
            "proxy_pools: [{name: p, proxies: ['http://${HOST}:1']}]\n",
            "f.yaml:8: proxy_pools[0].proxies[0]",
            "the variable HOST of the environment, which is not set",
        ),
        (
            "proxy_pools: [{name: p, proxies: ['http://***@a:1']}]\n",
            "f.yaml:8: proxy_pools[0].proxies[0]",
            "write a variable",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_its_path_and_what_would_be_right(
    more: str, place: str, words: str
) -> None:
    found = mistakes(AGENT + more)
    assert list(found) == [place]
    assert words in found[place]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "must begin with lamplighter: 1"),
        ("- a\n", "must begin with lamplighter: 1"),
        ("agents: []\n", "must be 1, the version"),
        ("lamplighter: 2\n", "must be 1, the version"),
    ],
)
def test_a_file_of_another_form_is_refused(content: str, words: str) -> None:
    assert words in str(mistakes(content))


def test_all_mistakes_are_told_at_once_in_the_order_of_lines() -> None:
    content = AGENT + "        jitter: x\n        timeout: y\n" + "nothing: 1\n"
    content = content.replace("0 3 * * *", "99 3 * * *")
    assert [place.partition(": ")[0] for place in mistakes(content)] == [
        *("f.yaml:7", "f.yaml:8", "f.yaml:9", "f.yaml:10"),
    ]


def test_an_input_is_checked_against_agent_toml_before_anything_is_sent() -> None:
    content = """\
lamplighter: 1
agents:
  - name: books
    files: {agent.toml: "[agent]\\nrun = ['true']\\n[inputs.pages]\\ntype = 'integer'\\n"}
    schedules:
      - {name: a, manual: true, input: {pages: many}}
"""
    assert "is not an integer" in mistakes(content)["f.yaml:6: agents[0].schedules[0].input"]


def test_passwords_are_not_repeated_in_messages() -> None:
    entry = "{url: 'http://a:1', username: ada, password: [s3cret]}"
    content = f"lamplighter: 1\nproxy_pools: [{{name: p, proxies: [{entry}]}}]\n"
    assert "s3cret" not in str(mistakes(content))
    content = content.replace("[s3cret]", "s3cret").replace("a:1'", "s3cret@a:1'")
    assert "s3cret" not in str(mistakes(content))


# --- proxies ---


@pytest.mark.parametrize(
    ("url", "environment", "whole"),
    [
        ("http://a:1", {}, "http://a:1"),
        ("http://${LOGIN}@a:1", {"LOGIN": "ada:p@ss"}, "http://ada:p%40ss@a:1"),
        ("http://ada:${WORD}@a:1", {"WORD": "pw"}, "http://ada:pw@a:1"),
        ("http://ada:$${WORD}@a:1", {"WORD": "pw"}, "http://ada:%24%7BWORD%7D@a:1"),
        ("http://${HOST}:1", {"HOST": "b"}, "http://b:1"),
        ("http://ada:${WORD}@a:1", {}, None),
        ("http://ada:${WORD}@a:1", {"WORD": ""}, None),
    ],
)
def test_variables_of_the_environment_stand_in_proxies(
    url: str, environment: dict[str, str], whole: str | None
) -> None:
    found = wanted_proxy(ProxyEntry(url=url), environment)
    assert found.url == whole
    assert found.missing == (() if whole else ("WORD",))
    assert "ada" not in found.shown
    assert "pw" not in repr(found)


def test_a_hidden_proxy_becomes_a_variable_and_is_shown_the_same() -> None:
    text = placeholder("socks5://***@a:1", "home & away", 2)
    assert text == "socks5://${PROXY_HOME_AWAY_2}@a:1"
    assert wanted_proxy(ProxyEntry(url=text), {}).shown == "socks5://***@a:1"


# --- schedules ---

MOMENTS = st.sampled_from(["2030-01-01T00:00:00Z", "2031-06-05T04:03:02.100Z", "2032-02-29T23:59:59Z"])
NUMBERS = st.integers(1, 40)
SECONDS = st.integers(0, 400_000)
TRIGGERS: st.SearchStrategy[dict[str, Any]] = (
    st.fixed_dictionaries(
        {"cron": st.sampled_from(["0 3 * * *", "@daily", "*/5 1-3 L * *"])}, optional={"start": MOMENTS}
    )
    | st.builds(
        lambda count, word: {"every": f"{count} {word}{'' if count == 1 else 's'}"},
        NUMBERS,
        st.sampled_from(["minute", "hour", "day", "week", "month"]),
    )
    | st.fixed_dictionaries({"at": MOMENTS})
    | st.just({"manual": True})
)  # fmt: skip
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "enabled": st.booleans(),
        "timezone": st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
        "end": MOMENTS,
        "exclude": st.lists(st.sampled_from(["2030-01-01", "2030-12-24"]), unique=True).map(sorted),
        "jitter": SECONDS,
        "catch_up": st.sampled_from(["latest", "none", "all"]),
        "catch_up_window": SECONDS,
        "dst_gap": st.sampled_from(["after", "skip"]),
        "dst_overlap": st.sampled_from(["first", "second", "both"]),
        "text": st.sampled_from(["in the morning", "no", "x: y"]),
        "input": st.just('{"a": [1, "x"]}') | st.just('[{"b": null}]'),
        "parallelism": NUMBERS,
        "max_concurrency": NUMBERS,
        "export": st.sampled_from(["Combined", "Separated"]),
        "proxy_pool": st.just("p"),
        "server_group": st.just("g"),
        "log_level": st.sampled_from(["Fatal", "Info"]),
        "log_mode": st.sampled_from(["Text", "TextAndHtml"]),
        "exclusive": st.booleans(),
        "wait_on_failure": st.booleans(),
        "max_retries": NUMBERS,
        "retry_delay": SECONDS,
        "timeout": SECONDS,
        "priority": st.integers(-5, 5),
    },
)
FIELDS = st.builds(lambda trigger, settings: {**DEFAULTS, **settings, **trigger}, TRIGGERS, SETTINGS)


@given(FIELDS)
def test_a_schedule_that_is_written_down_is_read_as_it_was(fields: dict[str, Any]) -> None:
    text = write({"name": "n", **written(fields)})
    entry = ScheduleEntry.model_validate(read(text, "f").value)
    assert entry.fields() == fields


@given(FIELDS, FIELDS)
def test_an_update_sends_what_differs_and_resets_what_is_gone(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    before, after = (body_of(fields, lambda word, name: 7) for fields in (old, new))
    update = update_of("n", before, after)
    reset = dict.fromkeys(update.pop("reset", ()))
    assert update.pop("name") == "n"
    assert None not in update.values()
    assert {**before, **reset, **update} == after


def test_times_without_an_offset_are_of_the_clock_of_the_schedule() -> None:
    entry = ScheduleEntry(name="n", at="2026-07-01 09:00", timezone="europe/berlin")
    assert (entry.timezone, entry.fields()["at"]) == ("Europe/Berlin", "2026-07-01T07:00:00Z")


def test_an_agent_without_code_has_only_what_it_says() -> None:
    content = "lamplighter: 1\nagents:\n  - {name: a, start_url: u, schedules: []}\n"
    wanted = resolve(load(read_document(content, "f"), Path(), {}), {"Default": 1})
    [agent] = wanted.things
    assert (agent.key, agent.fields) == (("Default", "a"), {"start_url": "u"})


def test_a_space_that_is_nowhere_is_refused() -> None:
    content = "lamplighter: 1\nagents:\n  - {name: a, space: Shp, schedules: []}\n"
    with pytest.raises(InvalidInput, match="there is no space 'Shp'; those there are: Shop"):
        resolve(load(read_document(content, "f"), Path(), {}), {"Shop": 1})


def test_spaces_are_the_same_in_any_letter_case() -> None:
    content = "lamplighter: 1\nspaces: [{name: SHOP}]\nagents:\n  - {name: a, space: shop, schedules: []}\n"
    wanted = resolve(load(read_document(content, "f"), Path(), {}), {"Shop": 3})
    assert [thing.key for thing in wanted.things] == [("Shop",), ("Shop", "a")]


def test_one_agent_under_two_spellings_of_its_space_is_refused() -> None:
    content = "lamplighter: 1\nagents:\n  - {name: a, archived: true}\n  - {name: a, space: Default}\n"
    with pytest.raises(InvalidInput, match="a second time"):
        resolve(load(read_document(content, "f"), Path(), {}), {"Default": 1})
