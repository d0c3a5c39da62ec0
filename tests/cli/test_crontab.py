"""Crontabs as people have them, and what becomes of their lines."""

import string
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.cli.move_in.crontab import read_crontab, read_jobs
from lamplighter.cli.move_in.wanted import Found, WantedAgent
from lamplighter.triggers import parse_cron

REAL = r"""# Edit this file to introduce tasks to be run by cron.
#
# m h  dom mon dow   command
SHELL=/bin/bash
MAILTO="ops@example.com"
PATH=/usr/local/bin:/usr/bin:/bin
SHOP_TOKEN='a b"c'

# Prices of the big shop,
# every weekday.
0 9 * * 1-5  cd /srv/shop && /usr/bin/scrapy crawl books -a pages=3 >> /var/log/books.log 2>&1
30 17 * * MON-FRI	cd /srv/shop && /usr/bin/scrapy crawl books -a pages=3 >> /var/log/books.log 2>&1
#*/5 * * * * /old/thing
*/7 * * * * /opt/check.sh
@daily /opt/backup.sh --to "$HOME/backup-$(date +\%F).tar"
@reboot /opt/start.sh
59 23 31 12 * mail -s "it's 5\% off" team%Dear team,%%happy new year
CRON_TZ=Asia/Tokyo
0 9 * * * /opt/tokyo.sh
RANDOM_DELAY=10
15 6 * * sun,wed /opt/spread.sh
0 0 30 2 * /opt/never.sh
0~30 * * * * /opt/somewhen.sh
61 * * * * /opt/wrong.sh
nonsense
"""


def read(text: str, timezone: str = "Europe/Berlin", *, has_users: bool = False) -> Found:
    return read_crontab(text, source="crontab", timezone=timezone, has_users=has_users)


def script(agent: WantedAgent) -> str:
    return agent.files["command.sh"].decode()


def told(found: Found, *, lost: bool) -> dict[str, str]:
    return {note.where: note.what for note in found.notes if note.is_lost is lost}


@pytest.fixture(scope="module")
def real() -> Found:
    return read(REAL)


def agent_of(found: Found, name: str) -> WantedAgent:
    return next(agent for agent in found.agents if agent.name == name)


def test_every_command_becomes_an_agent_and_every_line_a_schedule(real: Found) -> None:
    assert {agent.name: [s.name for s in agent.schedules] for agent in real.agents} == {
        "scrapy crawl books -a pages=3": ["0 9 * * 1-5", "30 17 * * MON-FRI"],
        "check.sh": ["*/7 * * * *"],
        'backup.sh --to "$HOME/backup-$(date +%F).tar"': ["@daily"],
        'mail -s "it\'s 5% off" team': ["59 23 31 12 *"],
        "tokyo.sh": ["0 9 * * *, Asia/Tokyo"],
        "spread.sh": ["15 6 * * sun,wed, Asia/Tokyo"],
    }


def test_comments_right_above_a_line_describe_it(real: Found) -> None:
    assert (
        agent_of(real, "scrapy crawl books -a pages=3").description
        == "Prices of the big shop, every weekday."
    )
    assert agent_of(real, "check.sh").description is None


def test_times_are_those_of_the_machine_unless_the_crontab_says_another_zone(real: Found) -> None:
    assert agent_of(real, "check.sh").schedules[0].body == {
        "cronExpression": "*/7 * * * *",
        "timezone": "Europe/Berlin",
    }
    assert agent_of(real, "tokyo.sh").schedules[0].body["timezone"] == "Asia/Tokyo"


def test_a_random_delay_becomes_jitter(real: Found) -> None:
    assert agent_of(real, "spread.sh").schedules[0].body["jitterSeconds"] == 600
    assert "jitterSeconds" not in agent_of(real, "tokyo.sh").schedules[0].body


def test_a_command_has_the_shell_the_variables_and_the_folder_that_cron_gave_it(real: Found) -> None:
    agent = agent_of(real, "check.sh")
    assert agent.files["agent.toml"] == b'[agent]\nrun = ["/bin/bash", "command.sh"]\n'
    assert script(agent).splitlines()[1:] == [
        "export PATH=/usr/local/bin:/usr/bin:/bin",
        "export SHOP_TOKEN='a b\"c'",
        'cd "${HOME:-/}" || exit',
        "/opt/check.sh",
    ]


def test_what_follows_a_percent_sign_is_the_input_of_the_command(real: Found) -> None:
    agent = agent_of(real, 'mail -s "it\'s 5% off" team')
    assert agent.files["input.txt"] == b"Dear team,\n\nhappy new year\n"
    assert "exec < input.txt" in script(agent)
    assert script(agent).endswith('mail -s "it\'s 5% off" team\n')


