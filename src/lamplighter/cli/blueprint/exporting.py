"""``lamplighter export``: what a server has, as the text of a file."""

from pathlib import Path

from lamplighter.cli.blueprint.server import Interest, files_of, read_current
from lamplighter.cli.blueprint.writing import document_of, in_folders, inline
from lamplighter.cli.blueprint.yaml_text import write
from lamplighter.client import Client
from lamplighter.client.spaces import Space


def exported(client: Client, only: Space | None, folder: Path | None) -> str:
    """The text of the file; with a ``folder``, the files of agents are written into folders below it."""
    spaces = client.spaces.every() if only is None else [only]
    current = read_current(client, spaces, Interest() if only is None else Interest(pools=()))
    document = document_of(
        current,
        lambda thing: files_of(client, current.agents[thing.key]),
        inline if folder is None else in_folders(folder),
        whole=only is None,
    )
    return write(document)
