"""The composition root: builds the parts of a server, starts them, stops them."""

import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog
import uvicorn
from fastapi import FastAPI

from lamplighter import startup, tracing
from lamplighter.clock import Clock, SharedClock, SystemClock
from lamplighter.combiner import combine_once
from lamplighter.config import Settings
from lamplighter.control.plane import ControlPlane
from lamplighter.disk import write_whole
from lamplighter.dispatch.pool import Pool
from lamplighter.dispatch.sender import Sender
from lamplighter.engine import Engine
from lamplighter.errors import Conflict
from lamplighter.files import Files
from lamplighter.http.api.access import Services
from lamplighter.http.app import create_app
from lamplighter.http.connections import PatientProtocol
from lamplighter.installation import open_installation
from lamplighter.loop import Loop
from lamplighter.messenger import Messenger
from lamplighter.moving import refuse_moved
from lamplighter.notifier import Notifier
from lamplighter.pruner import Pruner
from lamplighter.runner import unused_environments
from lamplighter.runner.attempt import Workshop
from lamplighter.runner.environments import Environments
from lamplighter.runner.process import DeadMansSwitch
from lamplighter.service.agents import Agents
from lamplighter.service.analytics import Analytics
from lamplighter.service.audit import AuditLog
from lamplighter.service.billing import Billing
from lamplighter.service.comparisons import Comparisons
from lamplighter.service.diagnostics import Diagnostics
from lamplighter.service.evidence import FailureEvidence
from lamplighter.service.groups import Groups
from lamplighter.service.health import Health
from lamplighter.service.idempotency import Idempotency
from lamplighter.service.identity import Identity
from lamplighter.service.keys import Keys
from lamplighter.service.metrics import Metrics
from lamplighter.service.notifications import Notifications
from lamplighter.service.openid import OpenIdIssuer
from lamplighter.service.overview import Overview
from lamplighter.service.previews import Previews
from lamplighter.service.proxies import ProxyPools
from lamplighter.service.rate_limits import RateLimits
from lamplighter.service.retention import Retention
from lamplighter.service.runs import Runs
from lamplighter.service.schedules import Schedules
from lamplighter.service.secrets import Secrets
from lamplighter.service.sessions import Sessions
from lamplighter.service.spaces import Spaces
from lamplighter.service.tokens import TokenSigner
from lamplighter.service.users import Users
from lamplighter.service.webhooks import Webhooks
from lamplighter.signing import Signer
from lamplighter.store import announcements
from lamplighter.store.database import Database
from lamplighter.store.migrations import migrate

if TYPE_CHECKING:
    from lamplighter.fleet import Fleet
    from lamplighter.object_store import ObjectStore

log = structlog.get_logger()

_SET_CLOCK_EVERY = timedelta(seconds=10)
_CLEAR_OUTBOX_EVERY = timedelta(seconds=10)
_BACKLOG = 2048  # uvicorn's
# Far more than the application takes: up to here it can say what is wrong.
_MOST_BYTES_OF_HEAD = 256 * 1024


@dataclass(slots=True)
class House:
    """The parts of one server, built and not yet started."""

    settings: Settings
    db: Database
    loops: list[Loop]
    services: Services
    new_admin_key: str | None
    fleet: "Fleet | None"


class _Loops:
    """The loops of this process. What those of another one are to do, they find by themselves within a second."""

    def __init__(self) -> None:
        self.all: list[Loop] = []

    def waker(self, *names: str) -> Callable[[], None]:
        """What wakes the loops of these names, as far as this process has them when it is called."""

        def wake() -> None:
            for loop in self.all:
                if loop.name in names:
                    loop.wake()

        return wake


