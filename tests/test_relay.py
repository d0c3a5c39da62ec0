"""What queues is announced over a real broker from a real PostgreSQL, whatever becomes of the broker."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from lamplighter.bus.connection import Bus
from lamplighter.bus.puller import Announcement, Puller
from lamplighter.bus.stream import RunStream
from lamplighter.model import RunSettings
from lamplighter.relay import Relay
from lamplighter.store import groups, runs
from lamplighter.store.database import Database
from lamplighter.store.tables import announcements
from over_the_broker import connection
from real_nats import RealNats
from real_postgresql import Databases
from running_server import eventually
from store_rows import NOON, make_agent, make_server, start_set
from virtual_clock import VirtualClock


class Scene:
    """A relay between a database and a broker; workers pull at the other end."""

    def __init__(self, db: Database, clock: VirtualClock, broker: RealNats, bus: Bus, far: Bus) -> None:
        self.db, self.clock, self.broker, self.bus, self.far = db, clock, broker, bus, far
        self.relay = Relay(db, clock, bus)
        with db.write() as c:
            self.agent = make_agent(c)

    def queue(self, count: int = 1, group: str | None = None) -> list[int]:
        """Start so many runs; returns their ids."""
        with self.db.write() as c:
            group_id = (
                None if group is None else groups.id_of(c, group) or groups.insert(c, group, None, NOON)
            )
            settings = RunSettings(server_group_id=group_id)
            sets = [start_set(c, self.agent, settings) for _ in range(count)]
            return [run.id for set_id in sets for run in runs.of_set(c, set_id)]

    def pull(self, count: int, *names: str | None) -> list[int]:
        """The runs that a server of these groups hears of, when so many have been announced."""
        puller = Puller(self.far, names or [None], lambda: None)
        heard: list[Announcement] = []

        def all_here() -> bool:
            heard.extend(puller.take(count - len(heard)))
            return len(heard) == count

        eventually(all_here)
        for announcement in heard:
            announcement.done()
        puller.close()
        return sorted(int(announcement.payload) for announcement in heard)

    def left(self) -> int:
        """How many rows are in the outbox."""
        with self.db.read() as c:
            return c.execute(sa.select(sa.func.count()).select_from(announcements)).scalar_one()


@pytest.fixture
def scene(postgresql: Databases, tmp_path: Path, clock: VirtualClock) -> Iterator[Scene]:
    address = postgresql.make()
    db = Database(address)
    with ExitStack() as stack:
        broker = stack.enter_context(RealNats(tmp_path / "nats"))
        near, far = (stack.enter_context(connection(broker, name)) for name in ("control", "worker"))
        yield Scene(db, clock, broker, near, far)
    db.close()
    postgresql.drop(address)


def test_what_queues_is_announced_to_the_servers_of_its_group(scene: Scene) -> None:
    plain, eu = scene.queue(2), scene.queue(3, "eu")
    scene.relay.pass_once(scene.clock.now())
    assert scene.left() == 0
    assert scene.pull(3, "eu") == eu
    assert scene.pull(2, None) == plain


def test_what_could_not_be_announced_stays_and_goes_out_when_the_broker_is_back(scene: Scene) -> None:
    scene.broker.kill()
    eventually(lambda: not scene.bus.is_connected)
    ids = scene.queue(3)
    scene.relay.pass_once(scene.clock.now())
    assert scene.left() == 3
    scene.broker.start()
    eventually(lambda: scene.bus.is_connected and scene.far.is_connected)
    scene.relay.pass_once(scene.clock.now())
    assert scene.pull(3) == ids


def test_a_run_that_queues_again_is_announced_again(scene: Scene) -> None:
    [run_id] = scene.queue()
    scene.relay.pass_once(scene.clock.now())
    assert scene.pull(1) == [run_id]
    with scene.db.write() as c:
        [claim] = runs.claim(c, make_server(c, "w"), 1, NOON)
        runs.put_back(c, claim, "its process never began", NOON)
    scene.relay.pass_once(scene.clock.now())
    assert scene.pull(1) == [run_id]


def test_two_relays_announce_each_run_once(scene: Scene) -> None:
    ids = scene.queue(50)
    other = Relay(scene.db, scene.clock, scene.bus)
    scene.relay.pass_once(scene.clock.now())
    other.pass_once(scene.clock.now())
    assert scene.pull(50) == ids
    eventually(lambda: not RunStream(scene.bus).waiting())


def test_a_server_is_told_to_look_when_a_stop_or_a_kill_is_asked_of_its_run(scene: Scene) -> None:
    heard: list[str] = []
    scene.far.subscribe("worker.w-1.look", lambda subject, _payload: heard.append(subject))
    [run_id] = scene.queue()
    with scene.db.write() as c:
        [claim] = runs.claim(c, make_server(c, "w-1"), 1, NOON)
        runs.begin(c, claim, NOON)
    scene.relay.pass_once(scene.clock.now())
    assert heard == []
    with scene.db.write() as c:
        runs.ask_stop(c, run_id, "by hand", NOON)
    scene.relay.pass_once(scene.clock.now())
    eventually(lambda: len(heard) == 1)
    with scene.db.write() as c:
        runs.ask_kill(c, run_id)
    scene.relay.pass_once(scene.clock.now())
    eventually(lambda: len(heard) == 2)


def test_what_a_broker_lost_is_announced_again_to_those_who_still_wait(scene: Scene) -> None:
    ids = scene.queue(3)
    scene.relay.pass_once(scene.clock.now())
    scene.broker.kill()
    scene.broker.wipe()
    scene.broker.start()
    eventually(lambda: scene.bus.is_connected and scene.far.is_connected)
    scene.relay.pass_once(scene.clock.advance(minutes=2))
    assert sum(RunStream(scene.bus).waiting().values()) == 0, "they may just be on their way"
    with scene.db.write() as c:
        taken = runs.claim(c, make_server(c, "w"), 1, NOON)[0]
    scene.relay.pass_once(scene.clock.advance(minutes=2))
    assert scene.pull(2) == [run_id for run_id in ids if run_id != taken.run_id]


def test_what_is_announced_and_waits_is_not_announced_again(scene: Scene) -> None:
    scene.queue(3)
    for _ in range(4):
        scene.relay.pass_once(scene.clock.advance(minutes=2))
    assert RunStream(scene.bus).waiting() == {"run._": 3}
