"""While nobody has the broker, a worker's runs go on; in any other case their time runs out."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from lamplighter.control.face import HOLD
from lamplighter.control.holding import Holding
from lamplighter.dispatch.patience import Patience
from lamplighter.dispatch.pool import SILENCE
from lamplighter.errors import LamplighterError
from lamplighter.object_store import ObjectStore
from lamplighter.planner import LEASE
from lamplighter.runner.process import DeadMansSwitch
from lamplighter.store import servers
from lamplighter.store.database import Database
from store_rows import make_server
from virtual_clock import VirtualClock

SECOND = timedelta(seconds=1)


@dataclass
class Scene:
    """Two processes of the control plane, each of which has the broker or not, and a worker that hears nothing."""

    db: Database
    clock: VirtualClock
    store: ObjectStore
    folder: Path
    has_broker: dict[str, bool] = field(default_factory=lambda: {"one": False, "other": False})

    def __post_init__(self) -> None:
        self.one, self.other = (
            Holding(self.db, self.clock, self.store, partial(self.has_broker.__getitem__, name))
            for name in self.has_broker
        )
        self.switch = DeadMansSwitch(self.folder / "alive")
        self.worker = Patience(self.clock, self.store, self.switch)

    def pass_all(self, *all_of: Holding | Patience) -> None:
        """A pass of each, a second after the last one."""
        self.clock.advance(seconds=1)
        for one in all_of:
            one.pass_once(self.clock.now())

    def leases(self) -> dict[str, datetime]:
        with self.db.read() as c:
            return {server.name: server.lease_until for server in servers.every(c)}

    def silent_for(self, spell: timedelta) -> None:
        """The worker's last contact was so long ago."""
        self.switch.hold_off(self.switch.moment() - int(spell.total_seconds() * 1e9), SILENCE)


@pytest.fixture
def scene(db: Database, tmp_path: Path, clock: VirtualClock) -> Scene:
    return Scene(db, clock, ObjectStore(f"file://{tmp_path}/store"), tmp_path)


def test_runs_go_on_while_no_process_has_the_broker(scene: Scene) -> None:
    scene.silent_for(SILENCE - 3 * SECOND)
    for _ in range(4):
        scene.pass_all(scene.one, scene.worker)
    assert scene.switch.left() > SILENCE - SECOND


def test_leases_are_prolonged_before_runs_go_on(scene: Scene) -> None:
    with scene.db.write() as c:
        make_server(c, "w1", scene.clock.now(), 2 * SECOND)
        make_server(c, "dead", scene.clock.now(), -SECOND)
    dead = scene.leases()["dead"]
    scene.pass_all(scene.one)
    assert scene.leases() == {"w1": scene.clock.now() + LEASE, "dead": dead}


def test_runs_do_not_go_on_when_another_process_has_the_broker(scene: Scene) -> None:
    scene.has_broker["other"] = True
    scene.silent_for(SILENCE - 3 * SECOND)
    before = scene.leases()
    for _ in range(4):
        scene.pass_all(scene.other, scene.one, scene.worker)
    assert scene.switch.left() < 3 * SECOND
    assert scene.leases() == before


def test_nothing_is_held_for_the_first_moments_without_a_broker(scene: Scene) -> None:
    scene.has_broker["one"] = True
    scene.pass_all(scene.one)
    scene.has_broker["one"] = False
    scene.pass_all(scene.one)
    assert scene.store.note(HOLD) is None
    for _ in range(3):
        scene.pass_all(scene.one)
    assert scene.store.note(HOLD) is not None


def test_old_notes_prove_nothing(scene: Scene) -> None:
    for _ in range(3):
        scene.pass_all(scene.one)
    scene.silent_for(SILENCE - 3 * SECOND)
    for _ in range(3):
        scene.pass_all(scene.worker)
    scene.pass_all(scene.one, scene.worker)  # this one may have prolonged leases before the first was read
    assert scene.switch.left() < 3 * SECOND
    scene.pass_all(scene.one, scene.worker)
    assert scene.switch.left() > SILENCE - SECOND


def test_notes_of_two_writers_are_counted_apart(scene: Scene) -> None:
    scene.silent_for(SILENCE - 3 * SECOND)
    for _ in range(2):
        scene.pass_all(scene.one, scene.worker, scene.other, scene.worker)
    assert scene.switch.left() < 3 * SECOND
    scene.pass_all(scene.one, scene.worker)
    assert scene.switch.left() > SILENCE - SECOND


def test_after_a_note_that_may_arrive_late_counting_begins_anew(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.pass_all(scene.one)
    before = json.loads(scene.store.note(HOLD) or b"")
    with monkeypatch.context() as patch:
        patch.setattr(scene.store, "write_note", _fails)
        with pytest.raises(LamplighterError):
            scene.pass_all(scene.one)
    scene.pass_all(scene.one)
    after = json.loads(scene.store.note(HOLD) or b"")
    assert after[0] != before[0]
    assert after[1] == 1


def test_what_is_over_is_not_begun_again(scene: Scene) -> None:
    scene.silent_for(SILENCE + SECOND)
    for _ in range(4):
        scene.pass_all(scene.one, scene.worker)
    assert scene.switch.left() < timedelta(0)


def test_a_worker_that_is_answered_reads_no_notes(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene.store, "note", _fails)
    scene.silent_for(timedelta(0))
    scene.pass_all(scene.worker)


def _fails(*_: object) -> NoReturn:
    raise LamplighterError("the store is away")
