"""The composition root of a worker: a server far from the database that carries out runs.

It knows the broker and the store of files, and nothing else of the installation.
"""

import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog

from lamplighter import startup
from lamplighter.bus import subjects
from lamplighter.bus.connection import Bus
from lamplighter.bus.puller import Puller
from lamplighter.clock import SharedClock, SystemClock
from lamplighter.config import WorkerSettings
from lamplighter.control.desk import TIME
from lamplighter.control.remote import remote_control
from lamplighter.control.tails import serve_tails
from lamplighter.dispatch.patience import Patience
from lamplighter.dispatch.pool import Pool
from lamplighter.dispatch.sender import Sender
from lamplighter.errors import Conflict, Unavailable
from lamplighter.files import Files
from lamplighter.loop import Loop
from lamplighter.runner import unused_environments
from lamplighter.runner.attempt import Workshop
from lamplighter.runner.environments import Environments
from lamplighter.runner.process import DeadMansSwitch

log = structlog.get_logger()

_SET_CLOCK_EVERY = timedelta(seconds=30)
_TIME_SECONDS = 5.0  # to wait for an answer to what time it is
_TRY_AGAIN_SECONDS = 1.0

Answer = TypeVar("Answer")


def serve(settings: WorkerSettings, announce: Callable[[str, int], None]) -> None:
    """Carry out runs until SIGTERM or SIGINT.

    ``announce`` is called with the server's name and the number of adopted runs once the installation knows it,
    which is waited for. Runs that go on when the worker ends are adopted by its next start. Conflict: another
    server has the folder, or another process has taken the name.
    """
    startup.set_up_logging(json=settings.json_logs)
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    with ExitStack() as stack:
        stack.enter_context(startup.sole_owner(settings.data))
        _Worker(settings, stack, ending).live(announce)


class _Worker:
    def __init__(self, settings: WorkerSettings, stack: ExitStack, ending: threading.Event) -> None:
        self._settings = settings
        self._ending = ending
        self._name = settings.name or startup.server_name(settings.data)
        broker = settings.broker
        self._bus = Bus(
            broker.urls, self._name, clock=SystemClock(), credentials=broker.credentials, ca=broker.ca
        )
        stack.callback(self._bus.close)

    def live(self, announce: Callable[[str, int], None]) -> None:
        """Until the end is asked for. Conflict when another process takes the name of this server."""
        self._bus.start()
        clock = self._until_told(lambda: SharedClock(self._ask_time))
        if clock is None:
            return
        shop = self._workshop(clock)
        pool = Pool(shop, self._settings.concurrency, self._settings.groups, self._settings.labels)
        adopted = self._until_told(pool.start)
        if adopted is None:
            return
        puller = Puller(self._bus, [None, *self._settings.groups], pool.wake)
        pool.hear(puller)
        self._bus.subscribe(subjects.worker(self._name, "look"), lambda _subject, _payload: pool.look())
        serve_tails(self._bus, self._name, shop.files)
        loops = [
            pool,
            Loop("environments", clock, partial(unused_environments.remove_once, shop)),
            Loop("clock", clock, partial(_set_clock, clock)),
        ]
        if shop.files.store is not None and shop.switch is not None:  # the settings see to it
            loops.append(Sender(shop.files, clock, pool.claims))
            loops.append(Patience(clock, shop.files.store, shop.switch))
        startup.keep_what_is_loaded()
        threads = [threading.Thread(target=loop.run, name=loop.name) for loop in loops]
        for thread in threads:
            thread.start()
        announce(self._name, adopted)
        while not pool.is_deposed and not self._ending.wait(_TRY_AGAIN_SECONDS):
            pass
        puller.close()
        for loop in loops:
            loop.stop()
        for thread in threads:
            thread.join()
        pool.leave()
        if pool.is_deposed:
            raise Conflict(f"another worker has taken the name {self._name!r}: give each its own with --name")
        if pool.going:
            log.info("runs go on without the worker; its next start adopts them", runs=pool.going)

    def _workshop(self, clock: SharedClock) -> Workshop:
        data = self._settings.data
        return Workshop(
            remote_control(self._bus, self._name),
            Files.at(data, self._settings.files_url, self._settings.files_endpoint),
            clock,
            self._settings.stop_grace,
            Environments(data / "environments"),
            DeadMansSwitch(data / "alive"),
        )

    def _until_told(self, ask: Callable[[], Answer]) -> Answer | None:
        """What is asked of the control plane, however long that takes; None: the end was asked for meanwhile."""
        is_told = False
        while not self._ending.is_set():
            try:
                return ask()
            except Unavailable as problem:
                if not is_told:
                    log.warning("waiting for the installation", problem=str(problem))
                is_told = True
            self._ending.wait(_TRY_AGAIN_SECONDS)
        return None

    def _ask_time(self) -> datetime:
        answer = self._bus.request(subjects.control(self._name, TIME), b"", _TIME_SECONDS)
        return datetime.fromisoformat(answer.decode())


def _set_clock(clock: SharedClock, now: datetime) -> datetime:
    clock.set()
    return now + _SET_CLOCK_EVERY
