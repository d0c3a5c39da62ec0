"""The list of the files that runs left; their bytes are kept by ``lamplighter.files``."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from lamplighter.model import RunFile
from lamplighter.store.tables import run_files

# A log gets another name when a later attempt has the newest one.
_MAY_CHANGE = (run_files.c.name, run_files.c.file_type, run_files.c.size, run_files.c.created)

_PATHS = sa.select(run_files.c.path, run_files.c.id).where(run_files.c.run_id == sa.bindparam("the_run"))
_INSERT = run_files.insert()


def replace(
    c: sa.Connection,
    run_id: int,
    files: Sequence[tuple[str, str, int, str]],
    now: datetime,
    *,
    keep: str | None = None,
) -> None:
    """Make the run's list exactly these (name, type, size, path); a path that stays keeps its id.

    What is in the folder ``keep`` stays as it is.
    """
    query = _PATHS
    if keep is not None:
        query = query.where(~run_files.c.path.startswith(f"{keep}/", autoescape=True))
    rows_of_run = c.execute(query, {"the_run": run_id})
    known = {path: file_id for path, file_id in rows_of_run}  # noqa: C416 - rows, not pairs
    rows = [
        {"name": name, "file_type": file_type, "size": size, "created": now, "path": path}
        for name, file_type, size, path in files
    ]
    gone = known.keys() - {row["path"] for row in rows}
    if gone:
        c.execute(
            run_files.delete().where(run_files.c.id == sa.bindparam("key")),
            [{"key": known[path]} for path in gone],
        )
    stays = [row | {"key": known[str(row["path"])]} for row in rows if row["path"] in known]
    if stays:
        c.execute(
            run_files.update()
            .where(run_files.c.id == sa.bindparam("key"))
            .values({c: sa.bindparam(f"new_{c.name}", type_=c.type) for c in _MAY_CHANGE}),
            [{"key": row["key"], **{f"new_{c.name}": row[c.name] for c in _MAY_CHANGE}} for row in stays],
        )
    new = [row | {"run_id": run_id} for row in rows if row["path"] not in known]
    if new:
        c.execute(_INSERT, new)


def replace_exports(
    c: sa.Connection, run_id: int, files: Sequence[tuple[str, str, int, str]], now: datetime
) -> None:
    """Make the exports in the run's list exactly these; its other files stay as they are."""
    c.execute(run_files.delete().where(run_files.c.run_id == run_id, run_files.c.file_type == "Export"))
    if files:
        rows = [
            {
                "run_id": run_id,
                "name": name,
                "file_type": file_type,
                "size": size,
                "created": now,
                "path": path,
            }
            for name, file_type, size, path in files
        ]
        c.execute(_INSERT, rows)


def of_run(c: sa.Connection, run_id: int) -> list[RunFile]:
    """The files of a run in the order in which they were noted."""
    query = sa.select(run_files).where(run_files.c.run_id == run_id).order_by(run_files.c.id)
    return [_file(row) for row in c.execute(query).mappings()]


def get(c: sa.Connection, file_id: int) -> RunFile | None:
    """One file, or None."""
    row = c.execute(sa.select(run_files).where(run_files.c.id == file_id)).mappings().one_or_none()
    return None if row is None else _file(row)


def delete_of_run(c: sa.Connection, run_id: int) -> None:
    """Forget the files of a run."""
    c.execute(run_files.delete().where(run_files.c.run_id == run_id))


def _file(row: sa.RowMapping) -> RunFile:
    return RunFile(
        row["id"], row["run_id"], row["name"], row["file_type"], row["size"], row["created"], row["path"]
    )
