"""A trigger in words, made from the compiled sets and not from the text: it cannot contradict the fires."""

from datetime import datetime

from lamplighter.triggers.cron import (
    ALL_HOURS,
    ALL_MINUTES,
    ALL_MONTHS,
    CronExpression,
    MonthDays,
    WeekDays,
    members,
)
from lamplighter.triggers.cron_syntax import parse_cron
from lamplighter.triggers.daylight import DstGap, DstOverlap
from lamplighter.triggers.instants import from_datetime
from lamplighter.triggers.kinds import CronTrigger, IntervalTrigger, OnceTrigger, Period, Trigger
from lamplighter.triggers.timeline import local_time, timeline
from lamplighter.triggers.wording import (
    MONTHS,
    WEEKDAYS,
    clock,
    counted,
    listed,
    long_step,
    ordinal,
    ordinal_word,
    ranged,
    runs,
)

# Beyond this many the times of a day are not written out one by one.
_MOST_TIMES = 12


def describe(trigger: Trigger) -> str:
    """One line such as ``At 09:00 on Monday and Thursday, America/New_York``; 24-hour clock.

    Cron triggers with equal compiled sets, zone and choices get the same text.
    """
    if isinstance(trigger, CronTrigger):
        return _describe_cron(trigger)
    if isinstance(trigger, IntervalTrigger):
        return _describe_interval(trigger)
    if isinstance(trigger, OnceTrigger):
        return f"Once, at {_moment(trigger.at, 'UTC')}"
    return "Never by itself, only when started by hand"


def _describe_cron(trigger: CronTrigger) -> str:
    compiled = parse_cron(trigger.expression)
    choices = "" if compiled.follows_real_clock else _dst_choices(trigger)
    return f"{_times(compiled)}{_days(compiled)}, {trigger.timezone}{choices}"


def _times(compiled: CronExpression) -> str:
    minutes, hours = members(compiled.minutes), members(compiled.hours)
    if compiled.hours == ALL_HOURS:
        if compiled.minutes == ALL_MINUTES:
            return "Every minute"
        step = _even_step(minutes)
        return f"Every {step} minutes" if step else f"At {_minutes(minutes)} of every hour"
    if len(minutes) * len(hours) <= _MOST_TIMES:
        return "At " + listed([f"{hour:02}:{minute:02}" for hour in hours for minute in minutes])
    during = _hours(hours)
    if compiled.minutes == ALL_MINUTES:
        return f"Every minute {during}"
    step = _even_step(minutes)
    return f"Every {step} minutes {during}" if step else f"At {_minutes(minutes)} of every hour {during}"


def _even_step(minutes: list[int]) -> int | None:
    """n when the minutes are 0, n, 2n … with the same n from the last to the next hour's first."""
    if len(minutes) < 2 or 60 % len(minutes):
        return None
    step = 60 // len(minutes)
    return step if minutes == list(range(0, 60, step)) else None


def _minutes(minutes: list[int]) -> str:
    step = long_step(minutes)
    if step:
        return f"every {ordinal(step)} minute from {minutes[0]} to {minutes[-1]}"
    return f"{'minute' if len(minutes) == 1 else 'minutes'} {listed(ranged(minutes))}"


def _hours(hours: list[int]) -> str:
    return listed([f"from {first:02}:00 to {last:02}:59" for first, last in runs(hours)])


def _days(compiled: CronExpression) -> str:
    """The days and months; nothing when all of them fire and the times already say how often."""
    month_days, week_days = compiled.month_days, compiled.week_days
    months = "" if compiled.months == ALL_MONTHS else listed(ranged(members(compiled.months), _month, " to "))
    if month_days.unrestricted and week_days.unrestricted:
        daily = "" if compiled.follows_real_clock else " every day"
        return f"{daily} in {months}" if months else daily
    if month_days.unrestricted:
        return f" on {_week_days(week_days)}{f' in {months}' if months else ''}"
    if week_days.unrestricted:
        return f" on {_month_days(month_days)} of {months or 'the month'}"
    by_month = f"{_month_days(month_days)} of the month"
    within = f", in {months}" if months else ""
    if compiled.either:
        return f" on {by_month} or on {_week_days(week_days)} (either is enough){within}"
    return f" on {by_month} if it is also {_week_days(week_days, 'or')} (both must match){within}"


def _month(number: int) -> str:
    return MONTHS[number - 1]


def _month_days(field: MonthDays) -> str:
    days = members(field.days)
    step = long_step(days)
    if step:
        words = [f"every {ordinal(step)} day from the {ordinal(days[0])} to the {ordinal(days[-1])}"]
    else:
        words = [f"the {word}" for word in ranged(days, ordinal, " to ")]
    words += [
        "the last day" if n == 0 else f"the day {counted(n, 'day')} before the last day"
        for n in members(field.from_last)
    ]
    words += [f"the working day nearest the {ordinal(n)}" for n in members(field.nearest)]
    if field.last_working_day:
        words.append("the last working day")
    return listed(words)


def _week_days(field: WeekDays, last: str = "and") -> str:
    # Weeks are told from Monday, so that Saturday and Sunday stand together at the end.
    plain = sorted((day - 1) % 7 for day in members(field.days))
    words = ranged(plain, lambda n: WEEKDAYS[(n + 1) % 7], " to ")
    for bit in members(field.nth):
        words.append(f"the {ordinal_word(bit // 7 + 1)} {WEEKDAYS[bit % 7]} of the month")
    words += [f"the last {WEEKDAYS[day]} of the month" for day in members(field.last)]
    return listed(words, last)


def _describe_interval(trigger: IntervalTrigger) -> str:
    noun = trigger.period.name.lower().removesuffix("s")
    every = noun if trigger.every == 1 else f"{trigger.every} {noun}s"
    text = f"Every {every} from {_moment(trigger.anchor, trigger.timezone)}"
    if trigger.period in (Period.MINUTES, Period.HOURS):
        return text
    if trigger.period is Period.MONTHS and _local(trigger.anchor, trigger.timezone).day > 28:
        text += " (the last day where a month is shorter)"
    return text + _dst_choices(trigger)


def _dst_choices(trigger: CronTrigger | IntervalTrigger) -> str:
    """What differs from the default; nothing in UTC, whose clock never changes."""
    choices = []
    if trigger.timezone != "UTC" and trigger.dst_gap is DstGap.SKIP:
        choices.append("times the clock skips do not fire")
    if trigger.timezone != "UTC" and trigger.dst_overlap is not DstOverlap.FIRST:
        which = "both times" if trigger.dst_overlap is DstOverlap.BOTH else "the second time"
        choices.append(f"repeated times fire {which}")
    return f" ({listed(choices)})" if choices else ""


def _local(moment: datetime, timezone: str) -> datetime:
    return local_time(from_datetime(moment), timeline(timezone))


def _moment(moment: datetime, timezone: str) -> str:
    local = _local(moment, timezone)
    again = " (the second time)" if local.fold else ""
    return f"{local.year:04}-{local:%m-%d} {clock(local)} {timezone}{again}"
