"""The changes of offset found by probing are those in the zone's file."""

from datetime import timedelta
from itertools import pairwise

import pytest
from tzif import all_zones, changes, changes_between

from lamplighter.triggers.instants import SECOND, from_datetime
from lamplighter.triggers.timeline import PROBE, timeline


@pytest.mark.parametrize("part", range(8))
def test_every_change_in_the_database_is_found_to_the_second(part: int) -> None:
    for name in all_zones()[part::8]:
        line = timeline(name)
        for change in changes_between(name, 1990, 2040):
            piece = line.piece(from_datetime(change.instant))
            assert piece.start == from_datetime(change.instant), (name, change)
            assert (piece.before, piece.offset) == (change.before * SECOND, change.after * SECOND)


def test_no_two_changes_are_closer_together_than_two_probes() -> None:
    for name in all_zones():
        moments = [change.instant for change in changes(name)]
        for earlier, later in pairwise(moments):
            assert later - earlier > timedelta(microseconds=PROBE) + timedelta(days=2), (name, earlier)


def test_pieces_follow_each_other_without_a_hole() -> None:
    line = timeline("Africa/Casablanca")
    instant, end = 0, from_datetime(changes("Africa/Casablanca")[-1].instant)
    piece = line.piece(instant)
    while piece.end < end:
        following = line.piece(piece.end)
        assert following.start == piece.end
        assert (following.before, piece.after) == (piece.offset, following.offset)
        assert line.piece(piece.end - 1) == piece
        piece = following


def test_changes_that_follow_from_a_rule_are_found_far_ahead() -> None:
    # 2500-03-28 is the last Sunday of March.
    line = timeline("Europe/Berlin")
    spring = (16_745_000_000 // 86_400) * 86_400 * SECOND
    piece = line.piece(spring)
    assert piece.offset in (3600 * SECOND, 7200 * SECOND)
    assert piece.end > spring
