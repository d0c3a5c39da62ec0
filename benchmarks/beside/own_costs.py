"""What the process that asks has cost so far."""

import resource
from pathlib import Path


def resident() -> int:
    """Bytes of memory that it has now."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


def spent() -> float:
    """Seconds of processor time since it began."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
