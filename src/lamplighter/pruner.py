"""Retention: takes away what is kept no longer, a little at a time, and empties the trash.

Idempotency keys that are too old go with it.

Runs that go are never touched, nor sets that have not ended or whose combined export is still to be made. A batch
is decided and carried out in one transaction, so a run that is being restarted stays. Its bytes are moved aside
before the commit: afterwards nothing would know of them.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from lamplighter import planner
from lamplighter.files import AttemptFolder, Files
from lamplighter.model import Limits
from lamplighter.store import idempotency, retention
from lamplighter.store.database import Database
from lamplighter.store.retention import Cut, LimitedAgent, OldRun, What

log = structlog.get_logger()

A_PASS = 200  # runs; with more to do, the next pass comes a second later
_AT_ONCE = 50  # runs in one transaction, so that others get their turn to write
_KEYS_AT_ONCE = 1000
_PASS_EVERY = timedelta(seconds=30)
_LOGS = frozenset({"Log", "Snapshot", "Evidence"})  # of the types of files
# What is removed, and whether of Skipped runs: they are counted by themselves, and have neither logs nor files.
_ROUNDS = ((What.RUNS, False), (What.RUNS, True), (What.LOGS, False), (What.FILES, False))


class Pruner:
    """Prunes what one installation keeps."""

    def __init__(self, db: Database, files: Files) -> None:
        self._db = db
        self._files = files
        self._last: datetime | None = None
        self._has_more = False
        self._last_agent = 0

    def ask(self) -> None:
        """Let the next ``pass_once`` prune, whenever the last one was: limits have changed."""
        self._has_more = True

    def pass_once(self, now: datetime) -> datetime | None:
        """Prune if it is time; returns when it will be, None for at once."""
        last = self._last
        if not self._has_more and last is not None and last <= now < last + _PASS_EVERY:
            return last + _PASS_EVERY
        self._has_more = False
        self._last = now
        self._forget_keys(now)
        pruned = self.prune_once(now)
        if pruned:
            log.info("removed what is kept no longer", runs=pruned)
        self._has_more = self._has_more or pruned >= A_PASS
        self._files.empty_trash()
        return None if self._has_more else now + _PASS_EVERY

    def prune_once(self, now: datetime) -> int:
        """Take away a pass of what is kept no longer; returns of how many runs.

        Each pass goes on with the agent after the one at which the last pass ended.
        """
        with self._db.read() as c:
            agents = retention.limited_agents(c)
        left = A_PASS
        turn = [a for a in agents if a.id > self._last_agent] + [
            a for a in agents if a.id <= self._last_agent
        ]
        for agent in turn:
            left -= self._prune_agent(agent, now, left)
            if left <= 0:
                self._last_agent = agent.id
                break
        return A_PASS - left

    def _forget_keys(self, now: datetime) -> None:
        """Idempotency keys hold for a day; what is older is not looked at any more."""
        with self._db.read() as c:
            if not idempotency.any_before(c, now - idempotency.KEPT_FOR):
                return
        with self._db.write() as c:
            forgotten = idempotency.delete_before(c, now - idempotency.KEPT_FOR, _KEYS_AT_ONCE)
        self._has_more = self._has_more or forgotten >= _KEYS_AT_ONCE

    def _prune_agent(self, agent: LimitedAgent, now: datetime, most: int) -> int:
        limits = planner.limits_of_agent(agent.own, agent.space)
        done = 0
        for what, skipped in _ROUNDS:
            while done < most:
                removed = self._prune_some(agent.id, what, skipped, limits, now, min(most - done, _AT_ONCE))
                done += removed
                if removed < _AT_ONCE:
                    break
        return done

    def _prune_some(
        self, agent_id: int, what: What, skipped: bool, limits: Limits, now: datetime, most: int
    ) -> int:
        def find(c: sa.Connection, limit: int) -> list[OldRun]:
            cut = _cut(c, agent_id, what, limits, now, skipped=skipped)
            if cut is None:
                return []
            return retention.ended_before(c, agent_id, what, cut, skipped=skipped, limit=limit)

        with self._db.read() as c:
            if not find(c, 1):
                return 0
        with self._db.write() as c:
            return self._remove(c, what, find(c, most), now)

    def _remove(self, c: sa.Connection, what: What, old: Sequence[OldRun], now: datetime) -> int:
        if what is What.RUNS:
            gone = self._each(old, lambda run: self._files.put_aside(self._files.run_folder(run.id)))
            retention.delete_runs(c, gone)
            return len(gone)
        gone = self._each(old, lambda run: self._put_part_aside(what, run.id, now))
        ids = [run.id for run in gone]
        listed = retention.files_of(c, ids)
        retention.forget_files(c, [f.id for f in listed if (f.file_type in _LOGS) is (what is What.LOGS)])
        retention.note_removed(c, what, ids, now)
        return len(gone)

    def _each(self, old: Iterable[OldRun], put_aside: Callable[[OldRun], None]) -> list[OldRun]:
        """Those of the runs with which it worked; one that cannot be moved shall not keep the others."""
        gone: list[OldRun] = []
        for run in old:
            try:
                put_aside(run)
            except OSError as problem:
                log.warning("what is kept no longer cannot be removed", run=run.id, problem=str(problem))
            else:
                gone.append(run)
        return gone

    def _put_part_aside(self, what: What, run_id: int, now: datetime) -> None:
        folder = self._files.run_folder(run_id)
        if folder.is_symlink():  # an agent has put it there: what it leads to is not ours
            self._files.put_aside(folder)
            return
        folders = self._files.folders_of(run_id)
        attempts = [path for path in folders if path.name.startswith("attempt-")]
        names = (
            ("files", "records.jsonl", "export")
            if what is What.FILES
            else ("log.txt", "snapshots", "evidence")
        )
        parts = [path / name for path in attempts for name in names]
        if what is What.FILES:
            # Before each attempt had its own export, all attempts of a run had one.
            parts += [folder / "export", *(path for path in folders if path.name.startswith("combined-"))]
        for part in parts:
            self._files.put_aside(part)
        if what is What.FILES:
            return
        for path in attempts:
            path.mkdir(parents=True, exist_ok=True)  # it may be in the store only
            AttemptFolder(path).say(now, "the log was removed: it is kept no longer (retention)")
            self._files.send_growth(path / "log.txt")
        self._files.let_go(run_id)


def _cut(
    c: sa.Connection, agent_id: int, what: What, limits: Limits, now: datetime, *, skipped: bool
) -> Cut | None:
    """Where what is kept begins, in the order in which the agent's runs ended; None: all is kept."""
    days: int | None = getattr(limits, f"{what.value}_days")
    count: int | None = getattr(limits, f"{what.value}_count")
    too_old = planner.too_old_before(now, days)
    cuts = [] if too_old is None else [Cut(too_old)]
    if count is not None:
        newest = retention.cut_of_newest(c, agent_id, count, skipped=skipped)
        cuts += [] if newest is None else [newest]
    return max(cuts, default=None)
