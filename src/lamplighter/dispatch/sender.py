"""The loop that brings what going runs write to the store of files, so that people see it and nobody loses it."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from pathlib import Path

from lamplighter.clock import Clock
from lamplighter.files import Files
from lamplighter.loop import Loop
from lamplighter.model import Claim

_SOONEST, _LATEST = timedelta(seconds=2), timedelta(minutes=1)
# A file that grows for hours is sent in longer and longer pauses: each part of it is one more that readers get.
_SHARE_OF_AGE = 0.05


class Sender(Loop):
    """Sends the logs and records of the runs that ``claims`` says are going here."""

    def __init__(self, files: Files, clock: Clock, claims: Callable[[], Collection[Claim]]) -> None:
        super().__init__("sender", clock, self.pass_once)
        self._files = files
        self._claims = claims
        self._seen: dict[Claim, datetime] = {}  # since when
        self._next: dict[Path, datetime] = {}

    def pass_once(self, now: datetime) -> None:
        """Send what has grown and was not sent for a while."""
        going = set(self._claims())
        self._seen = {claim: self._seen.get(claim, now) for claim in going}
        paths: dict[Path, datetime] = {}
        for claim, since in self._seen.items():
            folder = self._files.attempt(claim.run_id, claim.attempt)
            pause = min(max(_SOONEST, (now - since) * _SHARE_OF_AGE), _LATEST)
            for path in (folder.log, folder.records):
                paths[path] = self._next.get(path, now)
                if paths[path] <= now and self._files.send_growth(path):
                    paths[path] = now + pause
        self._next = paths
