"""One attempt of a run, as everything that carries it out sees it."""

import json
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from lamplighter.clock import Clock
from lamplighter.control.face import Control
from lamplighter.files import Files
from lamplighter.manifest import Manifest
from lamplighter.model import Claim, Run
from lamplighter.runner.environments import Environments
from lamplighter.runner.fork_server import ForkServers
from lamplighter.runner.process import DeadMansSwitch

log = structlog.get_logger()

_UNKNOWN = Manifest.model_validate({"agent": {"run": ["unknown"]}})


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every attempt on this machine shares. ``switch``: None where no other server can take runs over."""

    control: Control
    files: Files
    clock: Clock
    stop_grace: timedelta
    environments: Environments
    switch: DeadMansSwitch | None = None
    fork_servers: ForkServers = field(default_factory=ForkServers)


class Attempt:
    """A claimed attempt: its run as it was last seen, its definition and its folder."""

    def __init__(self, shop: Workshop, run: Run) -> None:
        self.shop = shop
        self.run = run
        self.claim = Claim(run.id, run.attempt)
        self.folder = shop.files.attempt(run.id, run.attempt)
        self.nudge = threading.Event()
        self.manifest = _UNKNOWN
        self.bundle = ""
        self.records_attempt = run.attempt  # the one that extracted what this one delivers
        self.input_json = "null"
        self.is_loaded = False
        self.installation = ""

    def load(self) -> None:
        """Read what the agent's version says; LamplighterError when it is gone."""
        definition = self.shop.control.definition(self.claim)
        self.bundle, self.installation = definition.bundle, definition.installation
        self.input_json = definition.input_json
        self.manifest = Manifest.model_validate(definition.manifest)
        self.is_loaded = True

    def look_again(self) -> Run | None:
        """The run as it is now; None when the claim does not hold any more."""
        current = next(iter(self.shop.control.current([self.claim])), None)
        if current is not None:
            self.run = current
        return current

    def say(self, text: str) -> None:
        """Write a line of the server's own into the attempt's log; what the disk refuses is in the server's log."""
        try:
            self.folder.path.mkdir(parents=True, exist_ok=True)
            self.folder.say(self.shop.clock.now(), text)
        except OSError as problem:
            log.warning("a line cannot be logged", run=self.claim.run_id, line=text, exc_info=problem)

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than until something is asked of the run."""
        deadline, before = time.monotonic() + seconds, self.run.status
        while self.run.status is before and (left := deadline - time.monotonic()) > 0:
            self.nudge.wait(left)
            self.nudge.clear()

    @property
    def timeout_seconds(self) -> int | None:
        """How long the process may take: as the start says, else as the agent does."""
        return self.run.settings.timeout_seconds or self.manifest.limits.timeout_seconds

    @property
    def input_count(self) -> int:
        """How many rows of input the run has."""
        value = json.loads(self.input_json)
        return len(value) if isinstance(value, list) else int(bool(value))
