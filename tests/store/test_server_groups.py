"""Who takes which runs, and what is said of those that nobody takes."""

from datetime import timedelta

import pytest

from lamplighter.engine import Engine
from lamplighter.model import RunSettings, RunStatus
from lamplighter.planner import LEASE
from lamplighter.store import groups, runs, schedules, servers, turns
from lamplighter.store.database import Database
from query_plans import plan, queries_of
from store_rows import NOON, make_agent, make_schedule, make_server, start_set
from virtual_clock import VirtualClock


class Scene:
    """Two servers on one database: one serves the group eu, the other us; an agent whose runs go anywhere."""

    def __init__(self, db: Database) -> None:
        self.db = db
        with db.write() as c:
            self.agent = make_agent(c)
            self.in_eu, self.in_us = (
                make_server(c, "in eu", lease=LEASE),
                make_server(c, "in us", lease=LEASE),
            )
            groups.serve(c, self.in_eu, ["eu"], NOON)
            groups.serve(c, self.in_us, ["us"], NOON)
            self.eu, self.us = (groups.id_of(c, name) or 0 for name in ("eu", "us"))

    def start(self, group_id: int | None = None, *, priority: int = 0) -> int:
        """The id of a new run."""
        with self.db.write() as c:
            set_id = start_set(c, self.agent, RunSettings(server_group_id=group_id, priority=priority))
            return runs.of_set(c, set_id)[0].id

    def claim(self, server: int, limit: int = 10) -> list[int]:
        """The ids of the runs that a server takes, in its order."""
        with self.db.write() as c:
            return [claim.run_id for claim in runs.claim(c, server, limit, NOON)]

    def message(self, run_id: int) -> str | None:
        with self.db.read() as c:
            run = runs.get(c, run_id)
        assert run is not None
        assert run.status is RunStatus.QUEUING
        return run.message


@pytest.fixture
def scene(db: Database) -> Scene:
    return Scene(db)


def test_a_server_takes_runs_without_a_group_and_those_of_its_own_groups_only(scene: Scene) -> None:
    anywhere, eu, us = scene.start(), scene.start(scene.eu), scene.start(scene.us)
    assert scene.claim(scene.in_us) == [anywhere, us]
    assert scene.claim(scene.in_us) == []
    assert scene.claim(scene.in_eu) == [eu]


def test_a_server_without_groups_takes_no_run_of_a_group(scene: Scene) -> None:
    with scene.db.write() as c:
        plain = make_server(c, "plain")
    scene.start(scene.eu)
    anywhere = scene.start()
    assert scene.claim(plain) == [anywhere]


def test_all_queues_of_a_server_are_one_queue(scene: Scene) -> None:
    """Priority first, then age, whichever group a run is for."""
    first, second, urgent, third = (
        scene.start(scene.eu),
        scene.start(),
        scene.start(scene.eu, priority=5),
        scene.start(),
    )
    assert scene.claim(scene.in_eu, 3) == [urgent, first, second]
    assert scene.claim(scene.in_eu, 3) == [third]


def test_a_server_looks_for_runs_only_when_it_may_take_one(scene: Scene) -> None:
    scene.start(scene.eu)
    with scene.db.read() as c:
        assert turns.anything_queues(c, scene.in_eu)
        assert not turns.anything_queues(c, scene.in_us)


def test_a_start_of_a_server_replaces_the_groups_it_serves(scene: Scene) -> None:
    with scene.db.write() as c:
        groups.serve(c, scene.in_eu, ["us", "asia", "us"], NOON)
        assert [(g.name, g.servers) for g in groups.every(c, NOON)] == [
            ("asia", ("in eu",)),
            ("eu", ()),
            ("us", ("in eu", "in us")),
        ]


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_the_queues_are_read_from_their_indexes_in_order(scene: Scene) -> None:
    """However many runs nobody takes, nobody reads them: no scan and no sorting."""

    def ask() -> None:
        scene.claim(scene.in_eu)
        with scene.db.read() as c:
            turns.anything_queues(c, scene.in_eu)
            groups.with_queues(c)
            groups.to_be_told(c, scene.eu, "waits", 10)

    queries = queries_of(scene.db.engine, ask)
    read = [query for query in queries if "runs.status = 4" in query[0] and not query[0].startswith("UPDATE")]
    assert len(read) >= 6
    with scene.db.read() as c:
        for query in read:
            steps = plan(c, query)
            wrong = [step for step in steps if "TEMP B-TREE" in step]
            wrong += [step for step in steps if step.startswith("SCAN") and "INDEX" not in step]
            assert not wrong, (query, steps)


