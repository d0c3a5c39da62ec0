"""The decisions about time and runs, as pure functions of values and ``now``.

Nothing here reads a clock, a file or a database. The engine and the service fetch values, ask here what is to
be done, and write the answer in the same transaction.
"""

from lamplighter.planner.combining import (
    DELIVERED,
    GOOD,
    NOT_DELIVERED,
    Combination,
    Part,
    combination,
    is_part,
)
from lamplighter.planner.comparing import Comparison, Pair, compare
from lamplighter.planner.costing import CREDIT, UNITS, cost_of, costs_of
from lamplighter.planner.due_times import (
    due_times,
    fire_at,
    is_excluded,
    iso,
    local,
    next_due,
    not_days,
    trigger_of,
)
from lamplighter.planner.firing import LATE_AFTER, Entry, Plan, plan_due, settle_before_change
from lamplighter.planner.forecast import Ahead, count_fires, fires_in_order, next_fire
from lamplighter.planner.keeping import limits_of_agent, too_old_before
from lamplighter.planner.pacing import WINDOW, wait_for_turn
from lamplighter.planner.rotation import Pick, ProxyUse, checked, noted, pick, rest_until
from lamplighter.planner.serving import WAITS_FOR_GROUP, runs_will_wait_for_group, waits_for_group
from lamplighter.planner.starting import (
    LEASE,
    Admission,
    Occupancy,
    admit,
    may_retry,
    retry_at,
    split_input,
)

__all__ = [
    "CREDIT",
    "DELIVERED",
    "GOOD",
    "LATE_AFTER",
    "LEASE",
    "NOT_DELIVERED",
    "UNITS",
    "WAITS_FOR_GROUP",
    "WINDOW",
    "Admission",
    "Ahead",
    "Combination",
    "Comparison",
    "Entry",
    "Occupancy",
    "Pair",
    "Part",
    "Pick",
    "Plan",
    "ProxyUse",
    "admit",
    "checked",
    "combination",
    "compare",
    "cost_of",
    "costs_of",
    "count_fires",
    "due_times",
    "fire_at",
    "fires_in_order",
    "is_excluded",
    "is_part",
    "iso",
    "limits_of_agent",
    "local",
    "may_retry",
    "next_due",
    "next_fire",
    "not_days",
    "noted",
    "pick",
    "plan_due",
    "rest_until",
    "retry_at",
    "runs_will_wait_for_group",
    "settle_before_change",
    "split_input",
    "too_old_before",
    "trigger_of",
    "wait_for_turn",
    "waits_for_group",
]
