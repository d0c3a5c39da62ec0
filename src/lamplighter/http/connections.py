"""Connections of clients: how many there may be, and how long one may keep us waiting for a request.

uvicorn bounds neither. Each open connection takes a file descriptor, and a server without any left could not
start runs any more.
"""

import asyncio
import resource

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 1000
SECONDS_FOR_HEAD = 30.0


def most_connections() -> int:
    """How many connections may be open: at most half of the files that this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else min(MOST, soft // 2)


class PatientProtocol(H11Protocol):
    """HTTP over one connection, which is closed when the head of a request does not come in time.

    From an accepted connection to its first request, and from the first byte of a request to the end of its
    head; between two requests uvicorn itself waits for five seconds.
    """

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            transport.abort()
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        is_idle = self.cycle is None or self.cycle.response_complete
        if not is_idle:
            self._wait_no_more()
        elif self._waiting is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(SECONDS_FOR_HEAD, self.transport.abort)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
