"""Routes of failure evidence, and what it consists of."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field, ValidationError

from lamplighter.errors import NotFound
from lamplighter.http.api.access import AgentId, Caller, RunId, Use, problems
from lamplighter.http.api.shapes import Shape, Time

router = APIRouter(tags=["runs"])


class ExitShape(Shape):
    """How the process ended and what it took."""

    text: str
    code: int | None = Field(description="The exit status; null when a signal ended it")
    signal: str | None = Field(examples=["SIGKILL"])
    peak_memory: int | None = Field(description="Bytes of the largest process")
    out_of_memory: bool
    memory_limit: int | None = Field(None, description="Bytes, as limits.memory_mb of the agent says")
    memory_kills: int | None = Field(
        None, description="Processes of the machine that the kernel killed for want of memory meanwhile"
    )
    cpu_seconds: float | None


class SourceLineShape(Shape):
    """A line of a program."""

    line: int
    text: str


class FrameShape(Shape):
    """A place in a traceback, with the lines around it."""

    file: str
    line: int
    function: str
    source: list[SourceLineShape]


class ExceptionShape(Shape):
    """An exception and how often it was seen."""

    type: str
    message: str
    url: str | None
    page: str | None = Field(description="The file of evidence with the page")
    count: int
    traceback: list[FrameShape] = Field(
        description="The places in the agent's own files first, then the others; each from the innermost"
    )


class ChangeShape(Shape):
    """A number that is other than in the last good run."""

    name: str
    now: float
    then: float


class RecordChangeShape(Shape):
    """How many records there are, and how many there were."""

    now: int
    then: int


class DifferenceShape(Shape):
    """What is other than in the last good run, the greatest changes first."""

    records: RecordChangeShape
    fields: list[ChangeShape] = Field(
        description="The part of the records in which a field is filled, 0 to 1"
    )
    stats: list[ChangeShape] = Field(description="Numbers that the agent reported")


class LastGoodShape(Shape):
    """The newest good run that is comparable."""

    run_id: int
    agent_version: int
    end_time: Time | None
    data_count: int


class UnansweredShape(Shape):
    """Requests to a host that got no answer, for one reason."""

    host: str
    type: str
    message: str
    count: int


class WallShape(Shape):
    """Pages of a host that turn robots away."""

    host: str
    wall: str = Field(examples=["a Cloudflare challenge"])
    status: int
    count: int


class ProxySumsShape(Shape):
    """What went through the proxies of the run."""

    used: int
    requests: int
    failures: int
    at_proxy: int = Field(description="Failures of the proxies themselves")
    errors: list[str]


class PageShape(Shape):
    """What the kept page is, as far as a program can tell."""

    url: str | None
    status: int | None
    title: str
    wall: str | None
    asks_to_log_in: bool
    needs_script: bool


class WebShape(Shape):
    """What the web said, as far as the agent reports it."""

    answers: dict[str, dict[str, int]] = Field(description="How often which host answered with which status")
    failures: list[UnansweredShape]
    walls: list[WallShape]
    proxies: ProxySumsShape | None
    forbidden_by_robots: int
    page: PageShape | None


class EvidenceShape(Shape):
    """What explains why an attempt failed."""

    run_id: int
    attempt: int
    agent_id: int
    agent_name: str
    agent_version: int
    start_time: Time | None
    end_time: Time
    message: str
    exit: ExitShape
    counters: dict[str, int]
    status_codes: dict[str, int] = Field(description="How many pages came with which HTTP status")
    exception_types: dict[str, int] = Field(description="How often which exception was seen")
    exceptions: list[ExceptionShape]
    page: str | None = Field(description="The file of evidence with the page that failed")
    web: WebShape | None = None
    last_lines: list[str] = Field(description="The end of the log")
    last_good: LastGoodShape | None
    difference: DifferenceShape | None


@router.get("/agent/{agentId}/run/{runId}/evidence", responses=problems(400, 401, 404))
def read_evidence(
    agent_id: AgentId,
    run_id: RunId,
    use: Use,
    caller: Caller,
    attempt: Annotated[int | None, Query(ge=1, description="The newest when not said")] = None,
) -> EvidenceShape:
    """What explains why a run failed; 404 when there is none."""
    try:
        return EvidenceShape.model_validate(use.evidence.read(caller, agent_id, run_id, attempt))
    except ValidationError as problem:
        raise NotFound(f"the evidence of run {run_id} cannot be read") from problem
