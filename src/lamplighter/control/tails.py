"""The newest lines of a log that is on another machine: what is not in the store of files yet, asked of its server.

A log is sent there in pauses that grow with its age; whoever looks at it or follows it shall not wait for them.
"""

import json

import structlog

from lamplighter.bus import subjects
from lamplighter.bus.connection import Bus
from lamplighter.errors import Unavailable
from lamplighter.files import Files
from lamplighter.model import Claim

log = structlog.get_logger()

MOST = 256 * 1024
"""Bytes of an answer at most."""

_ASK = "log"
_PATIENCE_SECONDS = 2.0


class Tails:
    """Asks the servers of going runs."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def ask(self, server_name: str, claim: Claim, begin: int) -> bytes:
        """What the log of the server's attempt has from a byte on, ``MOST`` at most; nothing when it is silent."""
        question = json.dumps([claim.run_id, claim.attempt, begin]).encode()
        try:
            return self._bus.request(subjects.worker(server_name, _ASK), question, _PATIENCE_SECONDS)
        except Unavailable as problem:
            log.debug("the newest lines of a log cannot be seen now", run=claim.run_id, problem=str(problem))
            return b""


def serve_tails(bus: Bus, server_name: str, files: Files) -> None:
    """Answer what ``Tails`` asks the server of this name."""

    def answer(_subject: str, question: bytes) -> bytes:
        run_id, attempt, begin = map(int, json.loads(question))
        return files.log_here(run_id, attempt, begin, MOST)

    bus.serve(subjects.worker(server_name, _ASK), answer)
