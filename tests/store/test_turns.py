"""Whose run is next when more runs queue than there are places."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.model import RunSettings, RunStatus
from lamplighter.store import groups, runs, spaces
from lamplighter.store.database import Database
from lamplighter.store.tables import agents as agents_table
from lamplighter.store.tables import parallel_sets
from lamplighter.store.tables import runs as table
from lamplighter.store.turns import Waiting, share_out
from query_plans import plan, queries_of
from store_rows import NOON, make_agent, make_server, start_set

BURST = 10_000


@dataclass(frozen=True)
class Spaces:
    """Three spaces with an agent each, and runs of them."""

    db: Database
    agents: dict[str, int]

    def start(self, space: str, settings: RunSettings | None = None) -> int:
        with self.db.write() as c:
            set_id = start_set(c, self.agents[space], settings)
            return runs.of_set(c, set_id)[0].id

    def burst(self, space: str, count: int = BURST) -> None:
        """Many queuing runs of a space, written at once."""
        first = self.start(space)
        with self.db.write() as c:
            of_set = c.execute(sa.select(table.c.set_id).where(table.c.id == first)).scalar_one()
            one = c.execute(sa.select(parallel_sets).where(parallel_sets.c.id == of_set)).mappings().one()
            row = c.execute(sa.select(table).where(table.c.id == first)).mappings().one()
            query = parallel_sets.insert().returning(parallel_sets.c.id)
            copies = [{k: v for k, v in one.items() if k != "id"} for _ in range(count - 1)]
            sets = list(c.execute(query, copies).scalars())
            plain = {k: v for k, v in row.items() if k not in ("id", "set_id")}
            runs.insert(c, [{**plain, "set_id": set_id} for set_id in sets])

    def server(self, name: str, *groups_: str) -> int:
        with self.db.write() as c:
            made = make_server(c, name)
            groups.serve(c, made, groups_, NOON)
        return made

    def claim(self, server: int, limit: int = 1) -> list[int]:
        with self.db.write_shared() as c:
            return [claim.run_id for claim in runs.claim(c, server, limit, NOON)]

    def spaces_of(self, run_ids: list[int]) -> list[str]:
        """The space of each run."""
        names = {agent: name for name, agent in self.agents.items()}
        with self.db.read() as c:
            return [names[run.agent_id] for run_id in run_ids if (run := runs.get(c, run_id)) is not None]

    def end(self, run_id: int) -> None:
        with self.db.write() as c:
            c.execute(table.update().where(table.c.id == run_id).values(status=RunStatus.COMPLETED.value))


@pytest.fixture
def scene(db: Database) -> Spaces:
    made: dict[str, int] = {}
    with db.write() as c:
        for name in "abc":
            agent = made[name] = make_agent(c, name)
            if name != "a":
                space = spaces.insert(c, {"name": name, "is_default_access": False, "created": NOON})
                c.execute(agents_table.update().where(agents_table.c.id == agent).values(space_id=space))
    return Spaces(db, made)


def test_a_burst_of_one_space_delays_the_run_of_another_by_one_place_only(scene: Spaces) -> None:
    server = scene.server("one")
    scene.burst("a")
    going = scene.claim(server, 4)
    assert scene.spaces_of(going) == ["a"] * 4
    single = scene.start("b")
    scene.end(going[0])
    assert scene.claim(server) == [single]
    scene.end(going[1])
    assert scene.spaces_of(scene.claim(server)) == ["a"]


def test_places_are_shared_equally_by_what_each_space_has_going(scene: Spaces) -> None:
    server = scene.server("one")
    for space, count in [("a", 50), ("b", 50), ("c", 2)]:
        scene.burst(space, count)
    assert Counter(scene.spaces_of(scene.claim(server, 10))) == {"a": 4, "b": 4, "c": 2}


def test_with_one_place_the_spaces_take_turns(scene: Spaces) -> None:
    server = scene.server("one")
    for space in "abc":
        scene.burst(space, 5)
    order: list[str] = []
    for _ in range(9):
        [run] = scene.claim(server)
        order += scene.spaces_of([run])
        scene.end(run)
    assert order == ["a", "b", "c"] * 3


def test_spaces_take_turns_over_all_servers_that_share_the_queue(scene: Spaces) -> None:
    servers = [scene.server(f"s{n}") for n in range(3)]
    for space in "abc":
        scene.burst(space, 10)
    order: list[str] = []
    for n in range(9):
        [run] = scene.claim(servers[n % 3])
        order += scene.spaces_of([run])
        scene.end(run)
    assert order == ["a", "b", "c"] * 3


def test_what_a_space_has_on_servers_of_other_groups_does_not_count_against_it(scene: Spaces) -> None:
    anywhere, us = scene.server("anywhere"), scene.server("us", "us")
    with scene.db.read() as c:
        settings = RunSettings(server_group_id=groups.id_of(c, "us"))
    scene.burst("a", 20)
    scene.claim(anywhere, 20)
    for space in "bbbba":
        scene.start(space, settings)
    assert "a" in scene.spaces_of(scene.claim(us, 2))


def test_a_higher_priority_goes_first_whatever_space_it_is_of(scene: Spaces) -> None:
    server = scene.server("one")
    scene.start("b")
    urgent = [scene.start("a", RunSettings(priority=3)) for _ in range(3)]
    assert scene.claim(server, 3) == urgent


def test_within_a_space_the_oldest_goes_first(scene: Spaces) -> None:
    server = scene.server("one", "eu")
    with scene.db.read() as c:
        eu = RunSettings(server_group_id=groups.id_of(c, "eu"))
    started = [scene.start("a", eu if n % 3 else None) for n in range(9)]
    assert scene.claim(server, 4) + scene.claim(server, 5) == started


def test_claimers_beside_each_other_take_every_run_once(scene: Spaces) -> None:
    servers = [scene.server(f"s{n}") for n in range(4)]
    for space in "abc":
        scene.burst(space, 40)
    taken: list[int] = []
    lock = threading.Lock()

    def work(server: int) -> None:
        idle = 0
        while idle < 3:
            mine = scene.claim(server, 3)
            idle = 0 if mine else idle + 1
            with lock:
                taken.extend(mine)

    threads = [threading.Thread(target=work, args=(server,)) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken))
    taken += scene.claim(servers[0], 120)
    assert sorted(taken) == sorted(set(taken))
    assert len(taken) == 120


def test_what_another_claimer_holds_is_passed_over(scene: Spaces) -> None:
    """While one transaction has taken the next runs and is not over, another one takes those after them."""
    if scene.db.is_sqlite:
        return  # its writers never overlap
    one, other = scene.server("one"), scene.server("other")
    started = [scene.start("a") for _ in range(4)]
    with scene.db.write_shared() as c:
        assert [claim.run_id for claim in runs.claim(c, one, 2, NOON)] == started[:2]
        assert scene.claim(other, 2) == started[2:]


# --- however many queue ---


def plans(scene: Spaces, do: Callable[[], object]) -> list[tuple[str, str]]:
    """The statements about queues in what is done, each with how the database would carry it out."""
    queries = queries_of(scene.db.engine, do)
    with scene.db.write() as c:
        return [
            (query[0], "\n".join(plan(c, query)))
            for query in queries
            if "runs.status = 4" in query[0] and not query[0].startswith("UPDATE")
        ]


def test_ten_thousand_queuing_runs_are_not_read(scene: Spaces) -> None:
    server = scene.server("one", "eu")
    scene.burst("a")
    scene.start("b")
    if not scene.db.is_sqlite:
        with scene.db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
            c.exec_driver_sql("ANALYZE runs")
    found = plans(scene, lambda: scene.claim(server, 8))
    assert len(found) >= 6
    for statement, steps in found:
        for wrong in ("Seq Scan on runs", "Sort", "TEMP B-TREE", "pk_runs", "ix_runs_queued_at"):
            assert wrong not in steps, (statement, steps)
        assert "queue" in steps, (statement, steps)


@given(
    st.integers(0, 40),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=6),
)
def test_no_space_gets_a_second_place_before_another_has_as_many(
    places: int, going: list[tuple[int, int]]
) -> None:
    waiting = [Waiting(count, turn, space, space) for space, (count, turn) in enumerate(going)]
    shares = share_out(places, waiting)
    assert sum(shares.values()) == (places if waiting else 0)
    after = {one.space_id: one.going + shares.get(one.space_id, 0) for one in waiting}
    for one in waiting:
        if shares.get(one.space_id):
            assert after[one.space_id] - 1 <= min(after.values())
