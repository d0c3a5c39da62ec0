"""A keeper that hears no signal, as one stuck in the kernel would. Argument: the attempt's folder."""

import json
import os
import signal
import sys
import time
from pathlib import Path

signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
if os.fork() == 0:
    os.setsid()
    time.sleep(60)
    os._exit(0)
ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
published = Path(sys.argv[1], "process.json")
temporary = published.with_suffix(".new")
temporary.write_text(json.dumps({"pid": os.getpid(), "startTicks": ticks, "bootId": boot_id}))
temporary.rename(published)
time.sleep(60)
