"""The server's side of the fork servers, from which the keepers of its runs are forked (see ``shim.py``).

There is one from which every program is started, and one for each Python whose agents share what it has preloaded.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import sysconfig
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHIM = Path(__file__).with_name("shim.py")

PATIENCE = 60.0  # seconds for a fork server that imports much on a busy machine
MOST_PRELOADED = 4  # what one has imported takes some 60 MB


@dataclass(frozen=True, slots=True)
class Preload:
    """What a fork server has imported: ``argv`` is a Python and a script, ``environment`` what its runs share."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]


class Conversation:
    """With a keeper that has been forked and waits: it begins when it is told to, and ends when this is closed."""

    def __init__(self, pid: int, talk: socket.socket) -> None:
        self.pid = pid
        self._talk = talk

    def begin(self) -> None:
        """Let it begin; OSError when it is gone already."""
        with self._talk:
            self._talk.sendall(b"begin\n")

    def close(self) -> None:
        """Let it end without having begun anything."""
        self._talk.close()


class _ForkServer:
    """One of them; OSError when it cannot be started."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [*command, str(theirs.fileno())],
                env=dict(environment),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def close(self) -> None:
        """End it; the keepers go on."""
        self.control.close()
        self._process.kill()  # whatever it is about to import
        self._process.wait()


class ForkServers:
    """The fork servers of this process, each started when it is first needed. Threads may share them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[object, _ForkServer] = {}
        weakref.finalize(self, _close_all, self._running)

    def fork(self, wanted: Mapping[str, Any], log: int, preload: Preload | None = None) -> Conversation:
        """A keeper for what ``wanted`` says (``shim.Wanted``); ``log`` is its standard output and error.

        OSError, TimeoutError among them, when there is none; then nothing has begun, nor will it.
        """
        # The last try is without: a program that cannot be preloaded can still be run.
        for way in (preload, preload, None):
            mine, theirs = socket.socketpair()
            mine.settimeout(PATIENCE)
            try:
                with theirs:
                    server = self._send(log, theirs.fileno(), way)
                mine.sendall(json.dumps(wanted).encode() + b"\n")
                answer = mine.recv(1000).decode().strip()
            except (BrokenPipeError, ConnectionResetError):
                answer = ""
            except BaseException:
                mine.close()
                raise
            if answer.isdigit():
                return Conversation(int(answer), mine)
            mine.close()
            if answer:
                raise OSError(answer)
            # Whoever had the other end is gone: a fork server that was killed, or had nothing to do for long.
            self._forget(server)
        raise OSError("the process that starts programs has ended; the server's log may say why")

    def warm_up(self) -> None:
        """Start the one for every program, so that the first run need not wait for it; OSError."""
        with self._lock:
            self._get(None)

    def close(self) -> None:
        """End them all; what they have started goes on."""
        with self._lock:
            _close_all(self._running)

    def _send(self, log: int, talk: int, preload: Preload | None) -> _ForkServer:
        with self._lock:
            server = self._get(preload)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the conversation will tell
                socket.send_fds(server.control, [b"k"], [log, talk])
            return server

    def _get(self, preload: Preload | None) -> _ForkServer:
        key = None if preload is None else (preload.argv, _packages_changed())
        server = self._running.pop(key, None)
        if server is None:
            server = _ForkServer(_command(preload), _environment(preload))
        self._running[key] = server  # the last one is the one used last
        unused = [other for other in self._running if other is not None][:-MOST_PRELOADED]
        for other in unused:
            self._running.pop(other).close()
        return server

    def _forget(self, server: _ForkServer) -> None:
        with self._lock:
            for key in [key for key, other in self._running.items() if other is server]:
                self._running.pop(key).close()


def _close_all(running: dict[object, _ForkServer]) -> None:
    while running:
        running.popitem()[1].close()


def _command(preload: Preload | None) -> list[str]:
    if preload is None:
        return [sys.executable, "-I", "-S", "-X", "utf8", str(SHIM)]
    python, script = preload.argv
    return [python, str(SHIM), script]


def _environment(preload: Preload | None) -> Mapping[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath)} if preload is None else preload.environment


def _packages_changed() -> int:
    """When packages were last installed for this Python; environments of agents never change."""
    return Path(sysconfig.get_path("purelib")).stat().st_mtime_ns
