"""What is to be done for a server to be as a file says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.cli.blueprint.planning import Change, Difference, Verb, after, dangling, plan
from lamplighter.cli.blueprint.state import DEPTHS, RANKS, Kind, Scope, Thing

BOOKS = ("Shop", "books")
ALL_OF_BOOKS: Scope = (Kind.SCHEDULE, BOOKS)


def agent(name: str = "books", **fields: Any) -> Thing:
    return Thing(Kind.AGENT, ("Shop", name), {"code": "1", "archived": False, **fields}, 1)


def schedule(name: str, twin: int = 1, **fields: Any) -> Thing:
    return Thing(Kind.SCHEDULE, (*BOOKS, name, str(twin)), {"cron": "0 9 * * *", **fields}, 2)


def pool(name: str) -> Thing:
    return Thing(Kind.POOL, (name,), {"rotation": "Random"}, 3)


def added(*things: Thing) -> list[Change]:
    return [Change(Verb.ADD, thing) for thing in things]


@pytest.mark.parametrize(
    ("wanted", "current", "changes"),
    [
        ([], [], []),
        ([agent()], [agent()], []),
        ([agent()], [], [Change(Verb.ADD, agent())]),
        ([agent(code="2")], [agent()], [Change(Verb.CHANGE, agent(code="2"), (Difference("code", "1", "2"),))]),
        ([agent()], [agent(description="own")], []),
        ([schedule("a", 2), schedule("a")], [], added(schedule("a"), schedule("a", 2))),
        ([schedule("a"), agent(), pool("p")], [], added(pool("p"), agent(), schedule("a"))),
    ],
    ids=["nothing", "same", "new", "other", "fields that nobody speaks of", "twins", "order"],
)  # fmt: skip
def test_what_is_wanted_is_added_or_changed(
    wanted: list[Thing], current: list[Thing], changes: list[Change]
) -> None:
    assert list(plan(wanted, current, (), prune=False).changes) == changes


def test_a_change_knows_the_id_on_the_server() -> None:
    wanted = Thing(Kind.POOL, ("p",), {"rotation": "Sticky"})
    [change] = plan([wanted], [pool("p")], (), prune=False).changes
    assert change.thing.id == 3


@pytest.mark.parametrize(
    ("whole", "lost"),
    [
        ([], []),
        ([ALL_OF_BOOKS], [schedule("old")]),
        ([(Kind.AGENT, ("Shop",))], [agent("prices")]),
        ([(Kind.AGENT, ("Other",))], []),
        ([(Kind.POOL, ())], [pool("p")]),
        (
            [(Kind.POOL, ()), (Kind.AGENT, ("Shop",)), ALL_OF_BOOKS],
            [schedule("old"), agent("prices"), pool("p")],
        ),
    ],
)
def test_only_where_the_file_is_whole_something_is_missed_in_it(
    whole: list[Scope], lost: list[Thing]
) -> None:
    current = [pool("p"), agent(), agent("prices"), agent("away", archived=True), schedule("old")]
    assert list(plan([agent()], current, whole, prune=False).left) == lost
    pruned = plan([agent()], current, whole, prune=True)
    assert pruned.changes == tuple(Change(Verb.REMOVE, one) for one in lost)
    assert pruned.left == ()


def test_a_pool_that_is_missed_and_still_used_is_told() -> None:
    current = [agent(), pool("p"), schedule("a", proxy_pool="p")]
    pruned = plan([], current, [(Kind.POOL, ())], prune=True)
    assert dangling(pruned, current) == [(schedule("a", proxy_pool="p"), "proxy_pool", "p")]
    assert dangling(plan([], current, [(Kind.POOL, ())], prune=False), current) == []
    both = plan([agent()], current, [(Kind.POOL, ()), ALL_OF_BOOKS], prune=True)
    assert dangling(both, current) == []


def test_a_schedule_that_refers_to_what_is_nowhere_is_told() -> None:
    wanted = [schedule("a", server_group="g")]
    assert dangling(plan(wanted, [agent()], (), prune=False), [agent()]) == [(wanted[0], "server_group", "g")]


# --- any file and any server ---

NAMES = st.sampled_from("abc")


@st.composite
def things(draw: st.DrawFn, *, whole: bool) -> list[Thing]:
    """Things with different keys; with ``whole`` they have all fields."""
    found: dict[tuple[Kind, tuple[str, ...]], Thing] = {}
    for _ in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(list(Kind)))
        key = tuple(draw(NAMES) for _ in range(DEPTHS[kind] + 1))
        if kind is Kind.SCHEDULE:
            key = (*key, draw(st.sampled_from("12")))
        values = {"x": draw(NAMES), "y": draw(NAMES), "archived": draw(st.booleans())}
        if not whole:
            values = {word: values[word] for word in draw(st.lists(st.sampled_from(list(values))))}
        found[kind, key] = Thing(kind, key, values, 1 if whole else None)
    return list(found.values())


SCOPES = st.frozensets(
    st.sampled_from([(kind, place[: DEPTHS[kind]]) for kind in Kind for place in [("a", "b"), ("c", "c")]])
)  # fmt: skip


@given(things(whole=False), things(whole=True), SCOPES, st.booleans())
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(
    wanted: list[Thing], current: list[Thing], whole: frozenset[Scope], prune: bool
) -> None:
    first = plan(wanted, current, whole, prune=prune)
    end = after(first, current)
    again = plan(wanted, end, whole, prune=prune)
    assert again.changes == ()
    assert len(again.left) == len(first.left)


@given(things(whole=False), things(whole=True), SCOPES, st.booleans())
def test_nothing_is_taken_away_that_is_wanted_or_elsewhere_or_without_prune(
    wanted: list[Thing], current: list[Thing], whole: frozenset[Scope], prune: bool
) -> None:
    changes = plan(wanted, current, whole, prune=prune).changes
    removed = [change.thing for change in changes if change.verb is Verb.REMOVE]
    names = {(thing.kind, thing.key) for thing in wanted}
    assert prune or not removed
    assert all(thing.place in whole and (thing.kind, thing.key) not in names for thing in removed)


@given(things(whole=False), things(whole=True), SCOPES)
def test_what_is_needed_comes_first_and_goes_last(
    wanted: list[Thing], current: list[Thing], whole: frozenset[Scope]
) -> None:
    changes = plan(wanted, current, whole, prune=True).changes
    made = [RANKS[one.thing.kind] for one in changes if one.verb is not Verb.REMOVE]
    gone = [-RANKS[one.thing.kind] for one in changes if one.verb is Verb.REMOVE]
    assert made == sorted(made)
    assert gone == sorted(gone)
    assert [one.verb is Verb.REMOVE for one in changes] == [False] * len(made) + [True] * len(gone)
