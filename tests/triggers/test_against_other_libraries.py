"""In UTC, where rules agree, cronsim and croniter name the same fires."""

import re
from datetime import datetime, timedelta

from croniter import croniter  # type: ignore[import-untyped]  # has no types of its own
from cronsim import CronSim
from hypothesis import assume, given
from hypothesis import strategies as st
from trigger_helpers import steady
from trigger_oracle import utc
from trigger_strategies import field

from lamplighter.errors import InvalidInput
from lamplighter.triggers import CronTrigger, next_after, previous_before

minutes, months = field(0, 59), field(1, 12)
moments = st.integers(0, 15_000_000).map(lambda minutes: utc("2015-01-01") + timedelta(minutes=minutes))
weekdays = st.one_of(
    field(0, 6), st.sampled_from(["0L", "5L", "1#1", "0#2", "6#5", "1,3#2", "MON-FRI", "SUN", "5-7"])
)
# A lone day field: croniter combines two of them differently.
days = st.one_of(
    st.tuples(st.one_of(field(1, 31), st.just("L")), st.just("*")),
    st.tuples(
        st.just("*"), st.one_of(field(0, 6), st.sampled_from(["1#1", "0#2", "6#5", "MON-FRI", "SUN", "5-7"]))
    ),
)


def ours_forward(trigger: CronTrigger, moment: datetime, count: int) -> list[datetime]:
    found = []
    for _ in range(count):
        fire = next_after(trigger, moment)
        assert fire is not None
        found.append(fire)
        moment = fire
    return found


def possible(expression: str) -> CronTrigger:
    # A range of one value: cronsim reads "7-7/2" as "7/2", croniter reads "7-7" as "*".
    assume(not re.search(r"\b(\d+)-\1\b", expression))
    try:
        return CronTrigger(expression)
    except InvalidInput:
        assume(condition=False)
        raise


@given(minutes, field(0, 23), field(1, 31), months, weekdays, moments)
@steady
def test_cronsim_names_the_same_fires(
    minute: str, hour: str, day: str, month: str, weekday: str, moment: datetime
) -> None:
    expression = f"{minute} {hour} {day} {month} {weekday}"
    trigger = possible(expression)
    walk, back = CronSim(expression, moment), CronSim(expression, moment, reverse=True)

    assert ours_forward(trigger, moment, 4) == [next(walk) for _ in range(4)]
    assert previous_before(trigger, moment) == next(back)


@given(minutes, field(0, 23), days, moments)
@steady
def test_croniter_names_the_same_fires(
    minute: str, hour: str, day_fields: tuple[str, str], moment: datetime
) -> None:
    expression = f"{minute} {hour} {day_fields[0]} * {day_fields[1]}"
    trigger = possible(expression)
    walk = croniter(expression, moment)

    assert ours_forward(trigger, moment, 4) == [walk.get_next(datetime) for _ in range(4)]
