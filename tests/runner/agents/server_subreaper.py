"""A server to which orphans come, as to the first process of a container. Its run's keeper is killed.

Prints how the run ended and whether a child, dead or alive, is left. Arguments as in ``server_starter``.
"""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

from lamplighter.runner.fork_server import ForkServers
from lamplighter.runner.process import start

PR_SET_CHILD_SUBREAPER = 36

ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
attempt, work, mark, *argv = sys.argv[1:]
servers = ForkServers()
process = start(servers, Path(attempt), Path(work), argv, {"PATH": os.environ["PATH"], "MARK": mark})
while not Path(work, "ready").exists():
    time.sleep(0.005)
os.kill(process.pid, signal.SIGKILL)
process.wait(30)
ending = process.exit()
print(ending and ending.describe())
servers.close()
try:
    print(os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("no child left")
