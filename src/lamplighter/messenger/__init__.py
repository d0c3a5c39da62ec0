"""Sending a message to an address, through Apprise or as a plain POST, in a process of its own.

A process can be ended whatever it waits for, so an address that hangs holds up nothing; and what a service's
plug-in does to its process, it does not do to the server. Addresses hold passwords: they go over standard input.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from lamplighter.errors import Conflict
from lamplighter.model import MessageKind

SECONDS = 30


class NotInstalled(Conflict):
    """Apprise is an extra, and not here."""

    code = "not_installed"

    def __init__(self) -> None:
        super().__init__(
            "notifications need Apprise, which is not installed on this server:"
            " pip install 'lamplighter[notifications]'"
        )


@dataclass(frozen=True, slots=True)
class Address:
    """What may be shown of an address, or why it is none."""

    shown: str
    error: str | None


class Messenger:
    """Sends messages. ``seconds``: how long one sending may take."""

    def __init__(self, seconds: int = SECONDS) -> None:
        self._seconds = seconds
        self._going: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def check(self, addresses: Sequence[str]) -> list[Address]:
        """What Apprise makes of each address; NotInstalled."""
        require_apprise()
        answer = self._ask("child", {"check": list(addresses)})
        if not isinstance(answer, list):
            raise Conflict(f"the addresses could not be checked: {answer}")
        return [Address(one["shown"], one["error"]) for one in answer]

    def send(self, address: str, title: str, body: str, kind: MessageKind = "info") -> str | None:
        """Send one message; None when it was delivered, else what went wrong.

        By ``kind`` services choose a colour, a sign or an urgency.
        """
        try:
            require_apprise()
        except NotInstalled as problem:
            return str(problem)
        answer = self._ask("child", {"send": address, "title": title, "body": body, "kind": kind})
        return None if answer is None else str(answer)

    def post(self, url: str, headers: Mapping[str, str], body: str) -> str | None:
        """Post ``body``; None when it was answered with a status of 2xx, else what went wrong.

        This needs no Apprise. A redirect is not followed, and counts as a refusal.
        """
        answer = self._ask("post_child", {"url": url, "headers": dict(headers), "body": body})
        return None if answer is None else str(answer)

    def close(self) -> None:
        """End what is being sent; it counts as not delivered."""
        with self._lock:
            self._closed = True
            going = list(self._going)
        for process in going:
            process.kill()

    def _ask(self, child: str, question: dict[str, Any]) -> Any:
        """The child's answer, or a sentence that says why there is none."""
        with self._lock:
            if self._closed:
                return "the server is stopping"
            process = subprocess.Popen(  # noqa: S603 - one of our own modules
                # Not from the present folder: whatever lies there is not to be imported.
                [sys.executable, "-P", "-m", f"lamplighter.messenger.{child}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
                # Plug-ins of services need nothing of our own settings.
                env={name: v for name, v in os.environ.items() if not name.startswith("LAMPLIGHTER_")},
            )
            self._going.add(process)
        try:
            out, _ = process.communicate(json.dumps({**question, "seconds": self._seconds}), self._seconds)
        except subprocess.TimeoutExpired:
            return f"no answer within {self._seconds} seconds"
        finally:
            process.kill()
            process.communicate()
            with self._lock:
                self._going.discard(process)
        try:
            return json.loads(out)
        except ValueError:
            return (
                "the server is stopping" if self._closed else f"the sending ended with {process.returncode}"
            )


def require_apprise() -> None:
    """Raise NotInstalled when Apprise is not there."""
    if find_spec("apprise") is None:
        raise NotInstalled