# --- what is said ---


@pytest.fixture
def engine(db: Database, clock: VirtualClock) -> Engine:
    return Engine(db, clock, lambda: None)


def test_a_run_says_that_nobody_serves_its_group_until_somebody_does(
    scene: Scene, clock: VirtualClock, engine: Engine
) -> None:
    with scene.db.write() as c:
        asia = groups.insert(c, "far east", None, NOON)
    waits, goes, anywhere = scene.start(asia), scene.start(scene.eu), scene.start()
    engine.pass_once(clock.advance(seconds=2))
    assert scene.message(waits) == (
        "waits for a server of the group 'far east': no live server serves it"
        " (start one with lamplighter up --group 'far east')"
    )
    assert scene.message(goes) is None
    assert scene.message(anywhere) is None
    with scene.db.write() as c:
        groups.serve(c, scene.in_us, ["us", "far east"], NOON)
    engine.pass_once(clock.advance(seconds=2))
    assert scene.message(waits) is None


def test_what_is_said_is_written_once(scene: Scene, clock: VirtualClock, engine: Engine) -> None:
    with scene.db.write() as c:
        asia = groups.insert(c, "asia", None, NOON)
    for _ in range(3):
        scene.start(asia)
    assert engine.groups_once(clock.now()) == 3
    assert engine.groups_once(clock.now()) == 0


def test_a_server_that_is_gone_serves_nothing(scene: Scene, clock: VirtualClock, engine: Engine) -> None:
    run = scene.start(scene.eu)
    assert engine.groups_once(clock.advance(seconds=LEASE.total_seconds())) == 0
    assert engine.groups_once(clock.advance(seconds=1)) == 1
    assert "no live server serves it" in str(scene.message(run))
    with scene.db.write() as c:
        servers.renew(c, "in eu", "first", clock.now() + LEASE)
    assert engine.groups_once(clock.now()) == 1
    assert scene.message(run) is None


def test_another_message_of_a_queuing_run_stays(scene: Scene, clock: VirtualClock, engine: Engine) -> None:
    run = scene.start(scene.eu)
    with scene.db.write() as c:
        groups.tell(c, [run], "attempt 1 failed: no luck; retry 1 of 1 at once")
    assert engine.groups_once(clock.now()) == 0
    assert str(scene.message(run)).startswith("attempt 1 failed")


def test_a_run_that_was_taken_meanwhile_is_told_nothing(scene: Scene) -> None:
    run = scene.start(scene.eu)
    scene.claim(scene.in_eu)
    with scene.db.write() as c:
        assert groups.tell(c, [run], "waits") == 0


def test_a_restarted_run_of_a_removed_group_says_so(
    scene: Scene, clock: VirtualClock, engine: Engine
) -> None:
    run = scene.start(999)
    engine.groups_once(clock.now())
    assert scene.message(run) == "waits for a server of group 999, which was removed: stop the run"


def test_the_queues_are_looked_at_now_and_then_also_when_the_clock_was_set_back(
    scene: Scene, clock: VirtualClock, engine: Engine
) -> None:
    with scene.db.write() as c:
        asia = groups.insert(c, "asia", None, NOON)
    engine.pass_once(clock.now())
    run = scene.start(asia)
    engine.pass_once(clock.advance(seconds=1))
    assert scene.message(run) is None, "too early"
    clock.time -= timedelta(hours=1)
    engine.pass_once(clock.now())
    assert scene.message(run) is not None


def test_what_uses_a_group_is_known(scene: Scene) -> None:
    with scene.db.write() as c:
        schedule = make_schedule(c, scene.agent, settings=RunSettings(server_group_id=scene.eu))
        users = groups.users_of(c, scene.eu, NOON)
        assert (users.schedules, users.runs) == ((("agent", schedule.name),), 0)
        schedules.delete(c, schedule.id, NOON)
        assert groups.users_of(c, scene.eu, NOON).schedules == ()
    scene.start(scene.eu)
    with scene.db.read() as c:
        assert groups.users_of(c, scene.eu, NOON).runs == 1
        assert groups.users_of(c, scene.eu, NOON).servers == ("in eu",)
        assert groups.users_of(c, scene.eu, NOON + LEASE * 2).servers == ()
