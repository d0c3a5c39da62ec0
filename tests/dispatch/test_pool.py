"""The pool in one process: places, leases and fencing, with real processes and a clock that the test moves."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from lamplighter.dispatch.pool import Pool
from lamplighter.files import Files
from lamplighter.model import ACTIVE, Claim, Run, RunStatus
from lamplighter.planner import ABSENCE, LEASE
from lamplighter.runner.attempt import Workshop
from lamplighter.runner.process import DeadMansSwitch
from lamplighter.store import runs, servers
from lamplighter.store.database import Database
from lamplighter.store.tables import agent_versions
from over_the_broker import over_the_broker
from real_nats import RealNats
from real_workshop import make_workshop
from run_processes import is_alive, parent
from running_server import eventually
from small_disk import small_disk
from store_rows import make_agent, start_set
from virtual_clock import VirtualClock


class Scene:
    """A database, files, and an agent that writes its pid and waits for ever."""

    def __init__(self, db: Database, folder: Path, clock: VirtualClock, shop: Workshop) -> None:
        self.db, self.clock, self.shop = db, clock, shop
        self.files = self.shop.files
        self.pids = folder / "pids"
        self.pids.mkdir()
        script = f'echo $$ > "{self.pids}/$LAMPLIGHTER_RUN_ID"; exec sleep 1000'
        bundle = self.files.keep_bundle({"run.sh": script.encode()})
        with db.write() as c:
            self.agent = make_agent(c)
            manifest = {"agent": {"run": ["sh", "run.sh"]}}
            c.execute(agent_versions.update().values(bundle=bundle, manifest=manifest))

    def start(self, count: int) -> None:
        with self.db.write() as c:
            for _ in range(count):
                start_set(c, self.agent)

    def runs(self) -> list[Run]:
        with self.db.read() as c:
            return runs.of_agent(c, self.agent, 100)

    def pid_of(self, run: Run) -> int:
        """The process of a run, once it has begun."""
        file = self.pids / str(run.id)
        return int(eventually(lambda: file.read_text().strip() if file.exists() else None))

    def statuses(self) -> list[RunStatus]:
        return sorted(run.status for run in self.runs())


@pytest.fixture(params=["beside the database", "over the broker"])
def scene(
    request: pytest.FixtureRequest, db: Database, tmp_path: Path, clock: VirtualClock
) -> Iterator[Scene]:
    folder = tmp_path / "files"
    shop = make_workshop(db, folder, clock)
    with ExitStack() as stack:
        if request.param == "over the broker":
            broker = stack.enter_context(RealNats(tmp_path / "nats"))
            shop = stack.enter_context(over_the_broker(shop, clock, broker, "here"))
        yield from _scene(Scene(db, folder, clock, shop))


def _scene(scene: Scene) -> Iterator[Scene]:
    yield scene
    for file in scene.pids.iterdir():
        assert not is_alive(int(file.read_text())), "a test left a process behind"


def _end(scene: Scene, pool: Pool) -> None:
    """Kill what goes, as a person would."""
    with scene.db.write() as c:
        for run in runs.of_agent(c, scene.agent, 100):
            runs.ask_stop(c, run.id, "the test ends", scene.clock.now())
            runs.ask_kill(c, run.id)

    def all_ended() -> bool:
        pool.pass_once(scene.clock.now())
        return pool.going == 0

    eventually(all_ended)


def test_it_takes_as_many_runs_as_it_has_places(scene: Scene) -> None:
    pool = Pool(scene.shop, 2)
    pool.start()
    scene.start(3)
    pool.pass_once(scene.clock.now())
    assert pool.going == 2
    pool.pass_once(scene.clock.now())
    assert pool.going == 2
    assert scene.statuses().count(RunStatus.QUEUING) == 1
    with scene.db.write() as c:
        runs.cancel(c, scene.runs()[0].id, "the test ends", scene.clock.now())
    for run in scene.runs()[1:]:
        scene.pid_of(run)
    _end(scene, pool)


def test_a_server_whose_name_was_taken_ends_its_runs_and_writes_nothing(scene: Scene) -> None:
    pool = Pool(scene.shop, 2)
    pool.start()
    scene.start(1)
    pool.pass_once(scene.clock.now())
    [run] = scene.runs()
    pid = scene.pid_of(run)
    with scene.db.write() as c:
        now = scene.clock.now()
        servers.register(c, "here", "another process", 1, now, now + LEASE)
    eventually(lambda: scene.runs()[0].status is RunStatus.RUNNING)
    pool.pass_once(scene.clock.advance(seconds=LEASE.total_seconds() / 5))
    eventually(lambda: not is_alive(pid))
    eventually(lambda: pool.going == 0)
    assert scene.runs()[0].status is RunStatus.RUNNING, "it is the other process's to say what becomes of it"
    scene.start(1)
    pool.pass_once(scene.clock.now())
    assert scene.runs()[0].status is RunStatus.QUEUING, "it takes nothing more"


def test_an_attempt_that_was_taken_over_is_ended_and_its_result_does_not_count(scene: Scene) -> None:
    pool = Pool(scene.shop, 2)
    pool.start()
    scene.start(1)
    pool.pass_once(scene.clock.now())
    [run] = scene.runs()
    pid = scene.pid_of(run)
    eventually(lambda: scene.runs()[0].status is RunStatus.RUNNING)
    with scene.db.write() as c:
        runs.put_back(c, Claim(run.id, run.attempt), "lost, says another", scene.clock.now())
        other = servers.register(c, "other", "x", 1, scene.clock.now(), scene.clock.now() + LEASE)
        [again] = runs.claim(c, other, 1, scene.clock.now())
    assert again.attempt == run.attempt + 1
    pool.pass_once(scene.clock.now())
    eventually(lambda: not is_alive(pid))
    eventually(lambda: pool.going == 0)
    [now] = scene.runs()
    assert (now.status, now.attempt) == (RunStatus.STARTING, again.attempt)


def test_a_new_start_adopts_what_the_former_process_left(scene: Scene) -> None:
    first = Pool(scene.shop, 2)
    first.start()
    scene.start(1)
    first.pass_once(scene.clock.now())
    [run] = scene.runs()
    pid = scene.pid_of(run)
    eventually(lambda: scene.runs()[0].status is RunStatus.RUNNING)
    first.stop()
    second = Pool(scene.shop, 2)
    assert second.start() == 1
    assert is_alive(pid)
    _end(scene, second)
    assert scene.runs()[0].status not in ACTIVE


def test_a_claim_whose_process_never_began_is_put_back(scene: Scene) -> None:
    scene.start(1)
    with scene.db.write() as c:
        now = scene.clock.now()
        server = servers.register(c, "here", "died at once", 1, now, now + LEASE)
        [claim] = runs.claim(c, server, 1, now)
    pool = Pool(scene.shop, 2)
    pool.start()
    eventually(lambda: pool.going == 0)
    [run] = scene.runs()
    assert (run.status, run.attempt, run.retries) == (RunStatus.QUEUING, claim.attempt, 0)


def test_a_process_that_leaves_gives_the_next_one_time_to_find_its_runs(scene: Scene, tmp_path: Path) -> None:
    switch = DeadMansSwitch(tmp_path / "alive")
    shop = replace(scene.shop, switch=switch)
    first = Pool(shop, 2)
    first.start()
    scene.start(1)
    first.pass_once(scene.clock.now())
    [run] = scene.runs()
    pid = scene.pid_of(run)
    eventually(lambda: scene.runs()[0].status is RunStatus.RUNNING)
    said = int(switch.path.read_text())
    first.stop()
    first.leave()
    assert int(switch.path.read_text()) - said > LEASE.total_seconds() * 1e9, "the keepers wait for longer"
    with scene.db.read() as c:
        now = scene.clock.advance(seconds=2 * LEASE.total_seconds())
        assert servers.lost(c, now) == [], "and nobody takes the runs away"
        assert [server.name for server in servers.lost(c, now + ABSENCE)] == ["here"], "not for ever"
    assert is_alive(pid)
    second = Pool(shop, 2)
    assert second.start() == 1
    _end(scene, second)


def test_the_runs_of_a_silent_server_end_by_themselves_and_are_told_of_when_it_is_back(
    scene: Scene, tmp_path: Path
) -> None:
    switch = DeadMansSwitch(tmp_path / "alive")
    pool = Pool(replace(scene.shop, switch=switch), 2)
    pool.start()
    scene.start(1)
    pool.pass_once(scene.clock.now())
    pid = scene.pid_of(scene.runs()[0])
    eventually(lambda: scene.runs()[0].status is RunStatus.RUNNING)
    switch.hold_off(switch.moment(), timedelta(seconds=0))
    os.kill(parent(pid), signal.SIGCHLD)  # as if the time had passed: the keeper looks
    eventually(lambda: not is_alive(pid))
    eventually(lambda: pool.going == 0)
    [run] = scene.runs()
    assert run.status is RunStatus.FAILURE
    assert run.message is not None
    assert "its server was silent for too long" in run.message


def test_a_server_whose_disk_is_almost_full_takes_nothing_until_there_is_room(
    db: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", mib=16) as disk:
        shop = replace(make_workshop(db, disk, clock), files=Files.at(disk, f"file://{tmp_path}/store", None))
        scene = Scene(db, disk, clock, shop)
        pool = Pool(shop, 2)
        pool.start()
        scene.start(1)
        ballast = disk / "ballast"
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(64 * 1024))
        pool.pass_once(clock.now())
        assert scene.runs()[0].status is RunStatus.QUEUING
        ballast.unlink()
        pool.pass_once(clock.now())
        assert scene.pid_of(scene.runs()[0])
        _end(scene, pool)
