"""ARCHITECTURE.md tells the truth about the code."""

import re
from pathlib import Path

import lamplighter
from lamplighter.model import TRANSITIONS, RunStatus

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "ARCHITECTURE.md").read_text()


def test_it_lists_every_module_and_no_other() -> None:
    package = Path(lamplighter.__file__).parent
    modules = {
        f"lamplighter.{path.stem}"
        for path in package.iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    }
    assert set(re.findall(r"^\| `(lamplighter\.\w+)`", PAGE, re.MULTILINE)) == modules


def test_it_draws_every_transition_and_no_other() -> None:
    drawn = set(re.findall(r"^    (\S+) --> (\w+)", PAGE, re.MULTILINE))
    known = {
        ("[*]" if old is None else old.name.capitalize(), new.name.capitalize())
        for old, news in TRANSITIONS.items()
        for new in news
    }
    assert drawn == known


def test_every_status_but_invalid_is_reached() -> None:
    reached = {new for news in TRANSITIONS.values() for new in news}
    assert reached == set(RunStatus) - {RunStatus.INVALID}


def test_the_files_that_it_sends_people_to_exist() -> None:
    package = ROOT / "src" / "lamplighter"
    table = PAGE.split("## To change X, edit Y")[1].split("## Threads")[0]
    for name in re.findall(r"`([\w/*.<>]+\.(?:py|md|jsonl))`", table):
        pattern = name.replace("<noun>", "*")
        assert list(ROOT.glob(pattern)) or list(package.glob(pattern)), name
