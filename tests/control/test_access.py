"""Who may do what at a real broker with the configuration that ``lamplighter fleet`` writes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from lamplighter.bus import subjects
from lamplighter.bus.connection import Bus
from lamplighter.bus.puller import Puller
from lamplighter.bus.stream import RunStream
from lamplighter.clock import SystemClock
from lamplighter.control import access
from lamplighter.errors import BusAway, Conflict, InvalidInput, NotFound
from real_nats import Authority, RealNats
from running_server import eventually


def fleet(*words: object, status: int = 0) -> str:
    """``lamplighter fleet``; returns what it says."""
    command = [sys.executable, "-m", "lamplighter.cli.app", "fleet", *map(str, words)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    assert result.returncode == status, result.stderr
    return result.stdout + result.stderr


@dataclass
class Scene:
    """A broker that encrypts and knows the control plane and two workers, of which one serves a group."""

    broker: RealNats
    folder: Path
    authority: Authority
    stack: ExitStack

    def connect(self, name: str, seed: str | None = None, ca: Path | None = None) -> Bus:
        """The connection of a member, as soon as it is there."""
        bus = self.try_to_connect(name, self.folder / f"{seed or subjects.token(name)}.nk", ca)
        eventually(lambda: bus.is_connected)
        return bus

    def try_to_connect(self, name: str, seed: Path | None, ca: Path | None = None) -> Bus:
        """A connection that may never be there."""
        bus = Bus([self.broker.url], name, clock=SystemClock(), credentials=seed, ca=ca or self.authority.ca)
        bus.start()
        self.stack.callback(bus.close)
        return bus

    def control(self) -> Bus:
        """The connection of the control plane, with the stream made ready."""
        bus = self.connect("control-1", "control")
        RunStream(bus).prepare([None, "eu", "us"])
        return bus


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    authority = Authority(tmp_path / "tls")
    folder = tmp_path / "fleet"
    tls = ("--tls-cert", authority.certificate, "--tls-key", authority.key)
    fleet("nats-config", "--out", folder, "--store", tmp_path / "store", *tls)
    fleet("worker", "w 1", "--out", folder, "--group", "eu")
    fleet("worker", "w2", "--out", folder)
    with ExitStack() as stack:
        broker = RealNats(tmp_path / "nats", configuration=folder / "nats.conf", tls=True)
        stack.enter_context(broker)
        yield Scene(broker, folder, authority, stack)


def test_a_worker_asks_in_its_own_name_and_takes_what_its_groups_have(scene: Scene) -> None:
    control, worker = scene.control(), scene.connect("w 1")
    control.serve(subjects.control(None, "claim"), lambda subject, _: subjects.worker_of(subject).encode())
    worker.serve(subjects.worker("w 1", "log"), lambda _subject, payload: payload[::-1])
    RunStream(control).announce([(subjects.run(group), f"id-{group}", b"7") for group in (None, "eu", "us")])
    puller = Puller(worker, [None, "eu"], lambda: None)
    heard: list[str | None] = []

    def take() -> bool:
        for announcement in puller.take(3 - len(heard)):
            heard.append(announcement.group)
            announcement.done()
        return len(heard) == 2

    assert worker.request(subjects.control("w 1", "claim"), b"", 5) == b"w 1"
    assert control.request(subjects.worker("w 1", "log"), b"abc", 5) == b"cba"
    assert RunStream(worker).answers()
    eventually(take)
    assert sorted(heard, key=str) == [None, "eu"]
    puller.close()
    eventually(lambda: RunStream(control).waiting() == {subjects.run("us"): 1})


@pytest.mark.parametrize(
    "forbidden",
    [
        subjects.control("w2", "claim"),
        subjects.worker("w2", "look"),
        f"{subjects.inbox('w2')}.x",
        subjects.run("eu"),
        f"$JS.API.STREAM.DELETE.{subjects.STREAM}",
        f"$JS.API.STREAM.PURGE.{subjects.STREAM}",
        f"$JS.API.CONSUMER.MSG.NEXT.{subjects.STREAM}.{subjects.consumer('us')}",
        f"$JS.API.CONSUMER.DELETE.{subjects.STREAM}.{subjects.consumer('eu')}",
        "anything",
    ],
)
def test_a_worker_may_do_nothing_in_the_name_of_others(scene: Scene, forbidden: str) -> None:
    control, worker = scene.control(), scene.connect("w 1")
    heard: list[str] = []
    if not forbidden.startswith("$JS"):
        control.subscribe(forbidden, lambda subject, _: heard.append(subject))
    with pytest.raises(BusAway):
        worker.request(forbidden, b'{"batch": 1, "no_wait": true}', 1)
    control.publish("after", b"")
    assert heard == []
    assert RunStream(control).answers(), "the stream is there"


def test_a_worker_hears_nothing_of_what_is_for_others(scene: Scene) -> None:
    control, worker = scene.control(), scene.connect("w 1")
    heard: list[str] = []
    for subject in (subjects.worker("w2", "look"), subjects.control("w2", "claim"), "_INBOX.>", ">"):
        worker.subscribe(subject, lambda heard_on, _: heard.append(heard_on))
    own = subjects.worker("w 1", "look")
    worker.subscribe(own, lambda heard_on, _: heard.append(heard_on))
    for subject in (subjects.worker("w2", "look"), subjects.control("w2", "claim"), "_INBOX.x.y", own):
        control.publish(subject, b"")
    eventually(lambda: own in heard)
    assert set(heard) == {own}


def test_who_is_not_a_member_is_not_let_in(scene: Scene, tmp_path: Path) -> None:
    stranger = access.add(tmp_path / "elsewhere", "w 1", ["eu"])
    for seed in (stranger, None):
        bus = scene.try_to_connect("w 1", seed)
        with pytest.raises(BusAway):
            bus.request("anything", b"", 2)
        assert not bus.is_connected
    for seed, told in ((tmp_path / "none", "cannot be read"), (scene.authority.key, "must be a .creds file")):
        bus = Bus([scene.broker.url], "w 1", clock=SystemClock(), credentials=seed)
        with pytest.raises(InvalidInput, match=told):
            bus.start()
        bus.close()


def test_a_broker_of_an_unknown_authority_is_not_believed(scene: Scene, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    bus = scene.try_to_connect("w 1", scene.folder / f"{subjects.token('w 1')}.nk", other.ca)
    with pytest.raises(BusAway):
        bus.request("anything", b"", 2)
    assert not bus.is_connected


def test_a_worker_is_removed_and_gets_other_groups_while_the_broker_goes_on(scene: Scene) -> None:
    control, worker = scene.control(), scene.connect("w2")
    asks = f"$JS.API.CONSUMER.INFO.{subjects.STREAM}.{subjects.consumer('us')}"
    with pytest.raises(BusAway):
        worker.request(asks, b"", 1)

    fleet("worker", "w2", "--out", scene.folder, "--group", "us")
    scene.broker.reload()
    eventually(lambda: _answers(worker, asks))
    assert "w2    us" in fleet("list", "--out", scene.folder).replace("\t", "    ")

    fleet("remove", "w2", "--out", scene.folder)
    scene.broker.reload()
    eventually(lambda: not worker.is_connected)
    assert control.is_connected
    assert "no member 'w2'" in fleet("remove", "w2", "--out", scene.folder, status=5)


def test_seeds_are_read_by_their_owner_only_and_stay(tmp_path: Path) -> None:
    seed = access.add(tmp_path / "fleet", "w", [])
    assert seed.stat().st_mode & 0o077 == 0
    before = seed.read_bytes()
    assert access.add(tmp_path / "fleet", "w", ["eu"]).read_bytes() == before
    assert before.strip() not in (tmp_path / "fleet" / "members.conf").read_bytes()
    assert [member.groups for member in access.members(tmp_path / "fleet")] == [("eu",)]
    with pytest.raises(NotFound):
        access.remove(tmp_path / "fleet", "nobody")
    with pytest.raises(Conflict):
        access.remove(tmp_path / "fleet", access.CONTROL)


def test_half_of_tls_is_wrong_usage(tmp_path: Path) -> None:
    told = fleet("nats-config", "--out", tmp_path, "--tls-cert", "x.pem", status=2)
    assert "goes with --tls-key" in told


def _answers(bus: Bus, subject: str) -> bool:
    try:
        bus.request(subject, b"", 1)
    except BusAway:
        return False
    return True
