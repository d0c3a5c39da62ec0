"""What is done to the fleet in a fault run: a seeded choice of faults, one after the other."""

import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from faults.auditor import Fault
from faults.fleet import Fleet, Member

Act = Callable[[Fleet, random.Random], None]
LEASE_AND_MORE = (32.0, 40.0)  # seconds


def kill_a_worker(fleet: Fleet, chance: random.Random) -> None:
    """Its runs go on, and its next process adopts them."""
    worker = chance.choice(fleet.workers)
    worker.kill()
    time.sleep(chance.uniform(0.5, 5))
    worker.start()


def crash_a_host(fleet: Fleet, chance: random.Random) -> None:
    """A worker and all its runs end; it comes back at once, or after others have taken its runs."""
    worker = chance.choice(fleet.workers)
    worker.crash()
    time.sleep(chance.choice([chance.uniform(1, 5), chance.uniform(*LEASE_AND_MORE)]))
    worker.start()


def suspend_a_worker(fleet: Fleet, chance: random.Random) -> None:
    """Its runs go on, and end by themselves before others may take them."""
    _suspend(
        chance.choice(fleet.workers), chance.choice([chance.uniform(2, 10), chance.uniform(*LEASE_AND_MORE)])
    )


def cut_a_worker_off(fleet: Fleet, chance: random.Random) -> None:
    """For longer than its lease."""
    host = chance.choice(fleet.workers).host
    assert host is not None
    host.cut()
    time.sleep(chance.uniform(*LEASE_AND_MORE))
    host.heal()


def kill_a_scheduler(fleet: Fleet, chance: random.Random) -> None:
    """The other one fires."""
    _restart(chance.choice(fleet.schedulers), chance)


def suspend_a_scheduler(fleet: Fleet, chance: random.Random) -> None:
    """It goes on where it was, with an old idea of the time."""
    _suspend(chance.choice(fleet.schedulers), chance.uniform(2, 20))


def kill_both_schedulers(fleet: Fleet, chance: random.Random) -> None:
    """Nothing fires for a while."""
    for scheduler in fleet.schedulers:
        scheduler.kill()
    time.sleep(chance.uniform(1, 8))
    for scheduler in fleet.schedulers:
        scheduler.start()


def kill_an_api(fleet: Fleet, chance: random.Random) -> None:
    """What workers had asked it, they ask another one."""
    _restart(chance.choice(fleet.apis), chance)


def suspend_an_api(fleet: Fleet, chance: random.Random) -> None:
    """Whoever asked it waits in vain."""
    _suspend(chance.choice(fleet.apis), chance.uniform(2, 20))


def restart_postgresql(fleet: Fleet, chance: random.Random) -> None:
    """As planned, or by a power cut."""
    chance.choice([fleet.postgresql.stop, fleet.postgresql.kill])()
    time.sleep(chance.uniform(1, 30))
    fleet.postgresql.start()


def restart_nats(fleet: Fleet, chance: random.Random) -> None:
    """It may be away for longer than a lease."""
    fleet.nats.kill()
    time.sleep(chance.choice([chance.uniform(1, 5), chance.uniform(*LEASE_AND_MORE)]))
    fleet.nats.start()


def suspend_nats(fleet: Fleet, chance: random.Random) -> None:
    """Nobody is told that it does not answer."""
    fleet.nats.signal(signal.SIGSTOP)
    time.sleep(chance.choice([chance.uniform(2, 10), chance.uniform(*LEASE_AND_MORE)]))
    fleet.nats.thaw()


def wipe_nats(fleet: Fleet, chance: random.Random) -> None:
    """All that it had stored is lost."""
    fleet.nats.kill()
    fleet.nats.wipe()
    time.sleep(chance.uniform(0, 3))
    fleet.nats.start()


def fill_a_disk(fleet: Fleet, chance: random.Random) -> None:
    """The worker with the small disk cannot write anything."""
    ballast = fleet.disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(64 * 1024))
    time.sleep(chance.uniform(3, 15))
    ballast.unlink()


def skew_a_clock(fleet: Fleet, chance: random.Random) -> None:
    """A worker takes it to be another time, and later is right again."""
    fleet.set_clock(timedelta(seconds=chance.choice([-1, 1]) * chance.uniform(60, 86_400)))
    time.sleep(chance.uniform(5, 15))
    fleet.set_clock(timedelta(0))


FAULTS: dict[str, Act] = {
    act.__name__.replace("_", " "): act
    for act in (
        kill_a_worker,
        crash_a_host,
        suspend_a_worker,
        cut_a_worker_off,
        kill_a_scheduler,
        suspend_a_scheduler,
        kill_both_schedulers,
        kill_an_api,
        suspend_an_api,
        restart_postgresql,
        restart_nats,
        suspend_nats,
        wipe_nats,
        fill_a_disk,
        skew_a_clock,
    )
}


def play(fleet: Fleet, seed: int, seconds: float, say: Callable[[str], None] = lambda _: None) -> list[Fault]:
    """Do one fault after the other for about so many seconds, at least one of each kind.

    All kinds come in turn, each time in another order.
    """
    chance = random.Random(seed)
    begin = time.monotonic()
    done: list[Fault] = []
    waiting: list[str] = []
    while time.monotonic() < begin + seconds or len(done) < len(FAULTS):
        if not waiting:
            waiting = chance.sample(list(FAULTS), len(FAULTS))
        kind = waiting.pop()
        time.sleep(chance.uniform(2, 6))
        at = time.monotonic_ns()
        FAULTS[kind](fleet, chance)
        done.append(Fault(kind, at, time.monotonic_ns()))
        say(f"{time.monotonic() - begin:7.1f} s  {kind}, {(done[-1].until - at) / 1e9:.1f} s")
    return done


def _restart(member: Member, chance: random.Random) -> None:
    member.kill()
    time.sleep(chance.uniform(0.5, 5))
    member.start()


def _suspend(member: Member, seconds: float) -> None:
    member.signal(signal.SIGSTOP)
    time.sleep(seconds)
    member.signal(signal.SIGCONT)
