"""What the records of runs that ended well were like, for comparing later runs with them.

Runs are comparable when they have the same series: the agent, the schedule (or none, when started by hand), and
which part of a parallel set of which size they are. Good ones are found through an index on it, however many
other runs there are.
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from lamplighter.export.reported import MOST_NAMES, is_kept, numbers_of
from lamplighter.model import GoodRun, RecordStatistics, Run, RunStatus
from lamplighter.store.tables import parallel_sets, run_statistics, runs

_GOOD = (RunStatus.COMPLETED.value, RunStatus.SUCCESS.value)


# What every run asks for is written once: to put a statement together takes longer than to carry it out.
_EXPORTING = (
    sa.select(runs.c.agent_id, runs.c.sequence, parallel_sets.c.schedule_id, parallel_sets.c.size)
    .join(parallel_sets, parallel_sets.c.id == runs.c.set_id)
    .where(runs.c.id == sa.bindparam("the_run"), runs.c.status == RunStatus.EXPORTING.value)
)
_DELETE = run_statistics.delete().where(run_statistics.c.run_id == sa.bindparam("the_run"))
_INSERT = run_statistics.insert()
_COMPARABLE = (
    sa.select(run_statistics, parallel_sets.c.agent_version, runs.c.end_time)
    .join(runs, runs.c.id == run_statistics.c.run_id)
    .join(parallel_sets, parallel_sets.c.id == runs.c.set_id)
    .where(
        run_statistics.c.series == sa.bindparam("the_series"),
        run_statistics.c.run_id != sa.bindparam("the_run"),
        runs.c.status.in_(_GOOD),
    )
    .order_by(run_statistics.c.run_id.desc())
    .limit(sa.bindparam("most"))
)


def keep(c: sa.Connection, run_id: int, statistics: RecordStatistics, stats: Mapping[str, Any]) -> None:
    """Keep what a run was like whose process ended well; what was kept of the same run is replaced.

    ``stats`` is what the agent reported: its numbers are kept. Of fields and stats there are at most 200 each.
    Nothing is kept of a run that is not Exporting, for it failed or was stopped: a schedule may fail for months,
    and its good runs are to be found without passing over all the others.
    """
    run = c.execute(_EXPORTING, {"the_run": run_id}).one_or_none()
    if run is None:
        return
    fullest = sorted(statistics.fields.items(), key=lambda field: (-field[1], field[0]))
    values = {
        "run_id": run_id,
        "series": _series(run.agent_id, run.schedule_id, run.sequence, run.size),
        "count": statistics.count,
        # A name that is too long is left out and not cut: it is looked up again by the whole of it.
        "fields": dict([field for field in fullest if is_kept(field[0])][:MOST_NAMES]),
        "stats": numbers_of(stats),
    }
    c.execute(_DELETE, {"the_run": run_id})
    c.execute(_INSERT, values)


def good_runs(c: sa.Connection, run: Run, limit: int) -> list[GoodRun]:
    """The newest good runs that are comparable with ``run``, newest first; ``run`` itself is none of them."""
    series = _series(run.agent_id, run.schedule_id, run.sequence, run.set_size)
    rows = c.execute(_COMPARABLE, {"the_series": series, "the_run": run.id, "most": limit})
    return [
        GoodRun(
            row["run_id"],
            RecordStatistics(row["count"], row["fields"]),
            row["stats"],
            row["agent_version"],
            row["end_time"],
        )
        for row in rows.mappings()
    ]


def _series(agent_id: int, schedule_id: int | None, sequence: int, size: int) -> str:
    return f"agent {agent_id}, schedule {schedule_id or '-'}, part {sequence} of {size}"
