"""Environments of agents, with the real uv and an index on loopback."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import lamplighter.agent
from lamplighter.runner.environments import EnvironmentAbandoned, EnvironmentFailed, Environments
from package_index import PackageIndex, wheel
from run_processes import is_alive
from running_server import eventually
from small_disk import small_disk

LONG_AGO = timedelta(days=30)
SERVER = """
import sys
from pathlib import Path
from lamplighter.runner.environments import Environments
place = Environments(Path(sys.argv[1])).ready(sys.argv[2:], lambda line: print(line, flush=True), lambda: True)
print("ready", place, flush=True)
"""

# How a package is built that starts a process which does not end by itself.
LEAVES_A_PROCESS = """
def build_wheel(folder, *_):
    import os, subprocess
    child = subprocess.Popen(["sleep", "1000"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open({0!r} + ".part", "w") as file:
        file.write(str(child.pid))
    os.rename({0!r} + ".part", {0!r})
"""


def always() -> bool:
    return True


def silent(_line: str) -> None:
    pass


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    """An index with two packages, which is the only one that uv is told of."""
    for name in os.environ:
        if name.startswith(("UV_", "PIP_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with PackageIndex() as index:
        index.add("lantern", "1.0")
        index.add("lantern", "2.0", needs="wick")
        index.add("wick", "1.5")
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        yield index


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    return Environments(tmp_path / "environments")


def seen_by(place: Path, code: str) -> object:
    """What ``code`` shows in an environment."""
    program = f"import json, sys\nshow = lambda value: print(json.dumps(value))\n{code}"
    told = subprocess.run([place / "bin" / "python", "-c", program], capture_output=True, check=True, cwd="/")
    return json.loads(told.stdout)


def version_in(place: Path) -> object:
    return seen_by(place, "import lantern; show(lantern.version)")


def a_server(folder: Path, *requirements: str) -> "subprocess.Popen[str]":
    """Another process that wants an environment, and prints what it is told."""
    command = [sys.executable, "-c", SERVER, str(folder), *requirements]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1)


def uv_processes(place: Path) -> list[int]:
    """The processes that work on an environment."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.fsencode(place) in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


# -- what is in it -------------------------------------------------------------------------------------------


def test_an_environment_has_what_is_required_and_nothing_of_the_server(
    index: PackageIndex, environments: Environments
) -> None:
    place = environments.ready(["lantern==2.0"], silent, always)
    assert seen_by(place, "import lantern, wick; show([lantern.version, wick.version])") == ["2.0", "1.5"]
    assert seen_by(place, "show(sys.version)") == sys.version
    finder = "from importlib.util import find_spec\n"
    assert seen_by(place, f"{finder}show([find_spec('scrapy'), find_spec('sqlalchemy')])") == [None, None]


def test_lists_that_conflict_have_environments_side_by_side(
    index: PackageIndex, environments: Environments
) -> None:
    old = environments.ready(["lantern==1.0"], silent, always)
    new = environments.ready(["lantern>=2"], silent, always)
    assert (version_in(old), version_in(new)) == ("1.0", "2.0")


def test_order_case_spaces_and_repetition_do_not_make_another_one(
    index: PackageIndex, environments: Environments
) -> None:
    first = environments.ready(["lantern>=1,<3", "wick"], silent, always)
    asked = len(index.asked)
    assert environments.ready(["Wick", "wick ", "Lantern <3, >= 1"], silent, always) == first
    assert len(index.asked) == asked
    assert environments.place(["lantern>=1,<3"]) != first
    assert environments.place(["lantern>=1,<3", "wick; python_version<'3'"]) != first


def test_programs_can_import_the_agent_module_of_the_server_as_it_is_now(
    index: PackageIndex, environments: Environments
) -> None:
    place = environments.ready(["lantern"], silent, always)
    [module] = place.glob("lib/*/site-packages/lamplighter/agent.py")
    module.write_text("made = 'by an older server'")
    assert environments.ready(["lantern"], silent, always) == place
    shown = seen_by(place, "from lamplighter import agent; show([hasattr(agent, 'made'), agent.__doc__])")
    assert shown == [False, lamplighter.agent.__doc__]


def test_the_folder_of_all_of_them_may_be_moved(index: PackageIndex, tmp_path: Path) -> None:
    place = Environments(tmp_path / "here").ready(["lantern==1.0"], silent, always)
    (tmp_path / "here").rename(tmp_path / "there")
    asked = len(index.asked)
    moved = Environments(tmp_path / "there").ready(["lantern==1.0"], silent, always)
    assert (moved.name, len(index.asked)) == (place.name, asked)
    assert version_in(moved) == "1.0"


# -- built once ----------------------------------------------------------------------------------------------


def test_of_two_threads_one_builds_and_the_other_waits_and_says_so(
    index: PackageIndex, environments: Environments
) -> None:
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        if "waiting" in line:
            index.open.set()

    index.open.clear()
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(environments.ready, ["lantern==1.0"], say, always) for _ in range(2)]
        assert both[0].result() == both[1].result()
    assert index.pages_asked("lantern") == 1
    assert len([line for line in lines if "waiting for the environment" in line]) == 1


def test_of_two_processes_one_builds(index: PackageIndex, environments: Environments, tmp_path: Path) -> None:
    index.open.clear()
    with ThreadPoolExecutor(1) as threads:
        building = threads.submit(environments.ready, ["lantern==1.0"], silent, always)
        eventually(lambda: index.asked)
        with a_server(tmp_path / "environments", "lantern==1.0") as other:
            assert other.stdout is not None
            assert "waiting" in other.stdout.readline()
            index.open.set()
            assert other.stdout.read().splitlines()[-1] == f"ready {building.result()}"
    assert index.pages_asked("lantern") == 1


def test_what_uv_prints_is_told_and_kept(index: PackageIndex, environments: Environments) -> None:
    lines: list[str] = []
    place = environments.ready(["lantern==1.0"], lines.append, always)
    assert "built for lantern==1.0" in lines[0]
    assert "uv:  + lantern==1.0" in lines
    assert "ready after" in lines[-1]
    assert " + lantern==1.0\n" in place.with_suffix(".log").read_text()


# -- failures ------------------------------------------------------------------------------------------------


def test_a_failure_says_why_and_leaves_nothing_but_its_log(
    index: PackageIndex, environments: Environments
) -> None:
    with pytest.raises(EnvironmentFailed, match=r"there is no version of lantern==3\.0") as failure:
        environments.ready(["lantern==3.0"], silent, always)
    assert not failure.value.retryable
    place = environments.place(["lantern==3.0"])
    assert not place.exists()
    assert "lantern==3.0" in place.with_suffix(".log").read_text()


def test_what_could_not_be_built_is_built_when_it_can(
    index: PackageIndex, environments: Environments
) -> None:
    with pytest.raises(EnvironmentFailed, match="lamp was not found"):
        environments.ready(["lamp"], silent, always)
    index.add("lamp", "0.1")
    assert environments.ready(["lamp"], silent, always).is_dir()


def test_an_index_that_cannot_be_reached_is_named_without_its_password(
    index: PackageIndex, environments: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://keeper:oil-and-wick@127.0.0.1:9/simple")
    required = ["lantern", "wick @ http://keeper:oil-and-wick@127.0.0.1:9/wick-1.5-py3-none-any.whl"]
    with pytest.raises(EnvironmentFailed, match=r"127\.0\.0\.1:9") as failure:
        environments.ready(required, lines.append, always)
    log = environments.place(required).with_suffix(".log").read_text()
    assert "oil-and-wick" not in "\n".join([str(failure.value), log, *lines])


def test_a_folder_that_cannot_be_written_is_a_clear_failure(index: PackageIndex, tmp_path: Path) -> None:
    (tmp_path / "environments").write_text("a file in the place of the folder")
    with pytest.raises(EnvironmentFailed, match="File exists"):
        Environments(tmp_path / "environments").ready(["lantern"], silent, always)


def test_a_full_disk_is_a_clear_failure_and_leaves_nothing_half_done(
    index: PackageIndex, tmp_path: Path
) -> None:
    index.add("heavy", "1.0", size=2 * 1024**2)
    with small_disk(tmp_path / "environments", mib=1):
        environments = Environments(tmp_path / "environments")
        with pytest.raises(EnvironmentFailed, match="No space left on device"):
            environments.ready(["heavy"], silent, always)
        place = environments.place(["heavy"])
        assert not place.exists()
        assert "No space left" in place.with_suffix(".log").read_text()


# -- stopping and crashing -----------------------------------------------------------------------------------


def test_a_stop_ends_uv_and_leaves_nothing(index: PackageIndex, environments: Environments) -> None:
    index.open.clear()
    with pytest.raises(EnvironmentAbandoned):
        environments.ready(["lantern"], silent, lambda: not index.asked)
    place = environments.place(["lantern"])
    assert not place.exists()
    assert not uv_processes(place)


def test_a_stop_ends_what_a_package_has_started_to_build_itself(
    index: PackageIndex, environments: Environments, tmp_path: Path
) -> None:
    index.add_source(
        "slow", "1.0", backend=LEAVES_A_PROCESS.format(str(tmp_path / "pid")) + "    child.wait()\n"
    )
    with pytest.raises(EnvironmentAbandoned):
        environments.ready(["slow"], silent, lambda: not (tmp_path / "pid").exists())
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_what_a_package_leaves_behind_does_not_outlive_its_build(
    index: PackageIndex, environments: Environments, tmp_path: Path
) -> None:
    built = "loud-1.0-py3-none-any.whl"
    (tmp_path / built).write_bytes(wheel("loud", "1.0"))
    build = f"    os.link({str(tmp_path / built)!r}, os.path.join(folder, {built!r}))\n    return {built!r}\n"
    index.add_source("loud", "1.0", backend=LEAVES_A_PROCESS.format(str(tmp_path / "pid")) + build)
    place = environments.ready(["loud"], silent, always)
    assert seen_by(place, "import loud; show(loud.version)") == "1.0"
    assert not is_alive(int((tmp_path / "pid").read_text()))
    assert environments.ready(["loud"], silent, always) == place


def test_a_stop_while_it_waits_for_another_ends_only_the_waiting(
    index: PackageIndex, environments: Environments
) -> None:
    waits = threading.Event()
    index.open.clear()

    def say(line: str) -> None:
        if "waiting" in line:
            waits.set()

    with ThreadPoolExecutor(1) as threads:
        building = threads.submit(environments.ready, ["lantern"], silent, always)
        eventually(lambda: index.asked)
        with pytest.raises(EnvironmentAbandoned):
            environments.ready(["lantern"], say, lambda: not waits.is_set())
        index.open.set()
        assert building.result().is_dir()


def test_after_a_crash_the_next_server_waits_for_the_uv_that_was_left_and_builds_anew(
    index: PackageIndex, environments: Environments, tmp_path: Path
) -> None:
    index.open.clear()
    place = environments.place(["lantern==1.0"])
    with a_server(tmp_path / "environments", "lantern==1.0") as first:
        eventually(lambda: index.asked)
        first.send_signal(signal.SIGKILL)
    left = uv_processes(place)
    assert left
    waited = []

    def say(line: str) -> None:
        if "waiting" in line:
            waited.append(uv_processes(place))
            index.open.set()

    assert environments.ready(["lantern==1.0"], say, always) == place
    assert waited == [left]
    assert version_in(place) == "1.0"


@pytest.mark.parametrize("lost", ["complete", "bin/python"])
def test_one_that_is_not_whole_is_built_anew(
    index: PackageIndex, environments: Environments, lost: str
) -> None:
    place = environments.ready(["lantern==1.0"], silent, always)
    (place / lost).unlink()
    (place / "left over").touch()
    assert environments.ready(["lantern==1.0"], silent, always) == place
    assert version_in(place) == "1.0"
    assert not (place / "left over").exists()


# -- removing ------------------------------------------------------------------------------------------------


def test_what_was_not_used_for_long_is_removed_unless_runs_are_going_in_it(
    index: PackageIndex, environments: Environments
) -> None:
    now = datetime.now(UTC)
    unused, going, fresh = (
        environments.ready([text], silent, always) for text in ("lantern==1.0", "lantern==2.0", "wick")
    )
    for place in (unused, going):
        os.utime(place / "complete", ((now - 2 * LONG_AGO).timestamp(),) * 2)
    assert environments.remove_unused(LONG_AGO, now, in_use={going}) == [unused]
    assert (unused.exists(), going.exists(), fresh.exists()) == (False, True, True)
    assert seen_by(fresh, "import wick; show(wick.version)") == "1.5"
    assert environments.ready(["lantern==1.0"], silent, always) == unused


def test_using_it_again_keeps_it(index: PackageIndex, environments: Environments) -> None:
    now = datetime.now(UTC)
    place = environments.ready(["wick"], silent, always)
    os.utime(place / "complete", (0, 0))
    environments.ready(["wick"], silent, always)
    assert environments.remove_unused(LONG_AGO, now) == []
    assert place.exists()


def test_what_was_left_half_built_is_removed_but_not_what_is_being_built(
    index: PackageIndex, environments: Environments
) -> None:
    now = datetime.now(UTC)
    left = environments.ready(["wick"], silent, always)
    (left / "complete").unlink()
    index.open.clear()
    asked = len(index.asked)
    with ThreadPoolExecutor(2) as threads:
        building = threads.submit(environments.ready, ["lantern==1.0"], silent, always)
        eventually(lambda: len(index.asked) > asked)
        removing = threads.submit(environments.remove_unused, LONG_AGO, now)
        eventually(lambda: not left.exists())
        index.open.set()
        assert removing.result() == [left]
        assert version_in(building.result()) == "1.0"


def test_there_is_nothing_to_remove_before_anything_was_built(environments: Environments) -> None:
    assert environments.remove_unused(LONG_AGO, datetime.now(UTC)) == []
