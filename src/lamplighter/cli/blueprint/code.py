"""The code of agents: what a folder or an entry of the file comes to, and what is wrong with it."""

import io
import tomllib
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from lamplighter.archives import checked_files, files_of_archive, is_clutter
from lamplighter.cli.blueprint.document import AgentEntry
from lamplighter.cli.pack import is_left_out, read_folder
from lamplighter.errors import InvalidInput
from lamplighter.files import content_hash
from lamplighter.manifest import FILE, Manifest, read_manifest


@dataclass(frozen=True, slots=True)
class Code:
    """The code of one agent. ``files`` reads it anew: of many agents, not all are held in memory."""

    hash: str
    manifest: Manifest
    summary: str
    files: Callable[[], Mapping[str, bytes]]

    def bundle(self) -> IO[bytes]:
        """The zip that is sent."""
        return zipped(self.files())


def code_of(entry: AgentEntry, base: Path) -> Code | None:
    """The code of an entry, None when it says nothing of it; InvalidInput tells what is wrong.

    ``base`` is the folder of the file, which other folders are told from.
    """
    inline = entry.inline
    if entry.folder is not None:
        folder = base / Path(entry.folder).expanduser()
        if not folder.is_dir():
            raise InvalidInput.of("folder", f"there is no folder {folder}")
        return _code(lambda: _taken(read_folder(folder)))
    return None if inline is None else _code(lambda: _taken(inline))


def _code(read: Callable[[], Mapping[str, bytes]]) -> Code:
    files = read()
    size = sum(map(len, files.values()))
    summary = f"{len(files)} file{'' if len(files) == 1 else 's'}, {size} bytes"
    return Code(content_hash(files), read_manifest(files, elsewhere=True), summary, read)


def _taken(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Those of the files that a server takes out of an archive."""
    return checked_files({path: content for path, content in files.items() if not is_clutter(path)})


def said_description(files: Mapping[str, bytes]) -> str | None:
    """The description in agent.toml, which may be one that would not be taken any more."""
    try:
        section = tomllib.loads(files.get(FILE, b"").decode()).get("agent", {})
    except (ValueError, RecursionError):
        return None
    said = section.get("description") if isinstance(section, dict) else None
    return said if isinstance(said, str) and said else None


def zipped(files: Mapping[str, bytes]) -> IO[bytes]:
    """Files as a zip."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    content.seek(0)
    return content


def unzipped(bundle: bytes) -> dict[str, bytes]:
    """The files of a bundle that a server sent, which may be any server."""
    return files_of_archive("the bundle", io.BytesIO(bundle))


def can_be_folder(files: Mapping[str, bytes]) -> bool:
    """Whether files that are written into a folder are all of what would be packed from there."""
    return not any(is_left_out(path) for path in files)


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a bundle into a folder, which is made."""
    for path, content in files.items():
        place = folder / PurePosixPath(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
