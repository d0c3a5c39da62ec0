"""Merges ten files of records into one file, in one format, with one tool, and says what it took.

Reads ``{"tool": "…", "format": "…", "parts": ["…"], "target": "…"}`` from standard input and writes the ``seconds``
until the file is on the disk, and the ``megabytes`` of memory that the process had at most.
"""

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def ours(kind: str, parts: Sequence[Path], target: Path) -> None:
    """As the combined export of a parallel set is made; CSV and Parquet with the JSON Lines that they come from."""
    records: Any = importlib.import_module("lamplighter.export.records")
    merged = target.with_suffix(".merged")
    records.merge(parts, merged)
    if kind == "jsonl":
        merged.rename(target)
    else:
        written = records.write_formats(merged, target.parent, {kind}, records.columns_of(merged))
        written[kind].rename(target)


def cat(_kind: str, parts: Sequence[Path], target: Path) -> None:
    """The command, which only copies."""
    with target.open("wb") as out:
        subprocess.run(["cat", *map(str, parts)], stdout=out, check=True)
    _to_disk(target)


def polars(kind: str, parts: Sequence[Path], target: Path) -> None:
    """Its streaming engine."""
    pl: Any = importlib.import_module("polars")
    frame = pl.scan_ndjson(parts)
    if kind == "jsonl":
        frame.sink_ndjson(target)
    elif kind == "csv":
        frame.sink_csv(target)
    else:
        frame.sink_parquet(target, compression="zstd")
    _to_disk(target)


def pyarrow(kind: str, parts: Sequence[Path], target: Path) -> None:
    """Its datasets, a batch after the other; it writes no JSON Lines."""
    datasets: Any = importlib.import_module("pyarrow.dataset")
    found = datasets.dataset(parts, format="json")
    if kind == "csv":
        writer = importlib.import_module("pyarrow.csv").CSVWriter(target, found.schema)
    else:
        writer = importlib.import_module("pyarrow.parquet").ParquetWriter(
            target, found.schema, compression="zstd"
        )
    with writer:
        for batch in found.to_batches():
            writer.write_batch(batch)
    _to_disk(target)


TOOLS = {"lamplighter": ours, "cat": cat, "polars": polars, "pyarrow": pyarrow}


def _to_disk(target: Path) -> None:
    with target.open("rb") as file:
        os.fsync(file.fileno())


def main() -> None:
    """Measure once."""
    asked = json.load(sys.stdin)
    begun = time.perf_counter()
    TOOLS[asked["tool"]](asked["format"], [Path(part) for part in asked["parts"]], Path(asked["target"]))
    took = time.perf_counter() - begun
    status = Path("/proc/self/status").read_text(encoding="ascii")
    most = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    json.dump([{"seconds": took, "megabytes": int(most.split()[1]) / 1000}], sys.stdout)


if __name__ == "__main__":
    main()