def test_what_cannot_be_carried_over_is_said_with_its_line(real: Found) -> None:
    lost = told(real, lost=True)
    number = {line.split()[-1]: f"line {n}" for n, line in enumerate(REAL.splitlines(), 1) if line}
    assert "when the machine starts" in lost[number["/opt/start.sh"]]
    assert "never" in lost[number["/opt/never.sh"]]
    assert "0~30" in lost[number["/opt/somewhen.sh"]]
    assert "61" in lost[number["/opt/wrong.sh"]]
    assert "not five fields and a command" in lost[number["nonsense"]]
    assert "ops@example.com" in lost["MAILTO"]
    assert len(lost) == 6


def test_what_is_carried_over_with_a_difference_is_said(real: Found) -> None:
    notes = [(note.where, note.what) for note in real.notes if not note.is_lost]
    assert ("line 14", "*/7 is due at minute 0, 7 … 56 and then at 0 again, as with cron") in notes
    assert any("crawls the spider books" in what for _, what in notes)
    assert [where for where, what in notes if "stands in command.sh" in what] == ["SHOP_TOKEN"]


def test_a_crontab_of_the_system_names_users() -> None:
    found = read(
        "17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly\n@weekly www-data /bin/x\n* * * * * y\n",
        has_users=True,
    )
    assert [agent.name for agent in found.agents] == ["run-parts --report /etc/cron.hourly", "x"]
    assert told(found, lost=False)["line 2"] == "ran as www-data; here it runs as the user of the server"
    assert "five fields, a user and a command" in told(found, lost=True)["line 3"]


def test_the_same_line_twice_is_one_schedule_and_a_note() -> None:
    found = read("0 9 * * * x\n0  9 * * *   x\n")
    assert [len(agent.schedules) for agent in found.agents] == [1]
    assert "the same as a line above" in told(found, lost=True)["line 2"]


def test_commands_that_are_named_alike_are_told_apart_whatever_else_is_in_the_crontab() -> None:
    first, second = "0 9 * * * /a/run.sh\n", "0 9 * * * /b/run.sh\n"
    names = {agent.name for agent in read(first + second).agents}
    assert len(names) == 2
    assert names == {agent.name for agent in read(second + "0 5 * * * z\n" + first).agents} - {"z"}


def test_a_long_command_has_a_short_name() -> None:
    [agent] = read("0 9 * * * echo " + "x" * 200).agents
    assert len(agent.name) == 60


@pytest.mark.parametrize(
    ("line", "expression"),
    [
        ("@every_minute x", "* * * * *"),
        ("-0 9 * * * x", "0 9 * * *"),
        ("@hourly x", "@hourly"),
        ("0 9 * * 7 x\r", "0 9 * * 7"),
    ],
)
def test_lines_of_other_crons_are_read(line: str, expression: str) -> None:
    [agent] = read(line).agents
    assert agent.schedules[0].body["cronExpression"] == expression


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("@300 x", "@300"),
        ("H * * * * x", "random"),
        ("CRON_TZ=Mars/Base\n0 9 * * * x", "Mars/Base"),
        ("*/90 * * * * x", "90"),
    ],
)
def test_a_line_that_cannot_be_had_says_why(line: str, why: str) -> None:
    found = read(line)
    assert found.agents == []
    assert why in found.notes[0].what


def test_a_script_does_what_cron_did(tmp_path: Path) -> None:
    [agent] = read('GREETING=it\'s me\n0 9 * * * printf \'\\%s:\' "$GREETING" "$PWD"; cat%one%two\n').agents
    for name, content in agent.files.items():
        (tmp_path / name).write_bytes(content)
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        ["/bin/sh", "command.sh"],
        cwd=tmp_path,
        env={"HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"it's me:{home}:one\ntwo\n"


minutes = st.integers(0, 59).map(str)
fields = st.tuples(minutes, st.integers(0, 23).map(str), st.just("*"), st.just("*"), st.just("*")).map(
    " ".join
)
commands = st.text(
    string.ascii_letters + string.digits + " ./$\"'\\&|;<>%#-", min_size=1, max_size=40
).filter(lambda text: text.strip())


def escaped(command: str) -> str:
    return command.replace("%", "\\%")


@given(st.lists(st.tuples(fields, commands), max_size=8))
def test_commands_are_carried_over_to_the_letter(lines: list[tuple[str, str]]) -> None:
    # A backslash before a percent sign is cron's own sign.
    lines = [(fields, command.replace("\\", "/").strip()) for fields, command in lines]
    text = "\n".join(f"{fields} {escaped(command)}" for fields, command in lines)
    jobs = read_jobs(text, Found("crontab"), has_users=False)
    assert [(job.expression, job.command, job.given) for job in jobs] == [
        (expression, command, None) for expression, command in lines
    ]


@given(st.text(max_size=200))
def test_whatever_is_in_the_file_every_line_is_a_job_a_variable_a_comment_or_noted(text: str) -> None:
    found = read(text)
    for agent in found.agents:
        assert agent.name.strip()
        assert len(agent.name) <= 70
        for schedule in agent.schedules:
            parse_cron(str(schedule.body["cronExpression"]))
