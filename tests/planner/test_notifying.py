"""What is told, when and in which words, decided without a database."""

from datetime import UTC, datetime, timedelta

import pytest

from lamplighter.model import NotificationEvent, Outcome, RunStatus, ScheduleType, Timing
from lamplighter.planner import notifying
from lamplighter.planner.notifying import Failing, Place, RunFacts, ScheduleFacts, Watched

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MORNING = ScheduleFacts(7, "Morning", "Europe/Berlin")
NO_DATES = Timing(ScheduleType.NONE)


def facts(**other: object) -> RunFacts:
    values: dict[str, object] = {
        "run_id": 12,
        "agent_id": 5,
        "agent_name": "Prices",
        "schedule": MORNING,
        "scheduled_time": NOON,
        "started_by": "schedule Morning",
        "attempt": 2,
        "message": "exit status 1",
        "warnings": (),
        "ended": NOON + timedelta(minutes=3),
    }
    return RunFacts(**(values | other))  # type: ignore[arg-type]


def watched(outcome: Outcome | None, **other: object) -> Watched:
    values: dict[str, object] = {
        "due": NOON,
        "count": 1,
        "outcome": outcome,
        "reason": "fired on time",
        "decided": NOON,
        "deadline": NOON + timedelta(hours=1),
        "queues": False,
    }
    return Watched(**(values | other))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (NotificationEvent.FAILURE, "failure"),
        (NotificationEvent.DID_NOT_RUN, "failure"),
        (NotificationEvent.VOLUME_DROP, "warning"),
        (NotificationEvent.RECOVERY, "success"),
    ],
)
def test_each_event_has_a_gravity(event: NotificationEvent, kind: str) -> None:
    assert notifying.kind_of(event) == kind


@pytest.mark.parametrize(
    ("status", "warnings", "recovered", "events"),
    [
        (RunStatus.FAILURE, (), False, "failure"),
        (RunStatus.FAILURE, ("few",), False, "failure"),
        (RunStatus.COMPLETED, (), False, ""),
        (RunStatus.SUCCESS, (), True, "recovery"),
        (RunStatus.COMPLETED, ("few",), False, "volumeDrop"),
        (RunStatus.COMPLETED, ("few",), True, "recovery volumeDrop"),
        (RunStatus.STOPPED, ("few",), False, ""),
    ],
)
def test_the_end_of_a_run_is_these_events(
    status: RunStatus, warnings: tuple[str, ...], recovered: bool, events: str
) -> None:
    found = notifying.events_of_end(status, warnings, has_recovered=recovered)
    assert " ".join(found) == events


def test_the_first_message_goes_out_at_once() -> None:
    assert notifying.place_of(None, NOON, 600) == Place(NOON, joins=False)
    assert notifying.place_of(NOON - timedelta(hours=1), NOON, 600) == Place(NOON, joins=False)


def test_within_the_quiet_time_a_message_waits_for_its_end() -> None:
    told = NOON - timedelta(seconds=100)
    assert notifying.place_of(told, NOON, 600) == Place(NOON + timedelta(seconds=500), joins=False)


def test_what_follows_joins_the_message_that_waits() -> None:
    waits_until = NOON + timedelta(seconds=1)
    assert notifying.place_of(waits_until, NOON, 600) == Place(waits_until, joins=True)


def test_without_a_quiet_time_every_message_goes_out_at_once() -> None:
    assert notifying.place_of(NOON, NOON, 0) == Place(NOON, joins=False)


def test_the_wait_between_tries_doubles_up_to_an_hour_and_ends_after_a_day() -> None:
    now, waits = NOON, list[float]()
    for tries in range(1, 100):
        following = notifying.next_try(tries, NOON, now)
        if following is None:
            break
        waits.append((following - now).total_seconds())
        now = following
    assert waits[:4] == [1, 2, 4, 8]
    assert max(waits) == 3600
    assert now == NOON + timedelta(days=1)


def test_a_message_about_a_failure_says_all_that_one_needs() -> None:
    words = notifying.about_end(NotificationEvent.FAILURE, facts(), None)
    assert words.title == "Prices (agent) failed: exit status 1"
    assert words.body.splitlines() == [
        "Agent: Prices (id 5)",
        "Schedule: Morning (id 7)",
        "Run: 12, attempt 2",
        "Due: 2026-01-05 13:00:00 Europe/Berlin (2026-01-05 12:00:00 UTC)",
        "Ended: 2026-01-05 13:03:00 Europe/Berlin (2026-01-05 12:03:00 UTC)",
        "Message: exit status 1",
        "Look: lamplighter run status 5 12",
    ]


