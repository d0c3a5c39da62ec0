"""What became of a run arrives as a trace at a real receiver of OpenTelemetry's protocol."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from running_server import RunningServer, eventually

TELLS = """
import os
print(os.environ.get("TRACEPARENT"))
open(os.environ["LAMPLIGHTER_RECORDS"], "a").write('{"a": 1}\\n')
"""
FAILS_ONCE = 'import os\nraise SystemExit(int(os.environ["LAMPLIGHTER_ATTEMPT"]) < 2)\n'


class Receiver:
    """A collector of traces; ``spans`` are those that have arrived."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.end_headers()
                self.wfile.write(ExportTraceServiceResponse().SerializeToString())

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def take(self, request: Any) -> None:
        """Keep the spans of a request."""
        for resource in request.resource_spans:
            self.services |= {
                one.value.string_value for one in resource.resource.attributes if one.key == "service.name"
            }
            for scope in resource.scope_spans:
                self.spans += scope.spans

    def of_run(self, run_id: int) -> dict[str, Any]:
        """The spans of a run by their names."""
        return {span.name: span for span in self.spans if attributes(span)["lamplighter.run.id"] == run_id}

    @contextmanager
    def working(self) -> Iterator["Receiver"]:
        """While this lasts it listens."""
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def attributes(span: Any) -> dict[str, Any]:
    found = {one.key: one.value for one in span.attributes}
    return {key: value.int_value or value.string_value for key, value in found.items()}


def test_a_run_is_one_trace_from_its_due_time_to_its_export(tmp_path: Path) -> None:
    environment = {"OTEL_BSP_SCHEDULE_DELAY": "200"}
    with (
        Receiver().working() as receiver,
        RunningServer(
            tmp_path / "data", environment=environment | {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
        ) as server,
    ):
        agent = server.agent("prices", TELLS)
        due = datetime.now(UTC) + timedelta(seconds=2)
        body = {"name": "s", "runEveryCount": 1, "runEveryPeriod": 1, "startTime": due.isoformat()}
        server.call("POST", f"/agent/{agent}/schedules", body, expect=201)
        run = eventually(lambda: server.call("GET", f"/agent/{agent}/runs"))[0]["id"]
        server.ended(agent, run)
        eventually(lambda: len(receiver.of_run(run)) == 5)
        said = server.log(agent, run)
    spans = receiver.of_run(run)
    assert spans.keys() == {"run", "fire", "queue", "attempt 1", "export"}
    root, attempt = spans["run"], spans["attempt 1"]
    assert {span.trace_id for span in spans.values()} == {root.trace_id}
    assert len({span.span_id for span in spans.values()}) == 5
    assert root.parent_span_id == b""
    assert {spans[name].parent_span_id for name in ("fire", "queue", "attempt 1")} == {root.span_id}
    assert spans["export"].parent_span_id == attempt.span_id
    assert root.start_time_unix_nano == spans["fire"].start_time_unix_nano
    assert root.end_time_unix_nano == attempt.end_time_unix_nano == spans["export"].end_time_unix_nano
    assert spans["fire"].end_time_unix_nano == spans["queue"].start_time_unix_nano
    assert spans["queue"].end_time_unix_nano == attempt.start_time_unix_nano
    assert attempt.start_time_unix_nano <= spans["export"].start_time_unix_nano
    assert attributes(root)["lamplighter.agent.name"] == "prices"
    assert attributes(root)["lamplighter.status"] == "Completed"
    assert receiver.services == {"lamplighter"}
    assert f"00-{root.trace_id.hex()}-{attempt.span_id.hex()}-01" in said


def test_each_attempt_is_in_the_trace_and_what_failed_says_why(tmp_path: Path) -> None:
    with (
        Receiver().working() as receiver,
        RunningServer(
            tmp_path / "data", environment={"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{receiver.url}/v1/traces"}
        ) as server,
    ):
        agent = server.agent("second time", FAILS_ONCE)
        run = server.run(agent, maxRetries=1)["id"]
        server.stop()  # what waits is sent before it ends
        spans = receiver.of_run(run)
        server.start()
    assert {"run", "attempt 1", "attempt 2"} <= spans.keys()
    assert "fire" not in spans, "it was started by hand"
    assert spans["attempt 1"].status.code == 2
    assert "exit status 1" in spans["attempt 1"].status.message
    assert spans["attempt 2"].status.code == 0


def test_without_a_receiver_nothing_is_told(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data") as server:
        agent = server.agent("prices", TELLS)
        assert "None" in server.log(agent, server.run(agent)["id"])


def test_a_receiver_that_is_away_disturbs_nothing(tmp_path: Path) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    with RunningServer(tmp_path / "data", environment=environment) as server:
        assert server.run(server.agent("prices", TELLS))["status"] == 9
