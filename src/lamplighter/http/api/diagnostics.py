"""Routes that say why runs failed, and what to do about it."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from lamplighter.http.api.access import AgentId, Caller, RunId, Use, problems
from lamplighter.http.api.shapes import Shape, Time, example
from lamplighter.service.diagnostics import Diagnosis

router = APIRouter(tags=["analytics"])
# Of the example.
_CAUSE = (
    "The site turns robots away: 2 of 3 requests to shop.example were answered with 403; the page is"
    " a Cloudflare challenge"
)
_ACTION = (
    "Look at the page that was kept: `lamplighter run download books 5 --file evidence/failing-page.html`"
)
_OUTCOME = "There are too few records: 0 records, at least 1 wanted"
_OTHER_ACTION = "See what was extracted: `lamplighter run records books 5`"


class StatsShape(Shape):
    """What the run did, in numbers."""

    data_count: int
    input_count: int
    error_count: int
    page_count: int
    export_count: int
    traffic: int = Field(description="Bytes")


class FindingShape(Shape):
    """One possible cause, with what it rests on."""

    code: str = Field(description="A stable word for the cause", examples=["blocked.wall"])
    kind: str = Field(
        description="cause, outcome (which follows from causes) or fallback", examples=["cause"]
    )
    confidence: str = Field(description="certain, likely or possible", examples=["certain"])
    cause: str
    actions: list[str]
    evidence: list[str] = Field(description="The facts that it rests on")


class DiagnosisShape(Shape):
    """Why a run failed, and what to do about it."""

    model_config = example(
        runId=5,
        agentId=1,
        agentName="books",
        status=6,
        errorMessage="min_records: 0 records, at least 1 wanted; 0 records, 3 pages",
        startTime="2026-11-25T21:11:15.106Z",
        endTime="2026-11-25T21:11:17.201Z",
        runtimeSeconds=2,
        stats={
            "dataCount": 0,
            "inputCount": 1,
            "errorCount": 0,
            "pageCount": 3,
            "exportCount": 0,
            "traffic": 5120,
        },
        possibleCauses=[_CAUSE, _OUTCOME],
        suggestedActions=[_ACTION, _OTHER_ACTION],
        attempt=1,
        findings=[
            {
                "code": "blocked.wall",
                "kind": "cause",
                "confidence": "certain",
                "cause": _CAUSE,
                "actions": [_ACTION],
                "evidence": ["shop.example: a Cloudflare challenge, status 403, 2 seen"],
            },
            {
                "code": "records.min",
                "kind": "outcome",
                "confidence": "certain",
                "cause": _OUTCOME,
                "actions": [_OTHER_ACTION],
                "evidence": ["min_records: 0 records, at least 1 wanted; 0 records, 3 pages"],
            },
        ],
    )

    run_id: int
    agent_id: int
    agent_name: str
    status: int
    error_message: str | None
    start_time: Time | None
    end_time: Time | None
    runtime_seconds: int
    stats: StatsShape
    possible_causes: list[str] = Field(description="What explains it best comes first")
    suggested_actions: list[str]
    attempt: int
    findings: list[FindingShape] = Field(description="The causes one by one, in the same order")

    @classmethod
    def of(cls, found: Diagnosis) -> "DiagnosisShape":
        """The answer for a diagnosis."""
        run, counters = found.run, found.run.counters
        took = run.end_time - run.start_time if run.end_time and run.start_time else timedelta()
        return cls(
            run_id=run.id,
            agent_id=run.agent_id,
            agent_name=run.agent_name,
            status=run.status.value,
            error_message=found.message or None,
            start_time=run.start_time,
            end_time=run.end_time,
            runtime_seconds=int(took.total_seconds()),
            stats=StatsShape(
                data_count=counters.data_count,
                input_count=counters.input_count,
                error_count=counters.error_count,
                page_count=counters.page_count,
                export_count=counters.export_count,
                traffic=counters.traffic,
            ),
            possible_causes=[finding.cause for finding in found.findings],
            suggested_actions=found.actions,
            attempt=found.attempt,
            findings=[
                FindingShape(
                    code=finding.code,
                    kind=finding.kind.name.lower(),
                    confidence=finding.confidence.name.lower(),
                    cause=finding.cause,
                    actions=list(finding.actions),
                    evidence=list(finding.evidence),
                )
                for finding in found.findings
            ],
        )


@router.get("/analytics/agents/{agentId}/runs/{runId}/diagnostics", responses=problems(400, 401, 404))
def read_diagnostics(
    agent_id: AgentId,
    run_id: RunId,
    use: Use,
    caller: Caller,
    attempt: Annotated[
        int | None, Query(ge=1, description="An earlier attempt that failed; the newest when not said")
    ] = None,
) -> DiagnosisShape:
    """Why a run failed and what to do about it; 404 when it has not failed."""
    return DiagnosisShape.of(use.diagnostics.of_run(caller, agent_id, run_id, attempt))


@router.get("/analytics/agents/{agentId}/latest-failure", responses=problems(400, 401, 404))
def read_latest_failure(agent_id: AgentId, use: Use, caller: Caller) -> DiagnosisShape:
    """Why the agent's last run that failed did so; 404 when none has failed."""
    return DiagnosisShape.of(use.diagnostics.of_latest_failure(caller, agent_id))
