"""An agent with a family: a child in its group, one in a session of its own, and a daemon (forked twice).

With ``deaf`` they all ignore SIGTERM; with ``exit`` the agent itself ends once all of them run.
"""

import os
import signal
import sys
import time
from pathlib import Path

MINUTE = 60


def settle(name: str) -> None:
    """Be there, for a while: what a failed test leaves behind ends by itself."""
    Path(name).touch()
    time.sleep(MINUTE)
    os._exit(0)


def main(wishes: list[str]) -> None:
    if "deaf" in wishes:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        settle("child")
    if os.fork() == 0:
        os.setsid()
        settle("session")
    if (middle := os.fork()) == 0:
        os.setsid()
        if os.fork() == 0:
            for descriptor in (0, 1, 2):
                os.close(descriptor)
            settle("daemon")
        os._exit(0)
    os.waitpid(middle, 0)
    while not all(Path(name).exists() for name in ("child", "session", "daemon")):
        time.sleep(0.005)
    Path("ready").touch()
    if "exit" not in wishes:
        time.sleep(MINUTE)


main(sys.argv[1:])
