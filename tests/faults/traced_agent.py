"""The agent of the fault runs: works for a while, and writes down itself when its process was alive.

It runs in a place of its own, with the standard library only. Its input says for how many seconds, and in which
folder it leaves its trace: a file of JSON lines, one when it starts, one ten times a second, and one when it ends.
All times are nanoseconds of the one monotonic clock of the machine. It extracts one record, or two in every other
attempt, so that the records of one attempt are not those of the next.
"""

from __future__ import annotations

import json
import os
import time
import uuid

TYPE_CHECKING = False
if TYPE_CHECKING:  # what imports it for types would cost every start its time
    from typing import TextIO

ATTEMPT = int(os.environ["LAMPLIGHTER_ATTEMPT"])
RUN = int(os.environ["LAMPLIGHTER_RUN_ID"])


def main() -> None:
    with open(os.environ["LAMPLIGHTER_INPUT"], encoding="utf-8") as file:
        given = json.load(file)
    path = os.path.join(given["traces"], f"{RUN}-{ATTEMPT}-{uuid.uuid4().hex}.jsonl")
    with open(path, "a", buffering=1, encoding="utf-8") as trace:
        end = time.monotonic() + given["seconds"]
        note(trace, "start")
        while time.monotonic() < end:
            time.sleep(min(0.1, max(0.0, end - time.monotonic())))
            note(trace, "beat")
        with open(os.environ["LAMPLIGHTER_RECORDS"], "a", encoding="utf-8") as records:
            for _ in range(1 + ATTEMPT % 2):
                records.write(json.dumps({"run": RUN, "attempt": ATTEMPT}) + "\n")
        note(trace, "end")


def note(trace: TextIO, event: str) -> None:
    trace.write(
        json.dumps({"event": event, "at": time.monotonic_ns(), "run": RUN, "attempt": ATTEMPT}) + "\n"
    )


main()
