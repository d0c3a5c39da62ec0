"""What was measured, as tables and charts of ratios: ``RESULTS.md`` and one SVG for each table."""

import math
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from itertools import pairwise
from pathlib import Path

OURS = "Lamplighter"
_HEADING = "\n## "
Values = list[float] | str  # a word instead of numbers says why there are none


@dataclass(slots=True)
class Case:
    """One row of a table: what was measured, and the values of each subject, one a round; less is better.

    ``size`` is of how many it was measured, for cases of one ``series`` that differ in nothing else.
    """

    name: str
    values: dict[str, Values] = field(default_factory=dict)
    size: int = 0
    series: str = ""

    def add(self, subject: str, value: float | str) -> None:
        """Note what a subject took in one more round, or the word that says why there is no number."""
        if isinstance(value, str):
            self.values[subject] = value
            return
        rounds = self.values.setdefault(subject, [])
        if isinstance(rounds, list):
            rounds.append(value)


@dataclass(slots=True)
class Table:
    """Measures that belong together; ``against`` are the subjects besides ours, whose column says ``ours``."""

    name: str
    title: str
    unit: str
    how: str
    aim: str
    against: tuple[str, ...]
    cases: list[Case] = field(default_factory=list)
    ours: str = OURS


def median(values: Values) -> float | None:
    """The middle of the rounds; None when there are no numbers."""
    return None if isinstance(values, str) or not values else statistics.median(values)


def ratio(case: Case, subject: str) -> float | None:
    """How many times ours a subject takes; None when one of them takes nothing."""
    ours, theirs = median(case.values.get(OURS, "")), median(case.values.get(subject, ""))
    return theirs / ours if ours and theirs else None


def write(folder: Path, tables: Sequence[Table], versions: Mapping[str, str], rounds: int) -> None:
    """Write ``RESULTS.md`` and the charts; tables of other rows stay, of the same machine and versions."""
    charts, results = folder / "charts", folder / "RESULTS.md"
    charts.mkdir(exist_ok=True)
    head, *others = results.read_text(encoding="utf-8").split(_HEADING) if results.exists() else [""]
    sections = {part.partition("\n")[0]: part for part in others if head == _head(versions)}
    for table in tables:
        (charts / f"{table.name}.svg").write_text(_chart(table), encoding="utf-8")
        sections[table.title] = _section(table, rounds)
    results.write_text(_HEADING.join([_head(versions), *sections.values()]), encoding="utf-8")


def _head(versions: Mapping[str, str]) -> str:
    listed = ", ".join(f"{name} {number}" for name, number in versions.items())
    return f"""# Measured beside others

Made by `make bench`; do not edit. All figures of a table are of one run on one machine: {_machine()}. Versions:
{listed}. Subjects take turns; a figure is the median of the rounds, in brackets the spread from the least to the
most, and `×` says how many times ours another one takes (more than 1: slower).
"""


def _machine() -> str:
    memory = 0
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemTotal"):
            memory = int(line.split()[1]) // 1024**2
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    system = f"Linux {platform.release().split('-')[0]}, Python {platform.python_version()}"
    return f"{os.cpu_count()} processors ({model}), {memory} GiB, {system}"


def _section(table: Table, rounds: int) -> str:
    subjects = [OURS, *table.against]
    lines = [
        f"{table.title}\n",
        f"{table.how} Aim: {table.aim}. Measured on {datetime.now(UTC):%Y-%m-%d}, rounds: {rounds}.\n",
        f"![{table.title}: how many times ours the others take](charts/{table.name}.svg)\n",
        f"| {table.unit} | {' | '.join([table.ours, *table.against])} |",
        f"| --- |{' --- |' * len(subjects)}",
    ]
    lines += [f"| {case.name} | {' | '.join(_cell(case, one) for one in subjects)} |" for case in table.cases]
    for subject in table.against:
        found = [value for case in table.cases if (value := ratio(case, subject)) is not None]
        if found:
            low, middle, high = min(found), statistics.median(found), max(found)
            lines.append(f"\n{subject}: median {middle:.2f} ×, least {low:.2f} ×, most {high:.2f} ×.")
    lines += _growth(table)
    return "\n".join(lines) + "\n"


