"""Moving in from cron and Scrapyd: what is made on a real server, and that importing again doubles nothing."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_support import COMMAND, Cli, Result, write_agent

from nursery_site import Nursery
from running_server import RunningServer

PROJECTS = Path(__file__).parents[1] / "projects"
CRONTAB = """\
MAILTO=ops@example.com
# Says hello.
0 9 * * 1-5 echo "hello from $0"
30 17 * * * echo "hello from $0"
@reboot /opt/start.sh
*/15 * * * * /opt/check.sh
"""


@pytest.fixture
def cli(server: RunningServer) -> Cli:
    return Cli(server.url)


@pytest.fixture
def space(cli: Cli, request: pytest.FixtureRequest) -> str:
    """A space of the test's own."""
    name = str(request.node.name)[:190]
    cli.ok("space", "add", name)
    return name


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "crontab"
    path.write_text(CRONTAB)
    return path


def bring(cli: Cli, file: Path, space: str, *more: str) -> Any:
    return cli.ok(
        "import", "crontab", file, "--timezone", "Europe/Berlin", "--space", space, "--json", *more
    ).json


def outcomes(answer: Any) -> list[tuple[str, str | None, str]]:
    """Agent, schedule, and what became of them, without the ids."""
    return [(one["agent"], one["schedule"], one["outcome"].split(",")[0]) for one in answer["carriedOver"]]


