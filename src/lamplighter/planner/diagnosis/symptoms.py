"""What is known of a failed attempt, as values; and what a diagnosis is made of."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType

_NONE: Mapping[int, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the agent's own files."""

    file: str
    line: int
    function: str = ""

    def __str__(self) -> str:
        where = f"{self.file}, line {self.line}"
        return f"{where}, in {self.function}" if self.function else where


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception, raised on the page ``url``; ``place`` is the innermost one in the agent's own files."""

    type: str
    message: str = ""
    url: str | None = None
    count: int = 1
    place: Place | None = None

    @property
    def name(self) -> str:
        """The type without its module."""
        return self.type.rpartition(".")[2]

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.message else self.name


@dataclass(frozen=True, slots=True)
class Failed:
    """Requests to a host that got no answer, for one reason."""

    host: str
    type: str
    message: str = ""
    count: int = 1

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


@dataclass(frozen=True, slots=True)
class Wall:
    """Pages that turn robots away; ``wall`` is what they are called, with the article."""

    host: str
    wall: str
    status: int
    count: int = 1


@dataclass(frozen=True, slots=True)
class ProxySums:
    """What went through the proxies of the run; ``at_proxy`` are failures of the proxies themselves."""

    used: int
    requests: int
    failures: int
    at_proxy: int
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """What the page is that was kept; ``file`` is its name among the files of the run."""

    file: str | None = None
    url: str | None = None
    status: int | None = None
    title: str = ""
    wall: str | None = None
    asks_to_log_in: bool = False
    needs_script: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """The part of the records (0 to 1) in which a field is filled, and was in the last good run."""

    name: str
    now: float
    then: float


@dataclass(frozen=True, slots=True)
class Symptoms:
    """Everything that is known of a failed attempt. Only the first five are known of every one.

    ``message`` is its verdict. ``undelivered``: it extracted everything. ``statuses`` are of all answers,
    ``answers`` the same by host. ``memory_kills`` counts the processes on the machine that the kernel killed for
    want of memory while the attempt went, None when that is not known. ``given_host`` is the one host that the
    input names. ``log`` is its end. ``good_records`` and ``good_version`` are those of
    the last good run.
    """

    agent: str
    run_id: int
    attempt: int
    version: int
    message: str
    undelivered: bool = False
    has_pool: bool = False
    given_host: str = ""
    exit_text: str = ""
    exit_code: int | None = None
    signal: str | None = None
    out_of_memory: bool = False
    peak_memory: int | None = None
    memory_limit: int | None = None
    memory_kills: int | None = 0
    records: int = 0
    pages: int = 0
    statuses: Mapping[int, int] = field(default_factory=lambda: _NONE)
    answers: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    failures: tuple[Failed, ...] = ()
    walls: tuple[Wall, ...] = ()
    proxies: ProxySums | None = None
    forbidden_by_robots: int = 0
    page: Page | None = None
    exceptions: tuple[Raised, ...] = ()
    log: tuple[str, ...] = ()
    good_records: int | None = None
    good_version: int | None = None
    fields: tuple[Change, ...] = ()

    def command(self, words: str, *more: str) -> str:
        """A command about this run in back quotes: ``words`` after ``lamplighter``, the run, then ``more``."""
        return f"`lamplighter {words} {shlex.join([self.agent, str(self.run_id), *more])}`"

    def command_for_agent(self, words: str, *more: str) -> str:
        """The same about its agent."""
        return f"`lamplighter {words} {shlex.join([self.agent, *more])}`"


class Confidence(IntEnum):
    """How sure a finding is; the least comes first when they are sorted."""

    CERTAIN = 0
    LIKELY = 1
    POSSIBLE = 2


class Kind(IntEnum):
    """A cause, what follows from causes, or what is said when nothing else is known. Told in this order."""

    CAUSE = 0
    OUTCOME = 1
    FALLBACK = 2


@dataclass(frozen=True, slots=True)
class Clue:
    """What one rule has found: a sentence with the facts, what to do about it, and the facts it rests on."""

    confidence: Confidence
    cause: str
    actions: tuple[str, ...]
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: a stable ``code``, what it ``means``, what it ``rests_on``, and how it is seen."""

    code: str
    means: str
    rests_on: str
    look: Callable[[Symptoms], Clue | None]
    kind: Kind = Kind.CAUSE


@dataclass(frozen=True, slots=True)
class Finding:
    """One possible cause of a failure."""

    code: str
    kind: Kind
    confidence: Confidence
    cause: str
    actions: tuple[str, ...]
    evidence: tuple[str, ...]


def many(number: int, word: str) -> str:
    """``1 record``, ``2,000 records``."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def listed(words: Sequence[str], most: int = 3) -> str:
    """``a, b and c``, or ``a, b, c and 4 more``."""
    shown, more = list(words[:most]), len(words) - most
    if more > 0:
        shown.append(f"{more:,} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def short(text: str, most: int = 200) -> str:
    """One line, not too long."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most]}…"
