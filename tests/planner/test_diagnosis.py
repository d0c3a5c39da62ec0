"""Which cause is told first, and what is not said; the facts of each cause are tested with real failing agents."""

from dataclasses import replace
from typing import Any

import pytest

from lamplighter.planner.diagnosis import (
    RULES,
    Confidence,
    Failed,
    Kind,
    Page,
    ProxySums,
    Raised,
    Symptoms,
    Wall,
    diagnose,
)

FAILED = Symptoms(
    agent="shop", run_id=5, attempt=1, version=2, message="exit status 1; 0 records", exit_code=1
)
KILLED = replace(
    FAILED,
    message="killed by SIGKILL; 0 records",
    exit_text="killed by SIGKILL",
    exit_code=None,
    signal="SIGKILL",
)


def codes(symptoms: Symptoms, **more: Any) -> list[str]:
    return [finding.code for finding in diagnose(replace(symptoms, **more))]


def test_every_failure_has_an_answer() -> None:
    nothing = Symptoms(agent="shop", run_id=5, attempt=1, version=2, message="")
    [finding] = diagnose(nothing)
    assert (finding.code, finding.confidence) == ("unknown", Confidence.POSSIBLE)
    assert finding.actions


def test_the_codes_of_the_rules_are_their_own() -> None:
    assert len({rule.code for rule in RULES}) == len(RULES)


def test_what_follows_from_a_cause_is_told_after_it() -> None:
    found = diagnose(
        replace(FAILED, message="min_records: 0 records, at least 1 wanted", answers={"a.test": {429: 9}})
    )
    assert [(f.code, f.kind) for f in found] == [("http.429", Kind.CAUSE), ("records.min", Kind.OUTCOME)]


def test_a_time_out_spent_on_retries_follows_from_what_was_retried() -> None:
    late = "time-out: not finished after 60 seconds"
    assert codes(FAILED, message=late, statuses={429: 40, 200: 2})[:2] == ["http.429", "run.timeout"]
    failures = (Failed("a.test", "DNSLookupError", "", 9),)
    assert codes(FAILED, message=late, failures=failures)[:2] == ["network.dns", "run.timeout"]
    assert codes(FAILED, message=late, statuses={200: 4000, 404: 3}, records=900) == ["run.timeout"]
    raised = (Raised("RuntimeError", "x"),)  # on some pages: a spider goes on
    assert codes(FAILED, message=late, exceptions=raised, records=9) == ["run.timeout", "exception.raised"]


def test_a_few_bad_answers_among_many_good_ones_are_the_noise_of_every_crawl() -> None:
    raised = (Raised("RuntimeError", "x"),)
    answers = {"a.test": {200: 960, 404: 30, 503: 10}}
    assert codes(FAILED, exceptions=raised, answers=answers, records=900) == ["exception.raised"]


def test_a_part_of_bad_answers_is_possible_and_comes_after_what_is_certain() -> None:
    found = diagnose(
        replace(
            FAILED,
            exceptions=(Raised("RuntimeError", "x"),),
            answers={"a.test": {200: 80, 403: 20}},
            records=80,
        )
    )
    assert [(f.code, f.confidence) for f in found] == [
        ("exception.raised", Confidence.CERTAIN),
        ("http.403", Confidence.POSSIBLE),
    ]
    assert "20 of 100 requests to a.test were answered with 403" in found[1].cause


def test_the_host_that_refused_most_is_named() -> None:
    [found, *_] = diagnose(
        replace(FAILED, answers={"a.test": {200: 5, 403: 5}, "b.test": {403: 50}}, records=5)
    )
    assert "50 of 50 requests to b.test were answered with 403" in found.cause


@pytest.mark.parametrize(
    ("kills", "code", "says"),
    [
        (1, "memory.killed", "The machine had no memory left, and the kernel killed the agent"),
        (0, "process.signal", "the kernel did not do it for want of memory"),
        (None, "process.signal", "whether the kernel did it for want of memory is not known"),
    ],
)
def test_a_kill_is_for_want_of_memory_only_if_the_kernel_counted_one(
    kills: int | None, code: str, says: str
) -> None:
    [found, *_] = diagnose(replace(KILLED, memory_kills=kills))
    assert found.code == code
    assert says in found.cause


def test_a_shell_that_ends_for_a_killed_program_tells_of_the_signal() -> None:
    found = diagnose(replace(FAILED, exit_code=137, exit_text="exit status 137", memory_kills=1))
    assert found[0].code == "memory.killed"


def test_a_wall_explains_its_status() -> None:
    walls = (Wall("a.test", "a Cloudflare challenge", 403, 9),)
    assert codes(FAILED, walls=walls, answers={"a.test": {403: 9}}) == ["blocked.wall"]


def test_pages_behind_a_wall_are_no_sign_of_selectors_that_do_not_match() -> None:
    walls = (Wall("a.test", "a captcha", 200, 3),)
    assert "records.none" not in codes(FAILED, walls=walls, answers={"a.test": {200: 3}})


def test_another_version_than_that_of_the_last_good_run_is_named_with_the_way_back() -> None:
    [found, *_] = diagnose(
        replace(FAILED, answers={"a.test": {200: 3}}, good_version=1, good_records=250, message="baseline: x")
    )
    assert found.code == "records.none"
    assert "the last good run had 250 records" in found.cause
    assert "`lamplighter agent restore shop 1` brings version 1 back" in found.actions[0]


def test_a_proxy_that_fails_is_not_the_site() -> None:
    sums = ProxySums(used=2, requests=10, failures=10, at_proxy=10, errors=("TunnelError: 502",))
    [found, *_] = diagnose(replace(FAILED, proxies=sums, has_pool=True))
    assert found.code == "proxy.failing"
    assert "10 of 10 requests through 2 proxies failed at the proxy itself" in found.cause


def test_words_of_a_log_count_only_where_nothing_better_is_known() -> None:
    log = ("ConnectionRefusedError: [Errno 111] Connection refused", "giving up")
    assert codes(FAILED, log=log)[0] == "network.refused"
    raised = (Raised("RuntimeError", "x"),)
    [first, *_] = diagnose(replace(FAILED, log=log, exceptions=raised))
    assert first.code == "exception.raised"


def test_a_failed_delivery_is_not_what_the_agent_met() -> None:
    message = "not delivered to s3://b: Connection refused; the records are kept"
    assert codes(FAILED, message=message, undelivered=True) == ["delivery.failed"]


def test_the_kept_page_is_among_what_to_look_at() -> None:
    page = Page("evidence/failing-page.html", "https://a.test/x", 403, "No")
    [found, *_] = diagnose(replace(FAILED, answers={"a.test": {403: 1}}, page=page))
    assert (
        "Look at the page that was kept: `lamplighter run download shop 5 --file evidence/failing-page.html`"
    ) in found.actions
