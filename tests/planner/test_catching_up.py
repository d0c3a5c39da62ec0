"""What becomes of due times that were missed."""

from datetime import UTC, datetime, timedelta

from lamplighter.model import CatchUp, Due, Outcome, RunSettings, Schedule, ScheduleType, Timing
from lamplighter.planner import Plan, next_due, plan_due, settle_before_change

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def schedule(timing: Timing, decided_until: datetime) -> Schedule:
    """A schedule that is settled up to ``decided_until``."""
    return Schedule(
        id=7,
        agent_id=1,
        name="test",
        is_enabled=True,
        timing=timing,
        settings=RunSettings(),
        input_parameters=None,
        local_schedule=None,
        decided_until=decided_until,
        next=next_due(7, timing, decided_until),
        problem=None,
        created=decided_until,
        updated=decided_until,
    )


def hourly(catch_up: CatchUp = CatchUp.LATEST, window: timedelta = timedelta(days=1)) -> Timing:
    return Timing(
        ScheduleType.CRON,
        cron_expression="0 * * * *",
        catch_up=catch_up,
        catch_up_window_seconds=int(window.total_seconds()),
    )


def plan(timing: Timing, due: datetime, now: datetime) -> Plan:
    """The plan at ``now`` for a schedule whose next due time is ``due``."""
    return plan_due(schedule(timing, due - timedelta(minutes=1)), now, agent_is_archived=False)


def rows(plan: Plan) -> list[tuple[str, datetime, datetime, int]]:
    entries = [*plan.settled, *([plan.fire] if plan.fire else [])]
    return [(e.outcome.value, e.due, e.last_due, e.count) for e in entries]


def test_a_due_time_that_has_just_come_fires() -> None:
    made = plan(hourly(), NINE, NINE + timedelta(milliseconds=5))
    assert rows(made) == [("fired", NINE, NINE, 1)]
    assert made.following == Due(NINE + timedelta(hours=1), NINE + timedelta(hours=1))


def test_a_fire_within_a_minute_is_on_time_and_after_it_is_late() -> None:
    assert rows(plan(hourly(), NINE, NINE + timedelta(seconds=60)))[0][0] == "fired"
    assert rows(plan(hourly(), NINE, NINE + timedelta(seconds=61)))[0][0] == "late"


def test_latest_fires_the_newest_missed_due_time_and_merges_the_older_ones_into_one_row() -> None:
    newest = NINE + timedelta(hours=5)
    made = plan(hourly(), NINE, newest + timedelta(minutes=10))
    assert rows(made) == [
        ("merged", NINE, newest - timedelta(hours=1), 5),
        ("late", newest, newest, 1),
    ]
    assert made.decided_until == newest


def test_latest_fires_nothing_when_even_the_newest_is_outside_the_window() -> None:
    daily = Timing(ScheduleType.CRON, cron_expression="0 9 * * *", catch_up_window_seconds=3600)
    made = plan(daily, NINE, NINE + timedelta(days=2, hours=3))
    assert rows(made) == [("skipped", NINE, NINE + timedelta(days=2), 3)]
    assert made.fire is None
    assert "catch-up window of 1 hour" in made.settled[0].reason


def test_none_skips_what_was_missed() -> None:
    made = plan(hourly(CatchUp.NONE), NINE, NINE + timedelta(hours=3, minutes=30))
    assert rows(made) == [("skipped", NINE, NINE + timedelta(hours=3), 4)]


def test_none_still_fires_a_due_time_that_is_on_time() -> None:
    newest = NINE + timedelta(hours=3)
    made = plan(hourly(CatchUp.NONE), NINE, newest + timedelta(seconds=30))
    assert rows(made) == [
        ("skipped", NINE, newest - timedelta(hours=1), 3),
        ("fired", newest, newest, 1),
    ]


def test_all_fires_each_missed_due_time_oldest_first() -> None:
    now = NINE + timedelta(hours=2, minutes=30)
    due, fired = NINE, []
    while due <= now:
        made = plan(hourly(CatchUp.ALL), due, now)
        assert made.fire is not None
        assert made.following is not None
        fired.append((made.fire.due, made.fire.outcome))
        due = made.following.time
    assert fired == [(NINE + timedelta(hours=h), Outcome.LATE) for h in range(3)]


def test_all_skips_in_one_row_what_is_outside_the_window() -> None:
    now = NINE + timedelta(hours=10, minutes=30)
    made = plan(hourly(CatchUp.ALL, timedelta(hours=2)), NINE, now)
    first_inside = NINE + timedelta(hours=9)
    assert rows(made) == [
        ("skipped", NINE, NINE + timedelta(hours=8), 9),
        ("late", first_inside, first_inside, 1),
    ]


def test_a_year_without_the_server_is_one_row_and_one_fire() -> None:
    minutely = Timing(ScheduleType.CRON, cron_expression="* * * * *")
    now = NINE + timedelta(days=365, seconds=90)
    made = plan(minutely, NINE, now)
    assert rows(made) == [
        ("merged", NINE, NINE + timedelta(days=365), 365 * 1440 + 1),
        ("fired", NINE + timedelta(days=365, minutes=1), NINE + timedelta(days=365, minutes=1), 1),
    ]


