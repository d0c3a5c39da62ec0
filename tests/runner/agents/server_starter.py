"""A server that starts a run and then goes on until it is killed.

Arguments: attempt folder, working folder, the mark, the agent's command.
"""

import os
import sys
import time
from pathlib import Path

from lamplighter.runner.fork_server import ForkServers
from lamplighter.runner.process import start

attempt, work, mark, *argv = sys.argv[1:]
servers = ForkServers()
start(servers, Path(attempt), Path(work), argv, {"PATH": os.environ["PATH"], "MARK": mark})
print("started", flush=True)
time.sleep(60)
