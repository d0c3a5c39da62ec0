"""``Control`` of a server that reaches the truth over the broker only."""

from functools import partial
from typing import Any, cast

from lamplighter.bus import subjects
from lamplighter.bus.connection import Bus
from lamplighter.bus.stream import RunStream
from lamplighter.control.face import Control, NobodyRules
from lamplighter.control.wire import METHODS, Method
from lamplighter.errors import NobodyAnswers

_PATIENCE_SECONDS = 10.0


def remote_control(bus: Bus, server_name: str) -> Control:
    """The control of the server of this name, which is asked for over ``bus``."""
    return cast(Control, _Remote(bus, server_name))


class _Remote:
    """Has the methods of ``Control``: each is one request to whichever process of the control plane takes it."""

    def __init__(self, bus: Bus, server_name: str) -> None:
        self._bus = bus
        self._name = server_name
        self._stream = RunStream(bus)

    def __getattr__(self, name: str) -> Any:
        if name not in METHODS:
            raise AttributeError(name)
        return partial(self._ask, METHODS[name])

    def _ask(self, method: Method, *arguments: Any) -> Any:
        subject = subjects.control(self._name, method.name)
        try:
            answer = self._bus.request(subject, method.pack_call(arguments), _PATIENCE_SECONDS)
        except NobodyAnswers as problem:
            # A broker that is cut off from its cluster could say that, too; but then the stream does not answer.
            if self._stream.answers():
                raise NobodyRules(
                    "no process of the control plane reaches both database and broker"
                ) from problem
            raise
        return method.unpack_answer(answer)