def test_a_one_off_fires_however_late_and_whatever_catch_up_says() -> None:
    for catch_up in CatchUp:
        once = Timing(
            ScheduleType.RUN_ONCE, start_time=NINE, anchor=NINE, catch_up=catch_up, catch_up_window_seconds=0
        )
        made = plan(once, NINE, NINE + timedelta(days=400))
        assert rows(made) == [("late", NINE, NINE, 1)]
        assert made.following is None


def test_an_excluded_date_is_passed_over_and_the_day_before_is_caught_up_with() -> None:
    daily = Timing(
        ScheduleType.CRON,
        cron_expression="0 9 * * *",
        excluded_dates=("2026-03-03",),
        catch_up_window_seconds=172_800,
    )
    second = NINE + timedelta(days=1)
    made = plan(daily, NINE, second + timedelta(hours=1))
    assert rows(made) == [("skipped", second, second, 1), ("late", NINE, NINE, 1)]
    assert "2026-03-03 is an excluded date" in made.settled[0].reason


def test_excluded_dates_are_days_of_the_schedules_own_zone() -> None:
    late_evening = Timing(
        ScheduleType.CRON,
        timezone="America/New_York",
        cron_expression="0 22 * * *",
        excluded_dates=("2026-03-02",),
    )
    due = datetime(2026, 3, 3, 3, 0, tzinfo=UTC)  # 22:00 on 2 March in New York
    assert rows(plan(late_evening, due, due)) == [("skipped", due, due, 1)]


def test_the_fire_of_an_archived_agent_is_skipped_and_says_so() -> None:
    made = plan_due(schedule(hourly(), NINE - timedelta(minutes=1)), NINE, agent_is_archived=True)
    assert made.fire is not None
    assert (made.fire.outcome, made.fire.reason) == (Outcome.SKIPPED, "the agent is archived")


def test_the_last_due_time_is_the_one_at_the_end_time() -> None:
    timing = Timing(ScheduleType.CRON, cron_expression="0 * * * *", end_time=NINE + timedelta(hours=1))
    made = plan(timing, NINE, NINE + timedelta(hours=8))
    assert rows(made)[-1][1] == NINE + timedelta(hours=1)
    assert made.following is None


def test_jitter_delays_a_fire_by_less_than_asked_and_always_by_the_same() -> None:
    timing = Timing(ScheduleType.CRON, cron_expression="0 * * * *", jitter_seconds=600)
    delays = set()
    for hour in range(50):
        moment = NINE + timedelta(hours=hour)
        due = next_due(7, timing, moment - timedelta(minutes=1))
        assert due is not None
        assert due == next_due(7, timing, moment - timedelta(minutes=1))
        assert timedelta(0) <= due.fire_at - due.time <= timedelta(seconds=600)
        delays.add(due.fire_at - due.time)
    assert len(delays) > 40


def test_jitter_never_reaches_beyond_the_next_due_time() -> None:
    timing = Timing(ScheduleType.CRON, cron_expression="* * * * *", jitter_seconds=86_400)
    due = next_due(7, timing, NINE)
    assert due is not None
    assert due.fire_at <= due.time + timedelta(minutes=1)


def test_jitter_beyond_the_window_is_not_taken_for_a_missed_due_time() -> None:
    for catch_up in CatchUp:
        timing = Timing(
            ScheduleType.CRON,
            cron_expression="0 9 * * *",
            jitter_seconds=7200,
            catch_up=catch_up,
            catch_up_window_seconds=60,
        )
        due = next_due(7, timing, NINE - timedelta(minutes=1))
        assert due is not None
        assert due.fire_at - due.time > timedelta(minutes=5), "the case needs a real delay"
        assert rows(plan(timing, NINE, due.fire_at)) == [("fired", NINE, NINE, 1)]


def test_a_change_fires_only_what_is_due_this_very_minute() -> None:
    on_time = settle_before_change(
        schedule(hourly(), NINE - timedelta(minutes=1)),
        NINE + timedelta(seconds=1),
        "edited",
        fire_if_on_time=True,
        agent_is_archived=False,
    )
    assert on_time is not None
    assert rows(on_time) == [("fired", NINE, NINE, 1)]
    missed = settle_before_change(
        schedule(hourly(), NINE - timedelta(minutes=1)),
        NINE + timedelta(hours=1, minutes=30),
        "edited",
        fire_if_on_time=True,
        agent_is_archived=False,
    )
    assert missed is not None
    assert rows(missed) == [("skipped", NINE, NINE + timedelta(hours=1), 2)]
    assert "edited" in missed.settled[0].reason


def test_a_change_of_a_schedule_that_owes_nothing_settles_nothing() -> None:
    nothing = settle_before_change(
        schedule(hourly(), NINE - timedelta(minutes=1)),
        NINE - timedelta(seconds=1),
        "disabled",
        fire_if_on_time=False,
        agent_is_archived=False,
    )
    assert nothing is None
