"""What of a folder is deployed."""

import zipfile
from pathlib import Path

import pytest

from lamplighter.cli.pack import pack, said_name
from lamplighter.errors import InvalidInput


def write(folder: Path, *names: str, ignore: str = "") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    if ignore:
        (folder / ".lamplighterignore").write_text(ignore)


def packed(folder: Path) -> list[str]:
    with pack(folder) as bundle:
        bundle.content.seek(0)
        with zipfile.ZipFile(bundle.content) as archive:
            return sorted(archive.namelist())


def test_what_is_made_by_tools_is_left_out(tmp_path: Path) -> None:
    write(
        tmp_path, "main.py", "pkg/a.py", ".git/config", "pkg/__pycache__/a.pyc", ".venv/bin/python", "old.pyc"
    )
    write(tmp_path, ".scrapy/cache", "web/node_modules/x.js", "shop.egg-info/PKG-INFO", ".env")
    assert packed(tmp_path) == [".env", "main.py", "pkg/a.py"]


@pytest.mark.parametrize(
    ("ignore", "left"),
    [
        ("*.csv", ["a.py", "data/keep.txt", "data/sub/b.py"]),
        ("data/", ["a.csv", "a.py"]),
        ("/a.*", ["data/a.csv", "data/keep.txt", "data/sub/b.py"]),
        ("data/*.csv", ["a.csv", "a.py", "data/keep.txt", "data/sub/b.py"]),
        ("**/sub/", ["a.csv", "a.py", "data/a.csv", "data/keep.txt"]),
        ("data/**/b.py", ["a.csv", "a.py", "data/a.csv", "data/keep.txt"]),
        ("# a comment\n\n*.csv\n!data/a.csv", ["a.py", "data/a.csv", "data/keep.txt", "data/sub/b.py"]),
        ("?.py", ["a.csv", "data/a.csv", "data/keep.txt"]),
    ],
)
def test_an_ignore_file_is_read_like_a_gitignore(tmp_path: Path, ignore: str, left: list[str]) -> None:
    write(tmp_path, "a.py", "a.csv", "data/a.csv", "data/keep.txt", "data/sub/b.py", ignore=ignore)
    assert packed(tmp_path) == left


def test_an_ignore_file_can_take_back_what_is_usually_left_out(tmp_path: Path) -> None:
    write(tmp_path, "main.py", ".scrapy/cache", ignore="!.scrapy/")
    assert packed(tmp_path) == [".scrapy/cache", "main.py"]


def test_links_to_folders_are_left_out_and_named(tmp_path: Path) -> None:
    write(tmp_path, "main.py")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    with pack(tmp_path) as bundle:
        assert (bundle.files, sorted(bundle.left_out)) == (1, ["broken", "loop"])


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no files"), pack(tmp_path):
        pass


@pytest.mark.parametrize(
    ("toml", "name"), [('[agent]\nname = "x"', "x"), ("[agent]\nname = 3", None), ("[[[", None)]
)
def test_the_name_is_read_from_the_manifest_if_it_can_be(tmp_path: Path, toml: str, name: str | None) -> None:
    (tmp_path / "agent.toml").write_text(toml)
    assert said_name(tmp_path) == name