def agents_in(cli: Cli, space: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cli.ok("agent", "list", "--space", space, "--json").json
    return found


def schedules_in(cli: Cli, space: str) -> list[dict[str, Any]]:
    return [
        schedule
        for agent in agents_in(cli, space)
        for schedule in cli.ok("schedule", "list", agent["id"], "--json").json
    ]


# --- crontab ---


def test_a_crontab_becomes_agents_with_schedules(cli: Cli, space: str, file: Path) -> None:
    answer = bring(cli, file, space)
    assert outcomes(answer) == [
        ('echo "hello from $0"', None, "new"),
        ('echo "hello from $0"', "0 9 * * 1-5", "new"),
        ('echo "hello from $0"', "30 17 * * *", "new"),
        ("check.sh", None, "new"),
        ("check.sh", "*/15 * * * *", "new"),
    ]
    assert [one["where"] for one in answer["notCarriedOver"]] == ["line 5", "MAILTO"]
    made = schedules_in(cli, space)
    assert {(one["cronExpression"], one["timezone"], one["isShadow"]) for one in made} == {
        ("0 9 * * 1-5", "Europe/Berlin", False),
        ("30 17 * * *", "Europe/Berlin", False),
        ("*/15 * * * *", "Europe/Berlin", False),
    }
    assert [agent["description"] for agent in agents_in(cli, space)] == [None, "Says hello."]


def test_an_imported_command_runs(cli: Cli, space: str, server: RunningServer, file: Path) -> None:
    agent = bring(cli, file, space)["carriedOver"][0]["agentId"]
    run = server.run(agent)
    assert run["status"] == 9
    assert "hello from command.sh" in server.log(agent, run["id"])


def test_a_rehearsal_tells_the_same_and_does_nothing(cli: Cli, space: str, file: Path) -> None:
    rehearsed = bring(cli, file, space, "--dry-run")
    assert agents_in(cli, space) == []
    assert all(one["nextRunTime"] for one in rehearsed["carriedOver"] if one["schedule"])
    done = bring(cli, file, space)
    assert outcomes(rehearsed) == outcomes(done)
    assert [one["nextRunTime"] for one in rehearsed["carriedOver"]] == [
        one["nextRunTime"] for one in done["carriedOver"]
    ]
    assert rehearsed["notCarriedOver"] == done["notCarriedOver"]


def test_importing_again_changes_nothing(cli: Cli, space: str, file: Path) -> None:
    bring(cli, file, space)
    before = (agents_in(cli, space), schedules_in(cli, space))
    assert {outcome for _, _, outcome in outcomes(bring(cli, file, space))} == {"as it was"}
    assert (agents_in(cli, space), schedules_in(cli, space)) == before


def test_importing_again_brings_what_has_changed_and_keeps_what_was_decided_here(
    cli: Cli, space: str, file: Path
) -> None:
    bring(cli, file, space, "--shadow")
    [hello] = [one for one in agents_in(cli, space) if "hello" in one["name"]]
    cli.ok("schedule", "edit", hello["id"], "0 9", "--no-shadow")
    cli.ok("schedule", "disable", hello["id"], "30 17")
    file.write_text(CRONTAB.replace("*/15 *", "*/20 *"))
    answer = cli.ok(
        "import", "crontab", file, "--tz", "Asia/Tokyo", "--space", space, "--shadow", "--json"
    ).json
    assert outcomes(answer)[1:] == [
        ('echo "hello from $0"', "0 9 * * 1-5", "changed"),
        ('echo "hello from $0"', "30 17 * * *", "changed"),
        ("check.sh", None, "as it was"),
        ("check.sh", "*/20 * * * *", "new"),
    ]
    assert {"where": "check.sh", "what": "has schedules that were not found there: */15 * * * *"} in answer[
        "lookAt"
    ]
    now = {one["name"]: one for one in schedules_in(cli, space)}
    assert {one["timezone"] for one in now.values()} == {"Asia/Tokyo", "Europe/Berlin"}
    assert {name: (one["isShadow"], one["isEnabled"]) for name, one in now.items()} == {
        "0 9 * * 1-5": (False, True),
        "30 17 * * *": (True, False),
        "*/15 * * * *": (True, True),
        "*/20 * * * *": (True, True),
    }


def test_what_people_saved_since_is_not_replaced(cli: Cli, space: str, file: Path, tmp_path: Path) -> None:
    bring(cli, file, space)
    name = 'echo "hello from $0"'
    cli.ok("agent", "deploy", write_agent(tmp_path / "better"), "--name", name, "--space", space)
    answer = bring(cli, file, space)
    assert {"where": name, "what": "was saved by somebody since the import: its files stay"} in answer[
        "lookAt"
    ]
    assert {one["name"]: one["version"] for one in agents_in(cli, space)} == {name: 2, "check.sh": 1}


def test_an_agent_that_only_has_the_same_name_is_left_alone(
    cli: Cli, space: str, file: Path, tmp_path: Path
) -> None:
    cli.ok("agent", "deploy", write_agent(tmp_path / "other"), "--name", "check.sh", "--space", space)
    answer = bring(cli, file, space)
    assert "check.sh" not in [agent for agent, _, _ in outcomes(answer)]
    assert any("was not imported" in one["what"] for one in answer["notCarriedOver"])
    assert len(schedules_in(cli, space)) == 2


def test_the_report_is_for_people_too(cli: Cli, space: str, file: Path) -> None:
    said = cli.ok("import", "crontab", file, "--space", space, "--shadow", TZ="Asia/Tokyo")
    assert ["check.sh", "*/15 * * * *"] in [row[:2] for row in said.rows]
    assert "Not carried over:\n  line 5: @reboot" in said.out
    assert "times: are read in the zone of this machine, Asia/Tokyo" in said.out
    assert said.out.endswith("2 agents and 3 schedules.\n")
    assert "(in shadow)" in said.out
    assert "lamplighter schedule compare" in said.err


def test_a_crontab_may_come_through_a_pipe(cli: Cli, space: str) -> None:
    done = subprocess.run(
        [*COMMAND, "import", "crontab", "-", "--space", space, "--json"],
        env=cli.environment,
        input=CRONTAB.encode(),
        capture_output=True,
        check=True,
    )
    assert len(json.loads(done.stdout)["carriedOver"]) == 5


def test_a_crontab_that_is_not_there_is_an_error(cli: Cli, tmp_path: Path) -> None:
    result = cli("import", "crontab", tmp_path / "nothing")
    assert (result.status, "No such file" in result.err) == (1, True)


# --- Scrapyd ---


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A Scrapy project with two spiders."""
    folder = tmp_path / "classic"
    shutil.copytree(PROJECTS / "classic", folder, ignore=shutil.ignore_patterns("__pycache__"))
    more = "import scrapy\n\n\nclass Empty(scrapy.Spider):\n    name = 'empty'\n"
    (folder / "nursery" / "spiders" / "empty.py").write_text(more)
    return folder


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as running:
        yield running


def scrapyd(cli: Cli, project: Path, space: str, *more: str) -> Result:
    return cli("import", "scrapyd", project, "--space", space, "--json", *more)


def test_every_spider_becomes_an_agent_that_really_runs(
    cli: Cli, space: str, project: Path, server: RunningServer, nursery: Nursery
) -> None:
    answer = scrapyd(cli, project, space).json
    assert outcomes(answer) == [("empty", None, "new"), ("plants", None, "new")]
    assert answer["notCarriedOver"][0]["where"] == "scrapy.cfg"
    agent = answer["carriedOver"][1]["agentId"]
    run = server.run(agent, inputParameters=json.dumps({"site": nursery.url}))
    assert (run["status"], run["dataCount"] > 5) == (9, True), server.log(agent, run["id"])


def test_a_spider_is_saved_again_only_when_its_project_has_changed(
    cli: Cli, space: str, project: Path
) -> None:
    scrapyd(cli, project, space)
    assert {one[2] for one in outcomes(scrapyd(cli, project, space).json)} == {"as it was"}
    with (project / "nursery" / "settings.py").open("a") as settings:
        settings.write("\nLOG_LEVEL = 'INFO'\n")
    assert {one[2] for one in outcomes(scrapyd(cli, project, space, "--dry-run").json)} == {"changed"}
    assert {one[2] for one in outcomes(scrapyd(cli, project, space).json)} == {"version 2"}


def test_spiders_may_be_named_and_get_a_schedule_in_shadow(cli: Cli, space: str, project: Path) -> None:
    more = ("--spider", "plants", "--cron", "0 9 * * *", "--timezone", "Europe/Berlin", "--shadow")
    assert outcomes(scrapyd(cli, project, space, *more).json) == [
        ("plants", None, "new"),
        ("plants", "0 9 * * *", "new"),
    ]
    [made] = schedules_in(cli, space)
    assert (made["isShadow"], made["timezone"]) == (True, "Europe/Berlin")


def test_requirements_are_carried_over_where_an_agent_can_have_them(
    cli: Cli, space: str, project: Path
) -> None:
    (project / "requirements.txt").write_text("scrapy>=2.13  # the framework\n-r more.txt\n\n./local\n")
    answer = scrapyd(cli, project, space).json
    lost = [one["what"] for one in answer["notCarriedOver"] if one["where"] == "requirements.txt"]
    assert lost == ["not a name with versions: -r more.txt", "not a name with versions: ./local"]


def test_a_folder_that_is_no_project_is_refused(cli: Cli, space: str, tmp_path: Path) -> None:
    result = scrapyd(cli, tmp_path, space)
    assert (result.status, "it has no scrapy.cfg" in result.err) == (2, True)


def test_a_project_that_cannot_be_imported_says_why_and_what_helps(
    cli: Cli, space: str, project: Path
) -> None:
    (project / "nursery" / "settings.py").write_text("import something_that_is_not_there\n")
    result = scrapyd(cli, project, space, "--python", sys.executable)
    assert result.status == 2
    assert "No module named 'something_that_is_not_there'" in result.err
    assert "--spider" in result.err


@pytest.mark.parametrize(
    ("wrong", "said"), [(("--cron", "bad"), "use exactly five"), (("--timezone", "Nope/Zone"), "Nope/Zone")]
)
def test_a_wrong_schedule_for_a_project_is_told_before_anything_is_made(
    cli: Cli, space: str, project: Path, wrong: tuple[str, ...], said: str
) -> None:
    given = wrong if wrong[0] == "--cron" else ("--cron", "0 9 * * *", *wrong)
    result = scrapyd(cli, project, space, *given)
    assert result.status == 2
    assert said in result.err
    assert agents_in(cli, space) == []


def test_a_zone_that_is_not_known_is_told_once_and_nothing_is_made(cli: Cli, space: str, file: Path) -> None:
    result = cli("import", "crontab", file, "--space", space, "--timezone", "Nope/Zone")
    assert result.status == 2
    assert result.err.count("Nope/Zone") == 1
    assert agents_in(cli, space) == []
