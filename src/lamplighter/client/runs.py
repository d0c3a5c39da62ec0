"""Runs, what they said and what they left."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import httpx

from lamplighter.client.evidence import Evidence
from lamplighter.client.problems import ApiError, CannotConnect
from lamplighter.client.reading import ArrayReader, EventReader
from lamplighter.client.sending import AsyncRoutes

STATUS_NAMES = {
    0: "Invalid",
    1: "Running",
    2: "Exporting",
    3: "Starting",
    4: "Queuing",
    5: "Stopping",
    6: "Failure",
    7: "Failed",
    8: "Stopped",
    9: "Completed",
    10: "Success",
    11: "Skipped",
    12: "Waiting",
}
"""The statuses of runs by the numbers of the wire."""
ENDED = frozenset({6, 7, 8, 9, 10, 11})
"""The statuses of runs that have ended."""
WAITS = frozenset({4, 12})
"""The statuses of runs that no server has taken yet, or that wait for another attempt."""
SUCCEEDED = frozenset({9, 10})
"""The statuses of runs that ended well."""

# A followed log says something every 15 seconds even when the agent is silent.
_FOLLOW_PATIENCE = httpx.Timeout(45, connect=10)
_RECONNECTS = 30  # seconds for which a followed log is asked for again, one try a second


class Run(TypedDict):
    """A run; ``configId`` is its agent."""

    id: int
    configId: int
    configName: str
    configVersion: int
    parallelSet: int
    sequence: int
    parallelism: int
    status: int
    message: str | None
    created: str
    startTime: str | None
    endTime: str | None
    runTimeSec: int
    dataCount: int
    errorCount: int
    pageCount: int
    requestCount: int
    inputCount: int
    exportCount: int
    traffic: int
    serverName: str | None
    startedBy: str
    scheduleId: int | None
    scheduledTime: str | None
    attempt: int
    retries: int
    warnings: list[str]
    inputParameters: str | None
    parallelMaxConcurrency: int | None
    parallelExport: str
    proxyPoolId: int | None
    serverGroupId: int | None
    logLevel: str
    logMode: str
    isExclusive: bool
    isWaitOnFailure: bool
    maxRetries: int | None
    retryDelaySeconds: int | None
    timeoutSeconds: int | None
    priority: int


class RunFile(TypedDict):
    """A file that a run left."""

    id: int
    name: str
    fileType: str
    fileSize: int
    created: str


class AsyncRunRoutes(AsyncRoutes):
    """The routes of runs, which are methods of the client itself."""

    async def start(self, agent_id: int, settings: Mapping[str, Any] | None = None) -> Run:
        """Start an agent; returns the first run of the set."""
        return await self._ask(Run, "POST", f"/agent/{agent_id}/start", json=dict(settings or {}))

    async def records_of_start(
        self,
        agent_id: int,
        settings: Mapping[str, Any] | None = None,
        *,
        timeout: int = 60,  # noqa: ASYNC109 - the server waits, not we
    ) -> list[dict[str, Any]]:
        """Start an agent, wait for its end and return its records."""
        body = {**(settings or {}), "isRunSynchronously": True, "timeout": timeout}
        path = f"/agent/{agent_id}/start"
        return await self._ask(list[dict[str, Any]], "POST", path, json=body, timeout=timeout + 30)

    async def runs(self, agent_id: int, limit: int = 50) -> list[Run]:
        """The runs of an agent, newest first."""
        return await self._ask(list[Run], "GET", f"/agent/{agent_id}/runs", params={"maxRecords": limit})

    async def run(self, agent_id: int, run_id: int) -> Run:
        """One run."""
        return await self._ask(Run, "GET", f"/agent/{agent_id}/run/{run_id}/status")

    async def stop_run(self, agent_id: int, run_id: int) -> None:
        """Ask a run to end gracefully."""
        await self._tell("POST", f"/agent/{agent_id}/run/{run_id}/stop")

    async def kill_run(self, agent_id: int, run_id: int) -> None:
        """Stop a run; when it is stopping already, end it at once."""
        await self._tell("POST", f"/agent/{agent_id}/run/{run_id}/kill")

    async def restart_run(self, agent_id: int, run_id: int) -> Run:
        """Try a run in Failure again."""
        return await self._ask(Run, "POST", f"/agent/{agent_id}/run/{run_id}/restart")

    async def delete_run(self, agent_id: int, run_id: int, method: str = "RemoveEntireRun") -> None:
        """Remove an ended run, or only its files."""
        await self._tell("DELETE", f"/agent/{agent_id}/run/{run_id}", params={"removeMethod": method})

    async def log(self, agent_id: int, run_id: int, attempt: int | None = None) -> AsyncIterator[str]:
        """The log of a run as pieces of text."""
        params = {} if attempt is None else {"attempt": attempt}
        path = f"/api/v1/agent/{agent_id}/run/{run_id}/log"
        async with self._sender.stream(path, params=params) as answer:
            answer.encoding = "utf-8"
            async for piece in answer.aiter_text():
                yield piece

    async def evidence(self, agent_id: int, run_id: int, attempt: int | None = None) -> Evidence:
        """What explains why a run failed."""
        params = {} if attempt is None else {"attempt": attempt}
        path = f"/agent/{agent_id}/run/{run_id}/evidence"
        return await self._ask(Evidence, "GET", path, params=params)

    async def follow_log(self, agent_id: int, run_id: int) -> AsyncIterator[str]:
        """The log line by line as it is written, until the run has ended.

        A connection that breaks is taken up again where it was: the run goes on without its server.
        """
        place = _Place()
        while True:
            try:
                async for line in self._log_lines(agent_id, run_id, place):
                    yield line
            except (CannotConnect, ApiError) as problem:
                if problem.status not in (502, 503, 504) or not place.connected or place.tries >= _RECONNECTS:
                    raise
            if place.has_ended:
                return
            place.tries += 1
            await asyncio.sleep(1)  # the server is being restarted; nothing tells when it is back

    async def _log_lines(self, agent_id: int, run_id: int, place: "_Place") -> AsyncIterator[str]:
        """The lines after ``place``, which is moved on."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": place.last} if place.last else {})
        path = f"/api/v1/agent/{agent_id}/run/{run_id}/log?follow=true"
        more: dict[str, Any] = {"headers": headers, "timeout": _FOLLOW_PATIENCE}
        async with self._sender.stream(path, may_repeat=False, **more) as answer:
            place.connected, place.tries = True, 0
            events = EventReader()
            async for block in answer.aiter_bytes():
                for event in events.feed(block):
                    place.last = event.identity or place.last
                    if event.name == "end":
                        place.has_ended = True
                        return
                    yield event.data

    async def records(self, agent_id: int, run_id: int) -> AsyncIterator[dict[str, Any]]:
        """The records of a run, read as they come; those so far while the run goes."""
        array = ArrayReader()
        async with self._sender.stream(f"/api/v1/agent/{agent_id}/run/{run_id}/records") as answer:
            async for block in answer.aiter_bytes():
                for record in array.feed(block):
                    yield record

    async def records_page(self, agent_id: int, run_id: int, page: int, size: int = 50) -> dict[str, Any]:
        """One page of records (from 1): ``items`` and ``totalRecordCount``."""
        params = {"pageIndex": page, "recordsPerPage": size}
        path = f"/agent/{agent_id}/run/{run_id}/records"
        return await self._ask(dict[str, Any], "GET", path, params=params)

    async def files(self, agent_id: int, run_id: int) -> list[RunFile]:
        """The files that a run left."""
        return await self._ask(list[RunFile], "GET", f"/agent/{agent_id}/run/{run_id}/files")

    async def download(self, agent_id: int, run_id: int, file_id: int) -> AsyncIterator[bytes]:
        """The content of a file, piece by piece."""
        path = f"/api/v1/agent/{agent_id}/run/{run_id}/file/{file_id}/download"
        async with self._sender.stream(path) as answer:
            target = str(answer.url.join(answer.headers.get("location", "")))
        # The signed address may be on another host, which must not see the API key.
        async with (
            self._sender.session(target, {}) as bare,
            self._sender.stream(target, http=bare) as answer,
        ):
            async for block in answer.aiter_bytes():
                yield block


@dataclass(slots=True)
class _Place:
    """How far a followed log has been read, and how often in vain."""

    connected: bool = False
    last: str | None = None
    tries: int = 0
    has_ended: bool = False
