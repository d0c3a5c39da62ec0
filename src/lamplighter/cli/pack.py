"""From an agent's folder to the zip that is sent: what is in it, and what is left out."""

import fnmatch
import os
import re
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from lamplighter.cli.output import waiting
from lamplighter.errors import InvalidInput

IGNORE_FILE = ".lamplighterignore"
# In the same words as a .lamplighterignore, whose lines come after these and so can take something back in.
_ALWAYS = (
    *(".git/", ".hg/", ".svn/", ".idea/", ".vscode/", ".DS_Store", ".lamplighterignore"),
    *("__pycache__/", "*.pyc", "*.egg-info/", ".venv/", "venv/", ".tox/", ".nox/", "node_modules/"),
    *(".scrapy/", ".mypy_cache/", ".pytest_cache/", ".ruff_cache/"),
)
_IN_MEMORY = 8 * 1024 * 1024


@dataclass(slots=True)
class Bundle:
    """A packed folder: how much is in it, and its zip."""

    content: IO[bytes]
    files: int = 0
    size: int = 0
    left_out: list[str] = field(default_factory=list)

    @property
    def packed(self) -> int:
        """The size of the zip."""
        return self.content.seek(0, os.SEEK_END)

    def reader(self, on_read: Callable[[int], object]) -> IO[bytes]:
        """The zip from its beginning; ``on_read`` is told how much of it was read."""
        self.content.seek(0)
        return cast(IO[bytes], _Watched(self.content, on_read))


class _Watched:
    """A file that tells how it is being read; only what sending it needs."""

    def __init__(self, file: IO[bytes], on_read: Callable[[int], object]) -> None:
        self._file = file
        self._on_read = on_read

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self._on_read(len(block))
        return block

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


@contextmanager
def pack(folder: Path) -> Iterator[Bundle]:
    """The zip of a folder; InvalidInput when nothing is in it."""
    rules = read_rules(folder)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        bundle = Bundle(cast(IO[bytes], file))
        with (
            waiting(f"Packing {folder} …"),
            zipfile.ZipFile(bundle.content, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive,
        ):
            for path in _files(folder, rules, bundle.left_out):
                archive.write(path, path.relative_to(folder))
                bundle.files += 1
                bundle.size += path.stat().st_size
        if bundle.files == 0:
            raise InvalidInput.of("DIR", f"{folder} has no files to deploy")
        yield bundle


def files_in(folder: Path, left_out: list[str]) -> Iterator[Path]:
    """The files of a folder that are an agent's; links that lead nowhere are added to ``left_out``."""
    return _files(folder, read_rules(folder), left_out)


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a folder that would be packed, path → content."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files_in(folder, [])}


def is_left_out(path: str) -> bool:
    """Whether a file of a folder would not be packed unless something takes it back in."""
    rules, place = [rule(line) for line in _ALWAYS], Path(path)
    return is_ignored(place, rules, is_folder=False) or any(
        is_ignored(parent, rules, is_folder=True) for parent in place.parents if parent.name
    )


def said_name(folder: Path) -> str | None:
    """The agent's name in agent.toml. What is wrong with that file is for the server to say."""
    try:
        document = tomllib.loads((folder / "agent.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    section = document.get("agent")
    name = section.get("name") if isinstance(section, dict) else None
    return name if isinstance(name, str) and name.strip() else None


def _files(folder: Path, rules: Sequence["Rule"], left_out: list[str]) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        inside = here.relative_to(folder)
        kept = [name for name in sorted(folders) if not is_ignored(inside / name, rules, is_folder=True)]
        # A link to a folder may lead anywhere, even around in a circle.
        left_out += [str(inside / name) for name in kept if (here / name).is_symlink()]
        folders[:] = kept
        for name in sorted(names):
            if is_ignored(inside / name, rules, is_folder=False):
                continue
            if (here / name).is_file():
                yield here / name
            else:
                left_out.append(str(inside / name))


# --- what is left out ---


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a .lamplighterignore."""

    pattern: re.Pattern[str]
    takes_back: bool
    folders_only: bool


def read_rules(folder: Path) -> list[Rule]:
    """The rules for a folder, ours first."""
    file = folder / IGNORE_FILE
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return [rule(line) for line in (*_ALWAYS, *map(str.strip, lines)) if line and not line.startswith("#")]


def rule(line: str) -> Rule:
    """A line in the manner of .gitignore: ``!`` takes back, a slash ties to the folder, ``**`` is any depth."""
    takes_back = line.startswith("!")
    text = line.removeprefix("!")
    folders_only = text.endswith("/")
    text = text.rstrip("/")
    anchored = "/" in text
    parts = [_part(part) for part in text.removeprefix("/").split("/")]
    expression = "".join(parts).removesuffix("/")
    return Rule(re.compile(expression if anchored else f"(?:.*/)?{expression}"), takes_back, folders_only)


def _part(part: str) -> str:
    if part == "**":
        return "(?:.*/)?"
    inside = fnmatch.translate(part).removeprefix("(?s:").removesuffix(r")\Z")
    return inside.replace(".*", "[^/]*") + "/"


def is_ignored(path: Path, rules: Sequence[Rule], *, is_folder: bool) -> bool:
    """Whether the last rule that fits leaves the path out."""
    text = path.as_posix()
    for one in reversed(rules):
        if (is_folder or not one.folders_only) and one.pattern.fullmatch(text):
            return not one.takes_back
    return False
