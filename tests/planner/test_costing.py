"""What usage costs, to the millionth of a credit."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from lamplighter.model import UsageType
from lamplighter.planner import CREDIT, UNITS, cost_of, costs_of


def test_a_rate_is_for_a_unit() -> None:
    rate = 2 * CREDIT
    assert cost_of(UsageType.SERVER_TIME, 30 * 60 * 1000, rate) == CREDIT
    assert cost_of(UsageType.EXPORT_GB, 2_500_000_000, rate) == 5 * CREDIT
    assert cost_of(UsageType.AGENT_INPUTS, 3, rate) == 6 * CREDIT
    assert cost_of(UsageType.PROXY_DATA, 1, rate) == 0
    assert cost_of(UsageType.EXPORT_CPM, 1500, rate) == 3 * CREDIT


def test_half_a_millionth_is_rounded_up() -> None:
    assert cost_of(UsageType.EXPORT_CPM, 499, 1) == 0
    assert cost_of(UsageType.EXPORT_CPM, 500, 1) == 1


def test_an_agent_that_lies_about_its_traffic_cannot_spend_more_than_a_million_credits() -> None:
    assert cost_of(UsageType.PROXY_DATA, 2**53, 10_000 * CREDIT) == 1_000_000 * CREDIT


def test_what_has_no_rate_costs_nothing() -> None:
    used = {UsageType.SERVER_TIME: 3_600_000, UsageType.AGENT_INPUTS: 1}
    costs = costs_of(used, {UsageType.AGENT_INPUTS: 5})
    assert costs == {UsageType.SERVER_TIME: 0, UsageType.AGENT_INPUTS: 5}


@given(st.sampled_from(UsageType), st.integers(0, 10**12), st.integers(0, 10**6))
def test_a_cost_is_never_off_by_more_than_half_a_millionth(kind: UsageType, used: int, rate: int) -> None:
    exact = Fraction(used * rate, UNITS[kind].size)
    if exact < 1_000_000 * CREDIT:
        assert abs(cost_of(kind, used, rate) - exact) <= Fraction(1, 2)
