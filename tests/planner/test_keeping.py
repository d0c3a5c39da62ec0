"""Which limits hold for an agent."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lamplighter.model import Limits
from lamplighter.planner import limits_of_agent, too_old_before

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
limits = st.builds(Limits, **{f.name: st.none() | st.integers(1, 99) for f in fields(Limits)})


@given(own=limits, space=limits)
def test_each_limit_is_the_agents_own_or_else_its_spaces(own: Limits, space: Limits) -> None:
    holds = limits_of_agent(own, space)
    for f in fields(Limits):
        mine = getattr(own, f.name)
        assert getattr(holds, f.name) == (getattr(space, f.name) if mine is None else mine)


def test_one_own_limit_leaves_the_others_to_the_space() -> None:
    space = Limits(runs_days=30, runs_count=100, files_days=7)
    assert limits_of_agent(Limits(runs_days=90), space) == replace(space, runs_days=90)


def test_age_is_counted_in_days_of_24_hours_and_no_limit_is_for_ever() -> None:
    assert too_old_before(NOW, 7) == NOW - timedelta(hours=168)
    assert too_old_before(NOW, None) is None
    assert too_old_before(NOW, 36_500) is not None
