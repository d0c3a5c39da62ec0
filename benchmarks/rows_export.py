"""The combined export of a parallel set: the records of ten runs, merged into one file."""

import json
import os
import random
import sys
import tempfile
from pathlib import Path

from peers import PEERS, ask, python_of
from report import OURS, Case, Table

PARTS = 10
SIZES = (10_000, 100_000, 1_000_000)  # records in each part
_FORMATS = ("jsonl", "csv", "parquet")
_TOOLS = {OURS: "lamplighter", "cat": "cat", "polars": "polars", "pyarrow": "pyarrow"}
_CANNOT = {
    ("cat", "csv"): "only copies",
    ("cat", "parquet"): "only copies",
    ("pyarrow", "jsonl"): "does not write it",
}


def measure(rounds: int) -> list[Table]:
    """Tables of time and of memory; subjects take turns on the same files."""
    time_, memory = _table("time", "time", "seconds"), _table("memory", "most memory of the process", "MB")
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            parts = _write(Path(folder), size)
            os.sync()  # else who comes first waits until they are on the disk
            target = Path(folder) / "target"
            target.mkdir()
            _one("cat", "jsonl", parts, target)  # else who comes first pays for memory and disk never used
            for kind in _FORMATS:
                name = f"{PARTS} × {size:,} records, {kind}"
                took, most = Case(name, size=size, series=kind), Case(name, size=size, series=kind)
                for number in range(rounds):
                    print(f"export of {name}, round {number + 1} of {rounds}", flush=True)
                    for subject in _TOOLS:
                        seconds, megabytes = _one(subject, kind, parts, target)
                        took.add(subject, seconds)
                        most.add(subject, megabytes)
                time_.cases.append(took)
                memory.cases.append(most)
    return [time_, memory]


def _table(name: str, what: str, unit: str) -> Table:
    return Table(
        name=f"export-{name}",
        title=f"Combined export: {what}",
        unit=unit,
        how="Records of eight fields, none of them nested. The file is on the disk at the end (fsync) for everyone;"
        " Parquet is compressed with zstd. For CSV and Parquet ours also writes the merged JSON Lines, keeps the"
        " fields that only some records have, makes a column of what differs in type text, and guards against"
        " formulas.",
        aim="streaming: memory flat; JSONL at copy speed",
        against=tuple(subject for subject in _TOOLS if subject != OURS),
    )


def _write(folder: Path, size: int) -> list[Path]:
    chance = random.Random(1)
    parts = []
    for part in range(PARTS):
        path = folder / f"part-{part}.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for number in range(size):
                record = {
                    "id": part * size + number,
                    "title": f"A title of some length, number {number}",
                    "price": chance.randrange(100_000) / 100,
                    "url": f"https://example.com/products/{part}/{number}",
                    "inStock": chance.random() < 0.8,
                    "rating": chance.choice([None, 3.5, 4.25, 5.0]),
                    "category": chance.choice(["books", "music", "films"]),
                    "seller": f"Seller {chance.randrange(500)}",
                }
                file.write(json.dumps(record) + "\n")
        parts.append(path)
    return parts


def _one(subject: str, kind: str, parts: list[Path], target: Path) -> tuple[float | str, float | str]:
    """Seconds and megabytes, or a word that says why there are none."""
    if (subject, kind) in _CANNOT:
        return _CANNOT[subject, kind], _CANNOT[subject, kind]
    tool = _TOOLS[subject]
    python = python_of(tool) if tool in PEERS else sys.executable
    asked = {"tool": tool, "format": kind, "parts": [str(part) for part in parts]}
    [found] = ask(python, "export", asked | {"target": str(target / "records")})
    for file in target.iterdir():
        file.unlink()
    return found["seconds"], found["megabytes"]
