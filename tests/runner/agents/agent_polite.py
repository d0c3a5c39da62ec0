"""An agent that notes every SIGTERM it gets and ends with status 7 when the file ``finish`` appears."""

import signal
import sys
import time
from pathlib import Path
from types import FrameType


def heard(_number: int, _frame: FrameType | None) -> None:
    with Path("heard").open("a") as file:
        file.write("SIGTERM\n")


signal.signal(signal.SIGTERM, heard)
Path("ready").touch()
for _ in range(6000):
    if Path("finish").exists():
        sys.exit(7)
    time.sleep(0.01)