def test_a_message_about_a_run_that_was_started_by_hand_says_by_whom() -> None:
    by_hand = facts(schedule=None, scheduled_time=None, started_by="admin")
    body = notifying.about_end(NotificationEvent.FAILURE, by_hand, None).body
    assert "Started by: admin" in body
    assert "Due:" not in body


def test_a_recovery_says_for_how_long_it_was_ill() -> None:
    words = notifying.about_end(NotificationEvent.RECOVERY, facts(message="finished"), Failing(NOON, 3))
    assert words.title == "Prices (agent) has recovered"
    assert "It had failed 3 times since 2026-01-05 12:00:00 UTC." in words.body


def test_a_warning_is_the_title_of_a_volume_drop() -> None:
    warned = facts(warnings=("3 records, usually 100",))
    words = notifying.about_end(NotificationEvent.VOLUME_DROP, warned, None)
    assert words.title == "Prices (agent) ended with a warning: 3 records, usually 100"
    assert "Warning: 3 records, usually 100" in words.body


def test_a_zone_that_is_not_known_any_more_is_told_in_utc() -> None:
    gone = facts(schedule=ScheduleFacts(7, "Morning", "Mars/Base"))
    assert "2026-01-05 12:00:00" in notifying.about_end(NotificationEvent.FAILURE, gone, None).body


def test_hostile_text_stays_one_bounded_line_that_calls_nobody() -> None:
    evil = "a\r\nBcc: x\x1b[31m <!channel> @everyone <@U1> " + "x" * 100_000
    words = notifying.about_end(NotificationEvent.FAILURE, facts(message=evil, agent_name=evil), None)
    assert len(words.title) <= 160
    assert words.title.isprintable() or "\u200b" in words.title
    assert not any(sign in words.title + words.body for sign in ("\r", "\x1b", "<!", "<@", "@everyone"))
    assert len(words.body.splitlines()) == 7
    assert len(words.body) < 4000


def test_the_body_says_how_many_others_it_stands_for_and_has_an_id() -> None:
    body = notifying.whole_body("text", more=12, since=NOON, message_id=3, rule="all")
    assert body == "text\n… and 12 more since 2026-01-05 12:00:00 UTC\nMessage 3 of the notification all"
    assert "more" not in notifying.whole_body("text", more=0, since=NOON, message_id=3, rule="all")


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (watched(None, reason=""), "the scheduler has not come to it: the server was down, or is behind"),
        (watched(None, reason="cannot be evaluated"), "cannot be evaluated"),
        (
            watched(Outcome.SKIPPED, reason="previous run still waiting"),
            "skipped: previous run still waiting",
        ),
        (watched(Outcome.MERGED, reason="missed"), "merged: missed"),
        (watched(Outcome.FIRED, queues=True), "its run is still waiting, and no server has taken it"),
        (watched(Outcome.FIRED, queues=True, message="waits for x"), "its run waits for x"),
        (watched(Outcome.FIRED, queues=True, message="put back"), "its run is still waiting: put back"),
        (watched(Outcome.FIRED), "its run began too late"),
        (watched(Outcome.LATE, reason="5 hours late", decided=NOON + timedelta(hours=5)), "5 hours late"),
    ],
)
def test_the_reason_why_nothing_ran_is_told(case: Watched, reason: str) -> None:
    assert notifying.why_not_run(case, NO_DATES) == reason


def test_an_excluded_date_is_as_it_should_be() -> None:
    timing = Timing(ScheduleType.NONE, excluded_dates=("2026-01-05",))
    skipped = watched(Outcome.SKIPPED, reason="2026-01-05 is an excluded date")
    assert notifying.why_not_run(skipped, timing) is None


def test_a_message_about_a_missed_due_time_names_its_deadline_in_the_zone() -> None:
    words = notifying.about_missed(5, "Prices", MORNING, watched(Outcome.SKIPPED), "skipped: no")
    assert words.title == "Morning of Prices (agent) did not run by 2026-01-05 14:00"
    assert "Reason: skipped: no" in words.body
    assert "Look: lamplighter schedule why 5 7 '2026-01-05 13:00'" in words.body


def test_of_many_schedules_the_first_are_listed() -> None:
    words = notifying.about_many_missed([("Prices", f"s{number}", NOON) for number in range(25)])
    assert words.title == "25 schedules did not run in time"
    assert words.body.splitlines()[1] == "s0 of Prices, due 2026-01-05 12:00:00 UTC"
    assert "… and 5 other schedules" in words.body
