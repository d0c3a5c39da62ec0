"""What the command line prints, and how.

On a terminal: tables and a little colour. Into a pipe or file: the same cells separated by tabs, whole and without
colour, so that ``cut`` and ``awk`` can read them. Answers go to standard output; hints, progress and errors go to
standard error, so they never mix with what a script reads.
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from lamplighter.client import STATUS_NAMES

_STYLES = {
    "Success": "green",
    "Completed": "green",
    "Success !": "yellow",
    "Completed !": "yellow",
    "fired": "green",
    "ok": "green",
    "Running": "cyan",
    "Starting": "cyan",
    "Exporting": "cyan",
    "Queuing": "cyan",
    "Waiting": "yellow",
    "Stopping": "yellow",
    "held": "yellow",
    "shadow": "cyan",
    "late": "yellow",
    "merged": "yellow",
    "warning": "yellow",
    "archived": "yellow",
    "disabled": "yellow",
    "Failure": "red",
    "Failed": "red",
    "wrong": "red",
    "skipped": "magenta",
    "Skipped": "magenta",
    "Stopped": "magenta",
}
_MEGABYTE = 1024 * 1024
_NARROWEST = 8  # signs of a column that is wrapped
_BETWEEN = 2  # signs between the columns of a table
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def _console(*, error: bool = False) -> Console:
    return Console(stderr=error, highlight=False, soft_wrap=False)


def on_terminal() -> bool:
    """Whether people read standard output as it comes."""
    return _console().is_terminal


def terminal_width() -> int:
    """How many signs a line of the terminal has."""
    return _console().width


def say(text: str = "") -> None:
    """A line of the answer."""
    _write(Text(clean(text)))


def styled(text: str, style: str) -> None:
    """A line of the answer, coloured on a terminal."""
    _write(Text(clean(text), style=style))


def title(text: str) -> None:
    """What an answer is about; scripts know what they asked for."""
    if on_terminal():
        _write(Text(clean(text), style="bold"))


def hint(text: str) -> None:
    """What to know or do next; on standard error."""
    _write(Text(clean(text), style="dim"), error=True)


def warn(text: str) -> None:
    """A line of the answer that somebody should see although all went well."""
    _write(Text.assemble(("Warning: ", "bold yellow"), clean(text)))


def fail(text: str) -> None:
    """What went wrong."""
    _write(Text.assemble(("Error: ", "bold red"), clean(text)), error=True)


def _write(text: Text, *, error: bool = False) -> None:
    console = _console(error=error)
    # Only a terminal needs lines broken at its width, and at words.
    console.print(text, soft_wrap=not console.is_terminal)


def as_json(value: Any) -> None:
    """The API's answer as it came."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, wraps: Sequence[str] = ()) -> None:
    """Rows under column names; where the terminal is too narrow, the columns in ``wraps`` are wrapped at words.

    Where that is not enough, the widest other column of text is wrapped too, and at last each row is printed as
    lines of name and value: nothing is ever cut off. A name that ends in ``>`` is for numbers, which are aligned
    at the right and never wrapped.
    """
    names = [name.rstrip(">") for name in columns]
    if not on_terminal():
        for row in (names, *rows):
            sys.stdout.write("\t".join(_one_line(cell) for cell in row) + "\n")
        return
    if not rows:
        return
    cells = [[_cell(value) for value in row] for row in rows]
    widths = _widths(columns, cells, wraps, terminal_width())
    if widths is None:
        for number, row in enumerate(cells):
            if number:
                say()
            facts([(name or "What", cell) for name, cell in zip(names, row, strict=True)])
        return
    grid = Table(
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), header_style="dim", border_style="dim", show_edge=False
    )
    for column, width in zip(columns, widths, strict=True):
        grid.add_column(
            column.rstrip(">"),
            justify="right" if column.endswith(">") else "left",
            width=width,
            overflow="fold",
        )
    for row in cells:
        grid.add_row(*row)
    _console().print(grid)


def _widths(
    columns: Sequence[str], cells: Sequence[Sequence[Text]], wraps: Sequence[str], room: int
) -> list[int] | None:
    """How wide each column is to be so that all of them fit into ``room`` signs; None when they cannot."""
    names = [name.rstrip(">") for name in columns]
    widths = [
        max(len(name), *(_longest_line(row[index]) for row in cells)) for index, name in enumerate(names)
    ]
    over = sum(widths) + _BETWEEN * len(widths) - 1 - room
    flexible = [index for index, name in enumerate(names) if name in wraps]
    others = [i for i, column in enumerate(columns) if i and i not in flexible and not column.endswith(">")]
    if over > _spare(widths, flexible, names) and others:
        flexible.append(max(others, key=widths.__getitem__))
    if over > _spare(widths, flexible, names):
        return None
    for _ in range(over):
        widest = max(flexible, key=lambda i: widths[i] - _least(widths[i], names[i]))
        widths[widest] -= 1
    return widths


def _spare(widths: Sequence[int], flexible: Sequence[int], names: Sequence[str]) -> int:
    """By how much the flexible columns can become narrower."""
    return sum(widths[index] - _least(widths[index], names[index]) for index in flexible)


def _least(width: int, name: str) -> int:
    return min(width, max(len(name), _NARROWEST))


def _longest_line(cell: Text) -> int:
    return max((cell_len(line) for line in cell.plain.split("\n")), default=0)


def facts(pairs: Sequence[tuple[str, Any]]) -> None:
    """What there is to say of one thing; pairs without a value are left out."""
    shown = [(name, value) for name, value in pairs if value is not None and str(value)]
    if not on_terminal():
        for name, value in shown:
            sys.stdout.write(f"{name}\t{_one_line(value)}\n")
        return
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in shown:
        grid.add_row(name, _cell(value))
    _console().print(grid)


def status_name(number: int | None, *, warns: bool = False) -> str:
    """The name of a run's status, marked when the run has warnings."""
    name = "never run" if number is None else STATUS_NAMES.get(number, str(number))
    return f"{name} !" if warns else name


def clean(text: str) -> str:
    """``text`` without signs that steer a terminal: names, logs and records come from strangers."""
    text = _COLOUR.sub("", text)
    return "".join(sign if sign in "\n\t" or sign.isprintable() else "\ufffd" for sign in text)


def size(count: int) -> str:
    """A number of bytes for people."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            break
        amount /= 1024
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"


def counted(number: int, noun: str) -> str:
    """``1 record``, ``2 records``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Progress]:
    """A bar of bytes on a terminal for what is not tiny; its one task is number 0."""
    console = _console(error=True)
    columns = (TextColumn("{task.description}"), BarColumn(30), DownloadColumn(binary_units=True))
    hidden = not console.is_terminal or (total is not None and total < _MEGABYTE)
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        bar.add_task(what, total=total)
        yield bar


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A sign on a terminal that something is going on."""
    console = _console(error=True)
    if not console.is_terminal:
        yield
        return
    with console.status(clean(what)):
        yield


def _cell(value: Any) -> Text:
    if isinstance(value, Text):
        return value
    text = clean("" if value is None else str(value))
    return Text(text, style=_STYLES.get(text, ""))


def _one_line(value: Any) -> str:
    return " ".join(clean("" if value is None else str(value)).split())
