"""Every line of fire_times.jsonl: the next five fires, forward and mirrored."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from trigger_helpers import TICK

from lamplighter.errors import InvalidInput
from lamplighter.triggers import (
    CronTrigger,
    IntervalTrigger,
    OnceTrigger,
    Period,
    Trigger,
    count_between,
    next_after,
    previous_before,
)

LINES = (Path(__file__).parents[1] / "data" / "fire_times.jsonl").read_text(encoding="utf-8").splitlines()
VECTORS: list[dict[str, Any]] = [json.loads(line) for line in LINES]
FIRING = [vector for vector in VECTORS if vector["cat"] != "impossible"]
IMPOSSIBLE = [vector for vector in VECTORS if vector["cat"] == "impossible"]


def name(vector: dict[str, Any]) -> str:
    return f"{vector['id']}-{vector['cat']}"


def trigger_of(vector: dict[str, Any]) -> Trigger:
    if vector["kind"] == "CRON":
        return CronTrigger(vector["expression"], vector["tz"])
    anchor = datetime.fromisoformat(vector["anchor"])
    if vector["kind"] == "RUNONCE":
        return OnceTrigger(anchor)
    return IntervalTrigger(vector["every"], Period[vector["period"].upper()], anchor, vector["tz"])


def expected_of(vector: dict[str, Any]) -> list[datetime]:
    return [datetime.fromisoformat(text) for text in vector["expected"]]


@pytest.mark.parametrize("vector", FIRING, ids=name)
def test_the_next_five_fires_are_the_expected_ones(vector: dict[str, Any]) -> None:
    trigger, moment = trigger_of(vector), datetime.fromisoformat(vector["after"])
    found = []
    for _ in range(5):
        fire = next_after(trigger, moment)
        if fire is None:
            break
        found.append(fire)
        moment = fire

    assert found == expected_of(vector)


@pytest.mark.parametrize("vector", [v for v in FIRING if v["expected"]], ids=name)
def test_the_previous_fires_mirror_the_next_ones(vector: dict[str, Any]) -> None:
    trigger, expected = trigger_of(vector), expected_of(vector)
    after = datetime.fromisoformat(vector["after"])

    mirrored = []
    fire = previous_before(trigger, expected[-1] + TICK)
    while fire is not None and fire > after:
        mirrored.append(fire)
        fire = previous_before(trigger, fire)

    assert mirrored[::-1] == expected
    assert count_between(trigger, after + TICK, expected[-1]) == len(expected)


@pytest.mark.parametrize("vector", IMPOSSIBLE, ids=name)
def test_an_expression_that_never_fires_is_refused_when_made(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="no date ever matches"):
        trigger_of(vector)
