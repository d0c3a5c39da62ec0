"""What to tell people about a fire that a change of the clocks affects."""

from datetime import datetime

from lamplighter.triggers.daylight import DstGap, DstOverlap, LocalFires
from lamplighter.triggers.instants import from_datetime, wall_datetime
from lamplighter.triggers.intervals import AnchoredFires
from lamplighter.triggers.kinds import Trigger
from lamplighter.triggers.timeline import Piece
from lamplighter.triggers.wording import clock, day, listed

_MOST_TIMES = 3


def dst_note(trigger: Trigger, fire: datetime) -> str | None:
    """A sentence when the wall time of this fire does not exist or exists twice, otherwise None.

    ``fire`` is an instant as ``next_after`` returns it; for an instant at which the trigger does not fire
    there is nothing to say. A naive datetime raises ValueError.
    """
    instant = from_datetime(fire)
    fires = trigger.fires
    # The anchor of an interval fires at its own instant only, whatever the schedule's choice.
    at_anchor = isinstance(fires, AnchoredFires) and instant == fires.anchor
    local = fires.later if isinstance(fires, AnchoredFires) else fires
    if not isinstance(local, LocalFires) or fires.count(instant, instant) == 0:
        return None
    piece = local.timeline.piece(instant)
    if instant == piece.start and local.gap is DstGap.AFTER and local.skipped_by_jump(piece):
        return _gap_note(local, piece)
    return _overlap_note(instant, piece, both=local.overlap is DstOverlap.BOTH and not at_anchor)


def _gap_note(local: LocalFires, piece: Piece) -> str:
    first, end = piece.start + piece.before, piece.start + piece.offset
    skipped = _times(local, first, end - 1)
    gone, back = wall_datetime(first), wall_datetime(end)
    landing = clock(back) if gone.date() == back.date() else f"{clock(back)} on {day(back)}"
    verb, result = ("does", "fires at") if len(skipped) == 1 else ("do", "fire together at")
    names = listed(skipped)
    if len(skipped) > _MOST_TIMES:
        names = f"The {local.skipped_by_jump(piece)} times from {skipped[0]} to {skipped[-1]}"
    return (
        f"{names} {verb} not exist on {day(gone)} (clocks jump from {clock(gone)} to {landing}): "
        f"{result} {landing}"
    )


def _times(local: LocalFires, first: int, last: int) -> list[str]:
    """The skipped wall times; of many only the first ones and the last."""
    found: list[int] = []
    wall = local.walls.first_from(first)
    while wall is not None and wall <= last and len(found) < _MOST_TIMES:
        found.append(wall)
        wall = local.walls.first_from(wall + 1)
    final = local.walls.last_upto(last)
    if final is not None and final not in found:
        found.append(final)
    return [clock(wall_datetime(wall)) for wall in found]


def _overlap_note(instant: int, piece: Piece, *, both: bool) -> str | None:
    wall = instant + piece.offset
    second = wall < piece.start + piece.before
    first = wall >= piece.end + piece.after
    if not first and not second:
        return None
    which = "both times" if both else f"the {'second' if second else 'first'} time"
    shown = wall_datetime(wall)
    return f"{clock(shown)} happens twice on {day(shown)}: fires {which}"
