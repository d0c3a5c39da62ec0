"""Stopping, killing, and that nothing survives the end of a run."""

import os
import signal
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from test_process_support import AGENTS, PATIENCE, Attempt, ending, until

from lamplighter.runner import fork_server
from lamplighter.runner.process import DeadMansSwitch

FAMILY = AGENTS / "agent_family.py"


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    return Attempt(tmp_path)


@pytest.fixture
def switch(tmp_path: Path) -> DeadMansSwitch:
    return DeadMansSwitch(tmp_path / "alive")


def test_stop_asks_with_sigterm(attempt: Attempt) -> None:
    process = attempt.shell("trap 'exit 7' TERM; touch ready; while :; do sleep 0.01; done")
    attempt.until_ready()
    process.stop()
    assert ending(process).exit_code == 7


def test_stop_reaches_the_whole_group(attempt: Attempt) -> None:
    process = attempt.shell(
        "(trap 'touch told; exit' TERM; touch ready; while :; do sleep 0.01; done); exit 0"
    )
    attempt.until_ready()
    process.stop()
    assert ending(process).signal == signal.SIGTERM
    assert (attempt.work / "told").exists()


def test_stop_wakes_a_suspended_agent(attempt: Attempt) -> None:
    process = attempt.shell("trap 'exit 7' TERM; touch ready; kill -STOP $$; while :; do sleep 0.01; done")
    attempt.until_ready()
    process.stop()
    assert ending(process).exit_code == 7


def test_an_agent_is_asked_once_however_often_stop_is_called(attempt: Attempt) -> None:
    process = attempt.start(sys.executable, AGENTS / "agent_polite.py")
    attempt.until_ready()
    heard = attempt.work / "heard"
    process.stop()
    until(heard.exists, "the agent heard of it")
    process.stop()
    process.stop()
    (attempt.work / "finish").touch()
    assert ending(process).exit_code == 7
    assert heard.read_text() == "SIGTERM\n"


@pytest.mark.parametrize("number", range(10))
def test_a_stop_right_after_the_start_is_not_lost(attempt: Attempt, number: int) -> None:
    process = attempt.start("/bin/sleep", "60")
    process.stop()
    assert ending(process).signal == signal.SIGTERM


@pytest.mark.parametrize("number", range(10))
def test_a_kill_right_after_the_start_is_not_lost(attempt: Attempt, number: int) -> None:
    process = attempt.start("/bin/sleep", "60")
    process.kill()
    assert ending(process).signal == signal.SIGKILL
    assert attempt.survivors() == []


def test_an_agent_that_ignores_sigterm_is_ended_by_kill(attempt: Attempt) -> None:
    process = attempt.shell("trap '' TERM; touch ready; sleep 60; sleep 60")
    attempt.until_ready()
    process.stop()
    process.kill()
    assert ending(process).signal == signal.SIGKILL
    assert attempt.survivors() == []


@pytest.mark.parametrize("wishes", [[], ["deaf"]])
def test_kill_ends_the_whole_family(attempt: Attempt, wishes: list[str]) -> None:
    process = attempt.start(sys.executable, FAMILY, *wishes)
    attempt.until_ready()
    assert len(attempt.survivors()) == 4
    process.kill()
    assert ending(process).signal == signal.SIGKILL
    assert attempt.survivors() == []


def test_stop_ends_the_whole_family(attempt: Attempt) -> None:
    process = attempt.start(sys.executable, FAMILY)
    attempt.until_ready()
    process.stop()
    result = ending(process)
    assert result.signal == signal.SIGTERM
    assert result.leftovers >= 2  # those outside its group are asked only when the agent is gone
    assert attempt.survivors() == []


@pytest.mark.parametrize("wishes", [["exit"], ["exit", "deaf"]])
def test_no_family_survives_an_agent_that_has_ended(attempt: Attempt, wishes: list[str]) -> None:
    result = ending(attempt.start(sys.executable, FAMILY, *wishes))
    assert (result.exit_code, result.leftovers) == (0, 3)
    assert attempt.survivors() == []


