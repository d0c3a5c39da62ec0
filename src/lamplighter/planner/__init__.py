"""The decisions about time and runs, as pure functions of values and ``now``.

Nothing here reads a clock, a file or a database. The engine and the service fetch values, ask here what is to
be done, and write the answer in the same transaction.
"""

from lamplighter.planner.due_times import (
    due_times,
    is_excluded,
    local,
    next_due,
    not_days,
    trigger_of,
)
from lamplighter.planner.firing import LATE_AFTER, Entry, Plan, plan_due, settle_before_change
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
    "LATE_AFTER",
    "LEASE",
    "Admission",
    "Entry",
    "Occupancy",
    "Plan",
    "admit",
    "due_times",
    "is_excluded",
    "local",
    "may_retry",
    "next_due",
    "not_days",
    "plan_due",
    "retry_at",
    "settle_before_change",
    "split_input",
    "trigger_of",
]
