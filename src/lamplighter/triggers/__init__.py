"""When a schedule fires: pure functions of a trigger and an instant, without a clock or state.

A trigger says *when* by the wall clock of a time zone; every instant that goes in or comes out is UTC.
"""

from lamplighter.triggers.cron import CronExpression
from lamplighter.triggers.cron_syntax import parse_cron
from lamplighter.triggers.daylight import DstGap, DstOverlap
from lamplighter.triggers.describe import describe
from lamplighter.triggers.dst_note import dst_note
from lamplighter.triggers.fires import count_between, next_after, previous_before
from lamplighter.triggers.kinds import CronTrigger, IntervalTrigger, NoTrigger, OnceTrigger, Period, Trigger
from lamplighter.triggers.zones import TZDATA_VERSION, zone

__all__ = [
    "TZDATA_VERSION",
    "CronExpression",
    "CronTrigger",
    "DstGap",
    "DstOverlap",
    "IntervalTrigger",
    "NoTrigger",
    "OnceTrigger",
    "Period",
    "Trigger",
    "count_between",
    "describe",
    "dst_note",
    "next_after",
    "parse_cron",
    "previous_before",
    "zone",
]
