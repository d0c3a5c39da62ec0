"""Made from client/runs.py by `make client`. Do not edit."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from lamplighter.client.evidence import Evidence
from lamplighter.client.generated.sending import Routes
from lamplighter.client.problems import ApiError, CannotConnect
from lamplighter.client.reading import ArrayReader, EventReader
from lamplighter.client.runs import (
    _FOLLOW_PATIENCE,
    _RECONNECTS,
    Run,
    RunFile,
    _Place,
)


class RunRoutes(Routes):
    """The routes of runs, which are methods of the client itself."""

    def start(self, agent_id: int, settings: Mapping[str, Any] | None = None) -> Run:
        """Start an agent; returns the first run of the set."""
        return self._ask(Run, "POST", f"/agent/{agent_id}/start", json=dict(settings or {}))

    def records_of_start(
        self,
        agent_id: int,
        settings: Mapping[str, Any] | None = None,
        *,
        timeout: int = 60,
    ) -> list[dict[str, Any]]:
        """Start an agent, wait for its end and return its records."""
        body = {**(settings or {}), "isRunSynchronously": True, "timeout": timeout}
        path = f"/agent/{agent_id}/start"
        return self._ask(list[dict[str, Any]], "POST", path, json=body, timeout=timeout + 30)

    def runs(self, agent_id: int, limit: int = 50) -> list[Run]:
        """The runs of an agent, newest first."""
        return self._ask(list[Run], "GET", f"/agent/{agent_id}/runs", params={"maxRecords": limit})

    def run(self, agent_id: int, run_id: int) -> Run:
        """One run."""
        return self._ask(Run, "GET", f"/agent/{agent_id}/run/{run_id}/status")

    def stop_run(self, agent_id: int, run_id: int) -> None:
        """Ask a run to end gracefully."""
        self._tell("POST", f"/agent/{agent_id}/run/{run_id}/stop")

    def kill_run(self, agent_id: int, run_id: int) -> None:
        """Stop a run; when it is stopping already, end it at once."""
        self._tell("POST", f"/agent/{agent_id}/run/{run_id}/kill")

    def restart_run(self, agent_id: int, run_id: int) -> Run:
        """Try a run in Failure again."""
        return self._ask(Run, "POST", f"/agent/{agent_id}/run/{run_id}/restart")

    def delete_run(self, agent_id: int, run_id: int, method: str = "RemoveEntireRun") -> None:
        """Remove an ended run, or only its files."""
        self._tell("DELETE", f"/agent/{agent_id}/run/{run_id}", params={"removeMethod": method})

    def log(self, agent_id: int, run_id: int, attempt: int | None = None) -> Iterator[str]:
        """The log of a run as pieces of text."""
        params = {} if attempt is None else {"attempt": attempt}
        path = f"/api/v1/agent/{agent_id}/run/{run_id}/log"
        with self._sender.stream(path, params=params) as answer:
            answer.encoding = "utf-8"
            yield from answer.iter_text()

    def evidence(self, agent_id: int, run_id: int, attempt: int | None = None) -> Evidence:
        """What explains why a run failed."""
        params = {} if attempt is None else {"attempt": attempt}
        path = f"/agent/{agent_id}/run/{run_id}/evidence"
        return self._ask(Evidence, "GET", path, params=params)

    def follow_log(self, agent_id: int, run_id: int) -> Iterator[str]:
        """The log line by line as it is written, until the run has ended.

        A connection that breaks is taken up again where it was: the run goes on without its server.
        """
        place = _Place()
        while True:
            try:
                yield from self._log_lines(agent_id, run_id, place)
            except (CannotConnect, ApiError) as problem:
                if problem.status not in (502, 503, 504) or not place.connected or place.tries >= _RECONNECTS:
                    raise
            if place.has_ended:
                return
            place.tries += 1
            time.sleep(1)  # the server is being restarted; nothing tells when it is back

    def _log_lines(self, agent_id: int, run_id: int, place: "_Place") -> Iterator[str]:
        """The lines after ``place``, which is moved on."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": place.last} if place.last else {})
        path = f"/api/v1/agent/{agent_id}/run/{run_id}/log?follow=true"
        more: dict[str, Any] = {"headers": headers, "timeout": _FOLLOW_PATIENCE}
        with self._sender.stream(path, may_repeat=False, **more) as answer:
            place.connected, place.tries = True, 0
            events = EventReader()
            for block in answer.iter_bytes():
                for event in events.feed(block):
                    place.last = event.identity or place.last
                    if event.name == "end":
                        place.has_ended = True
                        return
                    yield event.data

    def records(self, agent_id: int, run_id: int) -> Iterator[dict[str, Any]]:
        """The records of a run, read as they come; those so far while the run goes."""
        array = ArrayReader()
        with self._sender.stream(f"/api/v1/agent/{agent_id}/run/{run_id}/records") as answer:
            for block in answer.iter_bytes():
                yield from array.feed(block)

    def records_page(self, agent_id: int, run_id: int, page: int, size: int = 50) -> dict[str, Any]:
        """One page of records (from 1): ``items`` and ``totalRecordCount``."""
        params = {"pageIndex": page, "recordsPerPage": size}
        path = f"/agent/{agent_id}/run/{run_id}/records"
        return self._ask(dict[str, Any], "GET", path, params=params)

    def files(self, agent_id: int, run_id: int) -> list[RunFile]:
        """The files that a run left."""
        return self._ask(list[RunFile], "GET", f"/agent/{agent_id}/run/{run_id}/files")

    def download(self, agent_id: int, run_id: int, file_id: int) -> Iterator[bytes]:
        """The content of a file, piece by piece."""
        path = f"/api/v1/agent/{agent_id}/run/{run_id}/file/{file_id}/download"
        with self._sender.stream(path) as answer:
            target = str(answer.url.join(answer.headers.get("location", "")))
        # The signed address may be on another host, which must not see the API key.
        with (
            self._sender.session(target, {}) as bare,
            self._sender.stream(target, http=bare) as answer,
        ):
            yield from answer.iter_bytes()
