"""What a server that carries out runs may ask and tell, and the values that go to and fro.

Whoever carries out runs knows the truth about them only through this: in one process it is ``ControlPlane`` on the
database, on another machine the same over the fleet's broker. All of it may be said again when an answer was lost.
Any call may raise Unavailable: the truth cannot be reached now, and another try may help.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from lamplighter.errors import LamplighterError, Unavailable
from lamplighter.model import Claim, Counters, GoodRun, RecordStatistics, Rotation, Run, Verdict
from lamplighter.planner import Combination

FileRow = tuple[str, str, int, str]
"""A file of a run as people can download it: name, type, size in bytes, path in the run's folder."""


HOLD = "control/hold"
"""The name in the store of files of the note that the broker is away for all: JSON of a writer and its count."""


class NoProxies(LamplighterError):
    """A run is to go through a pool of proxies, and there is none to go through."""

    code = "no_proxies"


class NobodyRules(Unavailable):
    """Nobody who knows the truth is there: it cannot be asked, and nobody takes runs away either."""

    code = "nobody_rules"


class ClaimLost(LamplighterError):
    """What was asked about is not this server's any more."""

    code = "claim_lost"


@dataclass(frozen=True, slots=True)
class Definition:
    """What an attempt carries out: the bundle by its content, what its ``agent.toml`` says, and the input.

    The runs themselves come without their input: many of them at once could be large. ``installation`` is the name
    of the whole installation, which stays: destinations know by it what they have.
    """

    bundle: str
    manifest: Mapping[str, Any]
    input_json: str
    installation: str


@dataclass(frozen=True, slots=True)
class PlannedProxy:
    """A proxy as an attempt uses it: ``url`` with credentials; seconds of rest left by host, empty for all."""

    id: int
    shown: str
    url: str = field(repr=False)
    rested: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ProxyPlan:
    """The proxies of an attempt in the pool's order; ``order`` has their places, beginning with the chosen one."""

    pool: str
    rotation: Rotation
    proxies: tuple[PlannedProxy, ...]
    order: tuple[int, ...]

    @property
    def chosen(self) -> PlannedProxy:
        """The proxy that the attempt begins with."""
        return self.proxies[self.order[0]]

    def describe(self) -> str:
        """What the log of the run says of it."""
        count, resting = len(self.proxies), sum("" in proxy.rested for proxy in self.proxies)
        words = "1 proxy" if count == 1 else f"{count} proxies"
        words += f", {resting} of them resting" if resting else ""
        return f"goes through the proxy pool {self.pool!r} ({words}), beginning with {self.chosen.shown}"


@dataclass(frozen=True, slots=True)
class Merged:
    """A combined export that the last part of a set has made, with its files in the folder of the first run."""

    combination: Combination
    files: tuple[FileRow, ...]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How an attempt ended: all that is written down in one transaction.

    ``report`` is what the agent reported and ``statistics`` what its records were like, of a process that ended in
    this attempt. ``merged`` is the combined export that had to be made first; ``leaves_merging`` says that it could
    not be made and is to be tried later, without this attempt. ``exporting_since`` is when the process had ended.
    """

    verdict: Verdict
    counters: Counters
    files: tuple[FileRow, ...]
    report: Mapping[str, Any] | None = None
    statistics: RecordStatistics | None = None
    merged: Merged | None = None
    leaves_merging: bool = False
    exporting_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Concluded:
    """What became of a conclusion.

    ``to_merge`` says that nothing is written down yet: this combined export must be made first, in the folder of
    ``first_run``. ``leftover`` is the name of a folder there that is not needed any more.
    """

    first_run: int | None = None
    to_merge: Combination | None = None
    leftover: str | None = None


class Control(Protocol):
    """The truth, as one server reaches it; the server is known by its name."""

    def register(
        self, incarnation: str, concurrency: int, groups: Sequence[str], labels: Mapping[str, str]
    ) -> None:
        """A process of this server begins: from now on only what carries its ``incarnation`` speaks for it."""
        ...

    def renew(self, incarnation: str) -> bool:
        """Prolong the server's lease; False when another process has taken its name since."""
        ...

    def leave(self, incarnation: str) -> None:
        """The process ends as planned and its runs go on: give the next one time before they are taken away."""
        ...

    def held(self) -> list[Run]:
        """The runs that this server has taken and that have not ended."""
        ...

    def claim(self, incarnation: str, free: int) -> list[Run]:
        """Take at most ``free`` runs that queue; none when another process has taken the server's name."""
        ...

    def current(self, claims: Sequence[Claim]) -> list[Run]:
        """The runs of those claims that still hold."""
        ...

    def needed_environments(self) -> list[list[str]]:
        """The requirements of every version that a run is going with, or is going to."""
        ...

    def definition(self, claim: Claim) -> Definition:
        """What the attempt carries out; LamplighterError when the agent's version is gone."""
        ...

    def explain(self, claim: Claim, message: str) -> None:
        """Say what a run that has not begun is waiting for on its server."""
        ...

    def proxies(self, claim: Claim) -> ProxyPlan | None:
        """The proxies of the attempt, whose turn it is; None: the run has no pool, NoProxies: it is gone."""
        ...

    def secrets(self, claim: Claim) -> dict[str, str]:
        """Those secrets by name, of those that the run refers to, that there are."""
        ...

    def confidential(self, claim: Claim) -> list[str]:
        """What is to be hidden in what the run prints: secrets it was told, credentials of its proxies."""
        ...

    def begin(self, claim: Claim) -> Run | None:
        """The attempt's process has started. Returns the run; None when the claim does not hold."""
        ...

    def progress(self, claim: Claim, counters: Counters) -> None:
        """Note what the attempt has done so far."""
        ...

    def time_out(self, claim: Claim, message: str) -> Run | None:
        """Begin to stop an attempt that takes too long. Returns the run; None when the claim does not hold."""
        ...

    def export(self, claim: Claim) -> None:
        """The attempt's process has ended well; its records are being delivered."""
        ...

    def good_runs(self, claim: Claim, limit: int) -> list[GoodRun]:
        """The newest good runs that the run can be compared with, newest first."""
        ...

    def put_back(self, claim: Claim, message: str) -> None:
        """The attempt's process never began: the run queues again, or is stopped if that was asked for."""
        ...

    def conclude(self, claim: Claim, conclusion: Conclusion) -> Concluded:
        """End the attempt, unless a combined export must be made before. Of a claim that is lost nothing counts."""
        ...

    def give_up(self, claim: Claim, problem: str) -> None:
        """End an attempt that could not be carried out; the run's list of files stays as it is."""
        ...
