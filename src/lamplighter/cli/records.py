"""``lamplighter run records``: what a run extracted, as a table, JSON Lines or CSV."""

import csv
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any

import typer

from lamplighter.cli.output import counted, hint, on_terminal, status_name, table, terminal_width
from lamplighter.cli.session import AgentWord, Json, RunNumber, connect, quoted, the_agent, the_run
from lamplighter.client import ENDED, Run

_OF_A_TABLE = 20
_WIDEST_CELL = 40
_IN_MEMORY = 16 * 1024 * 1024
Record = Mapping[str, Any]


class Format(StrEnum):
    """How records are printed."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"


def records(
    agent: AgentWord,
    run: RunNumber = None,
    format: Annotated[  # noqa: A002 - the option's name
        Format | None,
        typer.Option(help="Default: table on a terminal, jsonl otherwise.", show_default=False),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", min=1, help="At most this many; a table shows 20.", show_default=False),
    ] = None,
    as_array: Json = False,
) -> None:
    """Print the records of a run; of one that goes on, those so far."""
    chosen = format or (Format.TABLE if on_terminal() else Format.JSONL)
    with connect() as client:
        owner = the_agent(client, agent)
        found = the_run(client, owner, run)
        stream = client.records(owner["id"], found["id"])
        if as_array:
            _write_array(islice(stream, limit))
        elif chosen is Format.TABLE:
            _show_table(list(islice(stream, (limit or _OF_A_TABLE))), found)
        elif chosen is Format.CSV:
            _write_csv(islice(stream, limit))
        else:
            for record in islice(stream, limit):
                sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")


def _write_array(stream: Iterator[Record]) -> None:
    """A JSON array that is written as it comes, however long it is."""
    between = "[\n"
    for record in stream:
        sys.stdout.write(between + json.dumps(record, ensure_ascii=False))
        between = ",\n"
    sys.stdout.write("[]\n" if between == "[\n" else "\n]\n")


def _write_csv(stream: Iterator[Record]) -> None:
    """The columns are known only when all records were seen, so these wait in a file."""
    columns: dict[str, None] = {}
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8") as kept:
        for record in stream:
            columns.update(dict.fromkeys(record))
            kept.write(json.dumps(record) + "\n")
        kept.seek(0)
        writer = csv.writer(sys.stdout, lineterminator="\n")
        if columns:
            writer.writerow(columns)
        for line in kept:
            record = json.loads(line)
            writer.writerow([_text(record.get(name)) for name in columns])


def _show_table(found: Sequence[Record], run: Run) -> None:
    columns = list(dict.fromkeys(name for record in found for name in record))
    shown = _that_fit(found, columns) if on_terminal() else columns
    if columns:
        table(shown, [[_short(record.get(name)) for name in shown] for record in found])
    _tell_what_is_missing(found, run, [name for name in columns if name not in shown])


def _that_fit(found: Sequence[Record], columns: Sequence[str]) -> list[str]:
    """As many columns, from the left, as the terminal is wide enough for; one at the least."""
    room, shown = terminal_width(), list[str]()
    for name in columns:
        room -= 2 + max(len(name), *(len(_short(record.get(name))) for record in found))
        if room < 0 and shown:
            break
        shown.append(name)
    return shown


def _tell_what_is_missing(found: Sequence[Record], run: Run, hidden: Sequence[str]) -> None:
    name, state = quoted(run["configName"]), status_name(run["status"])
    if not found:
        hint(f"Run {run['id']} ({state}) has no records{'' if run['status'] in ENDED else ' yet'}.")
        return
    if hidden:
        hint(f"Too wide to show: {', '.join(hidden)}; --format jsonl has everything.")
    total = max(run["dataCount"], len(found))
    if total > len(found):
        hint(
            f"{len(found)} of {counted(total, 'record')}; `lamplighter run records {name} {run['id']} --limit N`."
        )


def _text(value: Any) -> str:
    """A value as a cell: texts as they are, everything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(value: Any) -> str:
    text = " ".join(_text(value).split())
    return text if len(text) <= _WIDEST_CELL or not on_terminal() else text[: _WIDEST_CELL - 1] + "…"
