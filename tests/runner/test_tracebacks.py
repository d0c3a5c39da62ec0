"""Exceptions that are read from the end of a log."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lamplighter.runner.tracebacks import last_exceptions, short_name, source_lines


def log_of(program: str, folder: Path) -> str:
    """What a program in the folder prints when it fails."""
    (folder / "main.py").write_text(program)
    ended = subprocess.run(
        [sys.executable, "main.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    return ended.stdout + ended.stderr


def test_an_exception_that_ended_a_program_is_found_with_its_frames(tmp_path: Path) -> None:
    log = log_of(
        "def parse(text):\n    return int(text)\n\nprint('begun')\nparse('n/a')\n",
        tmp_path,
    )
    [found] = last_exceptions(log)
    assert found["type"] == "ValueError"
    assert found["message"] == "invalid literal for int() with base 10: 'n/a'"
    assert [(f["line"], f["function"]) for f in found["traceback"]] == [(2, "parse"), (5, "<module>")]
    assert found["traceback"][0]["source"] == [[2, "return int(text)"]]


def test_of_several_the_last_one_is_meant(tmp_path: Path) -> None:
    program = (
        "import traceback\n"
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    traceback.print_exc()\n"
        "raise KeyError('price')\n"
    )
    [found] = last_exceptions(log_of(program, tmp_path) + "2026-01-05 12:00:00 [lamplighter] exit status 1\n")
    assert (found["type"], found["message"]) == ("KeyError", "'price'")


@pytest.mark.parametrize("cause", ["from problem", ""])
def test_what_an_exception_came_from_follows_it(tmp_path: Path, cause: str) -> None:
    program = (
        "try:\n    {}['price']\nexcept KeyError as problem:\n"
        f"    raise ValueError('no price\\nin two lines') {cause}\n"
    )
    found = last_exceptions(log_of(program, tmp_path))
    assert [e["type"] for e in found] == ["ValueError", "KeyError"]
    assert found[1]["traceback"][0]["line"] == 2


def test_a_program_that_cannot_be_read_is_an_exception_of_its_line(tmp_path: Path) -> None:
    [found] = last_exceptions("begun\n" + log_of("x = 1\nx = (\n", tmp_path))
    assert (found["type"], found["message"]) == ("SyntaxError", "'(' was never closed")
    assert [(Path(f["file"]).name, f["line"]) for f in found["traceback"]] == [("main.py", 2)]


def test_a_module_that_cannot_be_read_keeps_who_imports_it(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("x = (\n")
    [found] = last_exceptions(log_of("import shop\n", tmp_path))
    assert [Path(f["file"]).name for f in found["traceback"]] == ["shop.py", "main.py"]


def test_two_failures_one_after_the_other_do_not_cause_each_other(tmp_path: Path) -> None:
    log = log_of("raise KeyError('a')\n", tmp_path) + log_of("raise ValueError('b')\n", tmp_path)
    assert [e["type"] for e in last_exceptions(log)] == ["ValueError"]


def test_an_exception_of_a_library_keeps_its_full_name(tmp_path: Path) -> None:
    [found] = last_exceptions(log_of("import json\njson.loads('{')\n", tmp_path))
    assert found["type"] == "json.decoder.JSONDecodeError"
    assert found["traceback"][-1]["file"].endswith("main.py")


def test_a_syntax_error_is_shown_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("x = 1\ndef (:\n")
    [found] = last_exceptions(log_of("import broken\n", tmp_path))
    assert found["type"] == "SyntaxError"
    assert found["traceback"][0]["line"] == 2


def test_endless_recursion_is_one_exception(tmp_path: Path) -> None:
    [found] = last_exceptions(log_of("def f():\n    f()\n\nf()\n", tmp_path))
    assert found["type"] == "RecursionError"


def test_of_a_group_the_last_exception_is_shown(tmp_path: Path) -> None:
    program = (
        "def fail(n):\n    raise ValueError(n)\n\n"
        "found = []\nfor n in range(2):\n    try:\n        fail(n)\n"
        "    except ValueError as problem:\n        found.append(problem)\n"
        "raise ExceptionGroup('all of them', found)\n"
    )
    [found] = last_exceptions(log_of(program, tmp_path))
    assert (found["type"], found["message"]) == ("ValueError", "1")
    assert found["traceback"][0]["function"] == "fail"


@pytest.mark.parametrize(
    "log",
    [
        "",
        "all is well\n",
        "Traceback (most recent call last):\n",
        'Traceback (most recent call last):\n  File "main.py", line 3, in f\n    cut off',
        "goroutine 1 [running]:\nmain.main()\n\t/tmp/main.go:4 +0x1d\n",
        "During handling of the above exception, another exception occurred:\n",
        'Traceback (most recent call last):\n  File "main.py", line many, in f\n!!!\n',
    ],
)
def test_what_is_no_traceback_is_none(log: str) -> None:
    assert last_exceptions(log) == []


def test_a_log_full_of_headers_is_read_quickly_and_has_no_exception() -> None:
    assert last_exceptions("Traceback (most recent call last):\n" * 20_000) == []


# --- source lines ---


def test_the_lines_around_are_shown(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("".join(f"line {n}\n" for n in range(1, 21)))
    assert source_lines(tmp_path, "main.py", 10) == [[n, f"line {n}"] for n in range(7, 14)]
    assert source_lines(tmp_path, str(tmp_path / "main.py"), 1) == [[n, f"line {n}"] for n in range(1, 5)]


def test_nothing_outside_of_the_folder_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.py"
    secret.write_text("PASSWORD = 'x'\n")
    work = tmp_path / "work"
    work.mkdir()
    (work / "link.py").symlink_to(secret)
    (work / "folder").symlink_to(tmp_path)
    for file in (
        str(secret),
        "../secret.py",
        "x/../../secret.py",
        "link.py",
        "folder/secret.py",
        "/etc/passwd",
    ):
        assert source_lines(work, file, 1) == [], file


def test_a_working_folder_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "main.py").write_text("secret\n")
    (tmp_path / "work").symlink_to(tmp_path / "elsewhere")
    assert source_lines(tmp_path / "work", "main.py", 1) == []


@pytest.mark.parametrize("file", ["gone.py", "a\0b.py", "x" * 5000 + ".py", "loop.py", "pipe.py", ".env", ""])
def test_what_is_no_source_file_has_no_lines(tmp_path: Path, file: str) -> None:
    (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / ".env").write_text("SECRET=1\n")
    assert source_lines(tmp_path, file, 1) == []


@pytest.mark.parametrize("line", [0, -1, 3, 10**18])
def test_a_line_that_is_not_there_has_no_neighbours(tmp_path: Path, line: int) -> None:
    (tmp_path / "main.py").write_text("one\ntwo")
    assert source_lines(tmp_path, "main.py", line) == []


def test_an_agents_own_file_is_named_by_its_place_in_the_folder(tmp_path: Path) -> None:
    assert short_name(tmp_path, str(tmp_path / "shop" / "spider.py")) == "shop/spider.py"
    assert short_name(tmp_path, "main.py") == "main.py"
    assert short_name(tmp_path, "/usr/lib/python3/json/decoder.py") == "/usr/lib/python3/json/decoder.py"
    assert short_name(tmp_path, "<string>") == "<string>"