def build(settings: Settings, clock: Clock | None = None) -> House:
    """Make the data folder, bring the database up to date and put the parts together."""
    db = _database(settings)
    migrate(db)
    db_of_requests = db.for_requests()
    # All processes on one database go by its clock, whatever the clocks of their machines say.
    shared_clock = None if db.is_sqlite or clock else SharedClock(db.time)
    clock = clock or shared_clock or SystemClock()
    files = Files.at(settings.data, settings.files_url, settings.files_endpoint)
    files.empty_trash()
    installation = open_installation(settings.data, settings.vault_key, db)
    vault, secret = installation.vault, installation.secret
    oidc = settings.oidc
    issuer = None if oidc is None else OpenIdIssuer(oidc.issuer, oidc.audience, clock)
    identity = Identity(db_of_requests, clock, TokenSigner(secret), issuer)
    new_key = identity.set_up(
        settings.bootstrap_key, lambda key: write_whole(settings.data / "admin.key", f"{key}\n".encode())
    )
    tracing.set_up(os.environ, vault.fingerprint)
    environments = Environments(settings.data / "environments")
    messenger = Messenger()
    pruner = Pruner(db, files)
    loops = _Loops()
    on_runs_ready = loops.waker("runner", "relay")
    name = startup.server_name(settings.data)
    # Whose run has ended looks by itself, as soon as its place is free.
    own_control = ControlPlane(db, clock, vault, name, loops.waker("relay"))

    def control_of(server_name: str) -> ControlPlane:
        return ControlPlane(db, clock, vault, server_name, on_runs_ready)

    # Who shares the database can take runs over from this server, and must not while their processes go on.
    switch = None if db.is_sqlite else DeadMansSwitch(settings.data / "alive")
    shop = Workshop(own_control, files, clock, settings.stop_grace, environments, switch)
    fleet = _fleet(settings, db, clock, files.store, control_of)
    wake_all = loops.waker("scheduler", "runner", "relay", "notifier")

    def prune_now() -> None:
        pruner.ask()
        loops.waker("pruner")()

    def last_passes() -> dict[str, datetime]:
        return {loop.name: loop.last_good_pass for loop in loops.all if isinstance(loop, Engine | Pool)}

    if "scheduler" in settings.roles:
        loops.all += [
            _engine(db, clock, on_runs_ready, fleet),
            Notifier(db, clock, vault, messenger),
            Loop("pruner", clock, pruner.pass_once),
            Loop("combiner", clock, partial(combine_once, db, files)),
        ]
    if "runner" in settings.roles:
        loops.all += _runner(shop, settings, clock)
        if fleet is not None:
            fleet.serve_tails(name, files)
    if shared_clock is not None:
        loops.all.append(Loop("clock", clock, partial(_set_clock, shared_clock)))
    if fleet is not None:
        loops.all += fleet.loops
    elif not db.is_sqlite and "scheduler" in settings.roles:
        loops.all.append(Loop("outbox", clock, partial(_clear_outbox, db)))
    signer = Signer(secret)
    tail = None if fleet is None else fleet.tails.ask
    runs = Runs(db_of_requests, clock, files, vault, signer, on_runs_ready, tail)
    evidence = FailureEvidence(runs, files)
    services = Services(
        agents=Agents(db_of_requests, clock, files),
        schedules=Schedules(db_of_requests, clock, loops.waker("scheduler", "runner", "relay")),
        comparisons=Comparisons(db_of_requests, clock),
        previews=Previews(db_of_requests, clock),
        webhooks=Webhooks(db_of_requests, clock, vault, signer, on_runs_ready),
        runs=runs,
        evidence=evidence,
        diagnostics=Diagnostics(runs, evidence),
        identity=identity,
        sessions=Sessions(db_of_requests, clock, identity),
        keys=Keys(db_of_requests, clock),
        users=Users(db_of_requests, clock),
        spaces=Spaces(db_of_requests, clock),
        audit_log=AuditLog(db_of_requests),
        notifications=Notifications(db_of_requests, clock, vault, messenger, loops.waker("notifier")),
        secrets=Secrets(db_of_requests, clock, vault),
        proxy_pools=ProxyPools(db_of_requests, clock, vault),
        groups=Groups(db_of_requests, clock, on_runs_ready),
        retention=Retention(db_of_requests, clock, prune_now),
        analytics=Analytics(db_of_requests, clock),
        overview=Overview(db_of_requests, clock),
        billing=Billing(db_of_requests, clock),
        health=Health(db_of_requests, clock, last_passes),
        metrics=Metrics(db_of_requests, clock, last_passes, has_broker=fleet is not None),
        rate_limits=RateLimits(clock, settings.rate_limit),
        idempotency=Idempotency(db_of_requests, clock, vault, wake_all),
        clock=clock,
        public_url=settings.public_url,
    )
    return House(settings, db, loops.all, services, new_key, fleet)