def _growth(table: Table) -> list[str]:
    """How ours grows from a case to a larger one of the same series, beside n log n."""
    lines = []
    for series in dict.fromkeys(case.series for case in table.cases if case.size):
        sized = [case for case in table.cases if case.size and case.series == series]
        steps = []
        for small, large in pairwise(sized):
            before, after = median(small.values[OURS]), median(large.values[OURS])
            if before and after:
                allowed = large.size * math.log(large.size) / (small.size * math.log(small.size))
                steps.append(
                    f"{after / before:.2g} × for {large.size / small.size:.0f} × (n log n: {allowed:.1f} ×)"
                )
        if steps:
            lines.append(f"\nGrowth of ours{f', {series}' if series else ''}: {'; '.join(steps)}.")
    return lines


def _cell(case: Case, subject: str) -> str:
    values = case.values.get(subject, "–")
    middle = median(values)
    if middle is None or isinstance(values, str):
        return str(values)
    spread = f" ({_figure(min(values))}–{_figure(max(values))})" if len(values) > 1 else ""
    times = ratio(case, subject)
    beside = "" if subject == OURS or times is None else f" · {times:.2f} ×"
    return f"{_figure(middle)}{spread}{beside}"


def _figure(value: float) -> str:
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 4)}f}"


# --- the chart ---

_COLOURS = ("#4b82d6", "#c98a1a", "#8d73c6", "#3f9a66", "#d0483f")
_ROW, _GAP, _LEFT, _WIDTH = 14, 10, 250, 900


def _chart(table: Table) -> str:
    """Bars of ratios on a logarithmic scale; the line is ours."""
    found = {
        (index, subject): value
        for index, case in enumerate(table.cases)
        for subject in table.against
        if (value := ratio(case, subject)) is not None
    }
    most = max([*found.values(), 10.0])
    least = min([*found.values(), 1.0])
    low, high = math.floor(math.log10(least)), math.ceil(math.log10(most))

    def place(value: float) -> float:
        return _LEFT + (math.log10(value) - low) / (high - low) * (_WIDTH - _LEFT - 60)

    y, parts = 34, []
    for index, case in enumerate(table.cases):
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 11}" text-anchor="end">{escape(case.name[:38])}</text>')
        for number, subject in enumerate(table.against):
            value = found.get((index, subject))
            if value is None:
                continue
            first, last = sorted((place(1.0), place(value)))
            colour = _COLOURS[number % len(_COLOURS)]
            wide = max(last - first, 1)
            parts.append(
                f'<rect x="{first:.1f}" y="{y}" width="{wide:.1f}" height="{_ROW - 3}" fill="{colour}"/>'
                f'<text x="{last + 4:.1f}" y="{y + 10}" class="n">{value:.2g} ×</text>'
            )
            y += _ROW
        y += _GAP
    legend = "".join(
        f'<rect x="{_LEFT + number * 150}" y="8" width="10" height="10" fill="{_COLOURS[number % len(_COLOURS)]}"/>'
        f'<text x="{_LEFT + number * 150 + 15}" y="17">{escape(subject)}</text>'
        for number, subject in enumerate(table.against)
    )
    ours = (
        f'<line x1="{place(1):.1f}" x2="{place(1):.1f}" y1="26" y2="{y}" stroke="#d0483f" stroke-width="2"/>'
    )
    style = "<style>text{font:12px sans-serif;fill:#333}.n{font-size:11px;fill:#555}</style>"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y + 6}" role="img">{style}'
        f'<rect width="100%" height="100%" fill="#fff"/>{legend}{"".join(parts)}{ours}</svg>\n'
    )
