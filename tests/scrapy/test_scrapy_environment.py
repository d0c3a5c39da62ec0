"""An environment without Scrapy, or with one that is too old, is told in a sentence."""

import json
import subprocess
import venv
from pathlib import Path

import pytest
from scrapy_child_run import CHILD, environment, spider, write


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment in which nothing is installed."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True, with_pip=False)
    return folder / "bin" / "python"


def run(tmp_path: Path, python: Path) -> tuple[int, str, list[str]]:
    folder = write(tmp_path / "bundle", {"spider.py": spider("pass")})
    done = subprocess.run(
        [python, CHILD],
        cwd=folder,
        env=environment(folder, "test", None, "Info"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    report = json.loads((tmp_path / "bundle.report.json").read_text())
    assert report["final"]
    return done.returncode, done.stderr, report["problems"]


def test_an_environment_without_scrapy(tmp_path: Path, python: Path) -> None:
    told = "Scrapy is not installed in the agent's environment: add it to requirements"
    assert run(tmp_path, python) == (1, f"{told}\n", [told])


def test_a_scrapy_that_is_too_old(tmp_path: Path, python: Path) -> None:
    [packages] = python.parents[1].glob("lib/python*/site-packages")
    write(packages, {"scrapy/__init__.py": "__version__ = '2.11.2'\nversion_info = (2, 11, 2)\n"})
    told = "Scrapy 2.11.2 is too old: 2.13 or newer is needed"
    try:
        assert run(tmp_path, python) == (1, f"{told}\n", [told])
    finally:
        (packages / "scrapy" / "__init__.py").unlink()
        (packages / "scrapy").rmdir()


def test_a_scrapy_that_is_broken_is_told_with_its_exception(tmp_path: Path, python: Path) -> None:
    [packages] = python.parents[1].glob("lib/python*/site-packages")
    write(packages, {"scrapy/__init__.py": "import nowhere_to_be_found\n"})
    try:
        status, log, problems = run(tmp_path, python)
    finally:
        (packages / "scrapy" / "__init__.py").unlink()
        (packages / "scrapy").rmdir()
    told = "Scrapy cannot be imported: ModuleNotFoundError: No module named 'nowhere_to_be_found'"
    assert (status, problems) == (1, [told])
    assert "Traceback" in log
