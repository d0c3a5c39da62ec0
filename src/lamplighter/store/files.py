"""The list of the files that runs left; their bytes are kept by ``lamplighter.files``."""

from datetime import datetime

import sqlalchemy as sa

from lamplighter.model import RunFile
from lamplighter.store.tables import run_files


def replace(c: sa.Connection, run_id: int, files: list[tuple[str, str, int, str]], now: datetime) -> None:
    """Make the run's list exactly these (name, type, size, path); a path that stays keeps its id."""
    paths = [path for _, _, _, path in files]
    c.execute(run_files.delete().where(run_files.c.run_id == run_id, run_files.c.path.not_in(paths)))
    known = set(c.execute(sa.select(run_files.c.path).where(run_files.c.run_id == run_id)).scalars())
    for name, file_type, size, path in files:
        values = {"name": name, "file_type": file_type, "size": size, "created": now}
        if path in known:
            c.execute(
                run_files.update()
                .where(run_files.c.run_id == run_id, run_files.c.path == path)
                .values(values)
            )
        else:
            c.execute(run_files.insert().values(run_id=run_id, path=path, **values))


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