def test_a_helper_that_ends_by_itself_is_no_leftover(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = fork_server.SHIM.read_text()
    for short, long in {"BY_THEMSELVES = 0.2": "BY_THEMSELVES = 60", "ASKED = 2.2": "ASKED = 90"}.items():
        assert short in text
        text = text.replace(short, long)
    patient = attempt.dir / "patient.py"
    patient.write_text(text)
    monkeypatch.setattr(fork_server, "SHIM", patient)
    attempt.servers = fork_server.ForkServers()
    assert ending(attempt.shell("mkfifo f; cat f & exec 3>f; exit 0")).leftovers == 0


def test_a_thread_waits_while_another_kills(attempt: Attempt) -> None:
    process = attempt.start("/bin/sleep", "60")
    seen: list[bool] = []
    threads = [threading.Thread(target=lambda: seen.append(process.wait(PATIENCE))) for _ in range(5)]
    for thread in threads:
        thread.start()
    process.kill()
    for thread in threads:
        thread.join()
    assert seen == [True] * 5


def test_stop_and_kill_of_an_ended_run_do_nothing(attempt: Attempt) -> None:
    process = attempt.shell("exit 3")
    ending(process)
    process.stop()
    process.kill()
    assert ending(process).exit_code == 3


def test_a_killed_keeper_takes_the_agent_and_its_group_along(attempt: Attempt) -> None:
    process = attempt.shell("sleep 60 & sleep 60 & touch ready; wait")
    attempt.until_ready()
    os.kill(process.pid, signal.SIGKILL)
    result = ending(process)
    assert result.vanished
    assert result.describe() == "vanished: nobody saw how it ended"
    assert attempt.survivors() == []


def test_kill_ends_the_group_when_the_keeper_is_dead(attempt: Attempt) -> None:
    process = attempt.shell("sleep 60 & touch ready; wait")
    attempt.until_ready()
    os.kill(process.pid, signal.SIGKILL)
    process.kill()
    assert attempt.survivors() == []


def test_kill_wakes_a_suspended_keeper(attempt: Attempt) -> None:
    process = attempt.shell("touch ready; sleep 60")
    attempt.until_ready()
    os.kill(process.pid, signal.SIGSTOP)
    process.kill()
    assert ending(process).signal == signal.SIGKILL
    assert attempt.survivors() == []


def test_a_keeper_killed_before_it_began_is_told(attempt: Attempt) -> None:
    process = attempt.shell("touch ran")
    os.kill(process.pid, signal.SIGKILL)
    result = ending(process)
    assert result.vanished or result.error == "its keeper ended before it began; the log may say why"
    assert attempt.survivors() == []


# --- the silence of the server ---


def test_a_run_goes_on_as_long_as_its_server_is_heard_of(attempt: Attempt, switch: DeadMansSwitch) -> None:
    switch.hold_off(switch.moment(), timedelta(seconds=1))
    process = attempt.shell("touch ready; while [ ! -e finish ]; do sleep 0.01; done; exit 7", switch)
    attempt.until_ready()
    switch.hold_off(switch.moment(), timedelta(hours=1))
    assert not process.wait(2)
    (attempt.work / "finish").touch()
    result = ending(process)
    assert (result.exit_code, result.abandoned) == (7, False)


def test_a_run_is_ended_with_all_it_started_when_its_server_was_silent_for_too_long(
    attempt: Attempt, switch: DeadMansSwitch
) -> None:
    switch.hold_off(switch.moment(), timedelta(hours=1))
    process = attempt.shell("trap '' TERM; setsid sleep 60 & touch ready; wait; sleep 60", switch)
    attempt.until_ready()
    switch.hold_off(switch.moment(), timedelta(seconds=0))
    process.stop()  # whatever wakes the keeper: it looks at once
    result = ending(process)
    assert result.abandoned
    assert result.describe() == "ended because its server was silent for too long"
    assert attempt.survivors() == []
    assert "the server has been silent for too long" in attempt.log()


def test_a_run_that_starts_when_the_server_is_silent_already_is_ended(
    attempt: Attempt, switch: DeadMansSwitch
) -> None:
    switch.hold_off(switch.moment() - 10**9, timedelta(seconds=1))
    assert ending(attempt.shell("sleep 60", switch)).abandoned
    assert attempt.survivors() == []


def test_a_switch_that_is_made_anew_keeps_what_was_said(tmp_path: Path) -> None:
    first = DeadMansSwitch(tmp_path / "alive")
    first.hold_off(5_000_000_000, timedelta(seconds=2.5))
    assert int(DeadMansSwitch(first.path).path.read_text()) == 7_500_000_000


def test_a_run_without_a_time_to_go_by_is_ended(attempt: Attempt, switch: DeadMansSwitch) -> None:
    switch.hold_off(switch.moment(), timedelta(hours=1))
    process = attempt.shell("touch ready; sleep 60", switch)
    attempt.until_ready()
    switch.path.unlink()
    process.stop()
    assert ending(process).signal is not None
    assert attempt.survivors() == []
