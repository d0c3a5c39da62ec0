"""What a process of the control plane does at the broker: its connection, relay and desk; and who may rescue."""

import os
import socket
from collections.abc import Callable
from datetime import datetime

from lamplighter.bus.connection import Bus
from lamplighter.bus.stream import RunStream
from lamplighter.clock import Clock
from lamplighter.config import BrokerSettings
from lamplighter.control.desk import Desk
from lamplighter.control.face import Control
from lamplighter.control.holding import Holding
from lamplighter.control.tails import Tails, serve_tails
from lamplighter.files import Files
from lamplighter.loop import Loop
from lamplighter.object_store import ObjectStore
from lamplighter.planner import LEASE
from lamplighter.relay import Relay
from lamplighter.store.database import Database


class Fleet:
    """The workers on other machines, as a process of the control plane reaches them."""

    def __init__(
        self,
        broker: BrokerSettings,
        db: Database,
        clock: Clock,
        store: ObjectStore,
        control_of: Callable[[str], Control],
    ) -> None:
        self._clock = clock
        self.bus = Bus(
            broker.urls,
            f"control-{socket.gethostname()}-{os.getpid()}",
            clock=clock,
            credentials=broker.credentials,
            ca=broker.ca,
            changed=self._changed,
        )
        self.tails = Tails(self.bus)
        self._stream = RunStream(self.bus)
        self._relay = Relay(db, clock, self.bus)
        self._desk = Desk(self.bus, clock, control_of, db.time)
        holding = Holding(db, clock, store, self.bus.is_heard)
        self.loops: list[Loop] = [self._relay, self._desk, self._desk.pulse, holding]

    def serve_tails(self, server_name: str, files: Files) -> None:
        """Answer, as the server of this name, what others want to see of the logs of its runs."""
        serve_tails(self.bus, server_name, files)

    def start(self) -> None:
        """Connect, and stay connected; InvalidInput when a file of the settings is not what it should be."""
        self.bus.start()

    def close(self) -> None:
        """Answer nobody any more, and end the connection; the loops have ended."""
        self._desk.close()
        self.bus.close()

    def may_rescue(self, now: datetime) -> bool:
        """Whether servers that are not heard of are lost, and not only out of this process's reach.

        A worker whom nobody answers holds on to its runs if it can tell that nobody takes them away. So only a
        process takes them that could have answered for a whole lease, at a broker that is not cut off.
        """
        opened = self._desk.open_since
        return (
            opened is not None
            and now - opened >= LEASE
            and self.bus.here_since is not None
            and now - self.bus.here_since >= LEASE
            and self._stream.answers()
        )

    def _changed(self) -> None:
        self._relay.wake()
