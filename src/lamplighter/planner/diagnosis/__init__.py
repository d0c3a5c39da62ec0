"""Why an attempt failed, and what to do about it: a table of rules over one value, ``Symptoms``.

Each rule looks at the symptoms and finds one cause or none. Causes are told before what follows from them (too
few records, a problem that the agent told of), the most certain first, and in the order of the table what is as
certain. What is said when nothing is known is said only then, so there always is an answer.
"""

from lamplighter.planner.diagnosis import answers, code, needs, network, outcomes, process
from lamplighter.planner.diagnosis.symptoms import (
    Change,
    Confidence,
    Failed,
    Finding,
    Kind,
    Page,
    Place,
    ProxySums,
    Raised,
    Rule,
    Symptoms,
    Wall,
)
from lamplighter.planner.diagnosis.words import hosts_in

__all__ = [
    "RULES",
    "Change",
    "Confidence",
    "Failed",
    "Finding",
    "Kind",
    "Page",
    "Place",
    "ProxySums",
    "Raised",
    "Rule",
    "Symptoms",
    "Wall",
    "diagnose",
    "hosts_in",
]

RULES: tuple[Rule, ...] = (
    *needs.RULES,
    *process.RULES,
    *code.RULES,
    *answers.RULES,
    *network.RULES,
    *process.TIME_RULES,
    *outcomes.RULES,
    *process.LAST_RULES,
)
_MOST = 8


def diagnose(symptoms: Symptoms) -> tuple[Finding, ...]:
    """What may have made the attempt fail, what explains it best first; at least one finding, at most eight."""
    found = _seen(symptoms, Kind.CAUSE) + _seen(symptoms, Kind.OUTCOME)
    if all(finding.confidence is Confidence.POSSIBLE for finding in found):
        found += _seen(symptoms, Kind.FALLBACK)[:1]
    found.sort(key=lambda finding: (min(finding.kind, Kind.OUTCOME), finding.confidence))
    return tuple(found[:_MOST])


def _seen(symptoms: Symptoms, kind: Kind) -> list[Finding]:
    clues = [(rule, rule.look(symptoms)) for rule in RULES if rule.kind is kind]
    return [
        Finding(rule.code, kind, clue.confidence, clue.cause, clue.actions, clue.evidence)
        for rule, clue in clues
        if clue is not None
    ]
