"""``lamplighter run download``: the files of a run, whole or not at all."""

import tempfile
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from lamplighter.cli.output import hint, progress, say, size
from lamplighter.cli.session import AgentWord, RunNumber, connect, the_agent, the_run
from lamplighter.client import Client, Run, RunFile
from lamplighter.errors import Conflict, InvalidInput, NotFound


def download(
    agent: AgentWord,
    run: RunNumber = None,
    file: Annotated[
        list[str] | None,
        typer.Option("--file", metavar="NAME", help="Name or id; may be repeated. All files when not said."),
    ] = None,
    to: Annotated[
        Path, typer.Option(help="Folder to put them into; made when missing.", file_okay=False)
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
) -> None:
    """Download the files of a run."""
    with connect() as client:
        owner = the_agent(client, agent)
        found = the_run(client, owner, run)
        left = client.files(owner["id"], found["id"])
        wanted = [(one, to / _inside(one["name"])) for one in _chosen(left, file, found)]
        there = [str(path) for _, path in wanted if path.exists()]
        if there and not force:
            raise Conflict(f"{', '.join(there)} exists already; --force replaces it, --to puts it elsewhere")
        for one, path in wanted:
            _save(client, found, one, path)
            say(f"{path}  {size(one['fileSize'])}")
    if not left:
        hint(f"Run {found['id']} has no files.")


def _chosen(left: list[RunFile], words: list[str] | None, run: Run) -> list[RunFile]:
    if not words:
        return left
    chosen = []
    for word in words:
        match = next((one for one in left if word in (one["name"], str(one["id"]))), None)
        if match is None:
            names = ", ".join(one["name"] for one in left) or "none"
            raise NotFound(f"run {run['id']} has no file {word!r}; it has: {names}")
        chosen.append(match)
    return chosen


def _inside(name: str) -> PurePosixPath:
    """The name as a path that cannot leave the folder it is put into."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise InvalidInput.of("", f"the file is named {name!r}, which is not inside a folder")
    return path


def _save(client: Client, run: Run, one: RunFile, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".lamplighter-", delete=False) as part:
        temporary = Path(part.name)
        try:
            with progress(one["name"], one["fileSize"]) as bar:
                for block in client.download(run["configId"], run["id"], one["id"]):
                    part.write(block)
                    bar.advance(bar.task_ids[0], len(block))
            part.close()
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