def serve(settings: Settings, announce: Callable[[str, House, int], None]) -> None:
    """Run a server until SIGTERM or SIGINT.

    ``announce`` is called with the address, the parts and the number of adopted runs once requests are served.
    Runs that go on when the server ends are adopted by its next start. Conflict: another server has the folder.
    """
    startup.set_up_logging(json=settings.json_logs)
    data = settings.data
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as stack:
        if (
            "runner" in settings.roles
        ):  # only who runs agents, or keeps the database in it, must be alone with it
            stack.enter_context(startup.sole_owner(data))
        listener = stack.enter_context(_listener(settings))
        with startup.lock(
            data / "setup.lock", wait=True
        ):  # of several that start at once, one makes the keys
            house = build(settings)
        app = create_app(house.services, settings.rate_limit, has_api="api" in settings.roles)
        address = _address(listener)

        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
            threads, adopted = _start(house)
            announce(address, house, adopted)
            try:
                yield
            finally:
                _stop(house, threads)

        app.router.lifespan_context = lifespan
        config = uvicorn.Config(
            app,
            http=PatientProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
            h11_max_incomplete_event_size=_MOST_BYTES_OF_HEAD,
        )
        startup.keep_what_is_loaded()
        server = uvicorn.Server(config)
        _tell_streams_to_end(server, app)
        server.run(sockets=[listener])


def _start(house: House) -> tuple[list[threading.Thread], int]:
    adopted = 0
    if house.fleet is not None:
        house.fleet.start()
    for loop in house.loops:
        if isinstance(loop, Engine):
            while loop.recompute_once():
                log.info("due times recomputed for the new time-zone database")
        elif isinstance(loop, Pool):
            adopted = loop.start()
    threads = [threading.Thread(target=loop.run, name=loop.name) for loop in house.loops]
    for thread in threads:
        thread.start()
    return threads, adopted


def _stop(house: House, threads: list[threading.Thread]) -> None:
    for loop in house.loops:
        loop.stop()
    for thread in threads:
        thread.join()
    pools = [loop for loop in house.loops if isinstance(loop, Pool)]
    for pool in pools:
        pool.leave()
    going = sum(pool.going for pool in pools)
    if going:
        log.info("runs go on without the server; its next start adopts them", runs=going)
    if house.fleet is not None:
        house.fleet.close()
    tracing.close()
    house.db.close()


def _tell_streams_to_end(server: uvicorn.Server, app: FastAPI) -> None:
    """Let endless answers (a followed log) end as soon as the server is asked to."""
    handle_exit = server.handle_exit

    def handle(number: int, frame: object) -> None:
        app.state.stopping.set()
        handle_exit(number, frame)  # type: ignore[arg-type]  # passed through as it came

    server.handle_exit = handle  # type: ignore[assignment, method-assign]  # uvicorn has no hook for this


def _database(settings: Settings) -> Database:
    if settings.database_url is None:
        refuse_moved(settings.data)
        return Database.embedded(settings.data / "lamplighter.db")
    if find_spec("psycopg") is None:
        raise Conflict("LAMPLIGHTER_DATABASE_URL needs psycopg: pip install 'lamplighter[postgresql]'")
    return Database(settings.database_url)


def _runner(shop: Workshop, settings: Settings, clock: Clock) -> list[Loop]:
    pool = Pool(shop, settings.concurrency, settings.groups)
    environments = Loop("environments", clock, partial(unused_environments.remove_once, shop))
    sender = [] if shop.files.store is None else [Sender(shop.files, clock, pool.claims)]
    return [pool, environments, *sender]


def _set_clock(clock: SharedClock, now: datetime) -> datetime:
    clock.set()
    return now + _SET_CLOCK_EVERY


def _fleet(
    settings: Settings,
    db: Database,
    clock: Clock,
    store: "ObjectStore | None",
    control_of: Callable[[str], ControlPlane],
) -> "Fleet | None":
    if settings.broker is None or store is None:  # the settings have both or none
        return None
    if find_spec("nats") is None:
        raise Conflict("LAMPLIGHTER_NATS_URL needs a client of NATS: pip install 'lamplighter[fleet]'")
    from lamplighter.fleet import Fleet

    return Fleet(settings.broker, db, clock, store, control_of)


def _engine(db: Database, clock: Clock, on_runs_ready: Callable[[], None], fleet: "Fleet | None") -> Engine:
    if fleet is None:
        return Engine(db, clock, on_runs_ready)
    return Engine(db, clock, on_runs_ready, fleet.may_rescue)


def _clear_outbox(db: Database, now: datetime) -> datetime:
    """There is no broker to which anything could be announced."""
    with db.write_shared() as c:
        announcements.clear(c)
    return now + _CLEAR_OUTBOX_EVERY


@contextmanager
def _listener(settings: Settings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's delay off only then: 40 ms on every answer.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as problem:
            where = f"{settings.host} port {settings.port}"
            raise Conflict(
                f"cannot listen on {where}: {problem.strerror}; choose another with --port"
            ) from problem
        # Before the address is announced: who connects at once waits a moment instead of being refused.
        listener.listen(_BACKLOG)
        yield listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"
