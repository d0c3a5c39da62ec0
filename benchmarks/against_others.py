"""Measures Lamplighter beside others, on the same machine and work, and writes ``RESULTS.md`` with its charts.

python benchmarks/against_others.py --rounds 5
python benchmarks/against_others.py --rounds 2 --only fire-times,burst --to /tmp/results
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import rows_api
import rows_burst
import rows_export
import rows_fire_times
import rows_holding
import rows_lateness
import rows_runs
import rows_scale_out
from peers import PEERS, our_version, version_of
from report import Table, write

ROWS: Mapping[str, Callable[[int], list[Table]]] = {
    "fire-times": rows_fire_times.measure,
    "burst": rows_burst.measure,
    "holding": rows_holding.measure,
    "export": rows_export.measure,
    "lateness": rows_lateness.measure,
    "runs": rows_runs.measure,
    "api": rows_api.measure,
    "scale-out": rows_scale_out.measure,
}


def main() -> None:
    """Measure what is asked for, and write it down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help=f"some of {', '.join(ROWS)}, with commas between them")
    parser.add_argument(
        "--to", type=Path, default=Path(__file__).parent, help="the folder that is written to"
    )
    wanted = parser.parse_args()
    names = list(ROWS) if wanted.only is None else wanted.only.split(",")
    versions = {"Lamplighter": our_version()} | {peer.title: version_of(peer.name) for peer in PEERS.values()}
    wanted.to.mkdir(parents=True, exist_ok=True)
    tables: list[Table] = []
    for name in names:  # what has been measured is written at once: all together take more than an hour
        tables += ROWS[name](wanted.rounds)
        write(wanted.to, tables, versions, wanted.rounds)
    print(f"Written to {wanted.to / 'RESULTS.md'}")


if __name__ == "__main__":
    main()
