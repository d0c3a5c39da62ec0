"""What is under deploy/ fits the product: metrics exist, commands and variables are known, files can be read."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from lamplighter.cli.app import app
from running_server import RunningServer

DEPLOY = Path(__file__).parents[2] / "deploy"
OPERATIONS = (DEPLOY.parent / "docs" / "operations.md").read_text()
ONLY_WITH_A_BROKER = {"lamplighter_broker_unseen_seconds"}


@pytest.fixture(scope="module")
def metrics(server: RunningServer) -> set[str]:
    text = server.http.get(f"{server.url}/metrics").text
    names = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))
    names |= {f"{name}_bucket" for name in re.findall(r"^# TYPE (\S+) histogram", text, re.MULTILINE)}
    return names | ONLY_WITH_A_BROKER


def metrics_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:lamplighter|process)_\w+", expression))


def test_the_dashboard_asks_for_metrics_that_there_are(metrics: set[str]) -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "lamplighter.json").read_text())
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in metrics_in(target["expr"])
    }
    assert len(asked) > 15
    assert asked <= metrics
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)


def test_alerts_ask_for_metrics_that_there_are_and_say_what_is_wrong(metrics: set[str]) -> None:
    [group] = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]:
        found = metrics_in(rule["expr"])
        assert found, rule["alert"]
        assert found <= metrics, rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"].keys() == {"summary", "description"}


def _documents() -> list[Any]:
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    return [compose, *yaml.safe_load_all((DEPLOY / "kubernetes" / "lamplighter.yaml").read_text())]


def _commands(value: Any) -> list[list[str]]:
    """All lists of arguments in a document that begin with a command of ours."""
    if isinstance(value, dict):
        return [found for inner in value.values() for found in _commands(inner)]
    if isinstance(value, list):
        if value and value[0] in ("up", "worker"):
            return [[str(word) for word in value]]
        return [found for inner in value for found in _commands(inner)]
    return []


def test_commands_have_the_options_that_are_given() -> None:
    given = [found for document in _documents() for found in _commands(document)]
    for unit in (DEPLOY / "systemd").glob("*.service"):
        [line] = re.findall(r"^ExecStart=\S+/lamplighter (.+)$", unit.read_text(), re.MULTILINE)
        given.append(line.split())
    assert len(given) == 6
    commands = get_command(app).commands  # type: ignore[attr-defined]  # it is a group
    for command, *words in given:
        known = {option for parameter in commands[command].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known


def test_variables_are_those_that_operations_describe() -> None:
    for file in (path for path in DEPLOY.rglob("*") if path.is_file()):
        for name in re.findall(r"\bLAMPLIGHTER_[A-Z_]+", file.read_text()):
            assert f"`{name}`" in OPERATIONS, (file, name)
