"""What the tests of exports share: deliveries made of records, and real places to deliver to."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from lamplighter.export.delivery import Delivery, deliver
from lamplighter.export.lines import checked_batches
from lamplighter.export.parcel import Limits
from lamplighter.export.records import JSONL, check_records, write_formats
from lamplighter.manifest.destination import DestinationSection

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
BOOKS: list[dict[str, Any]] = [
    {"url": "/1", "title": "Grüße", "price": 10},
    {"url": "/2", "title": "Zwei\nZeilen", "price": 10.5},
]


def all_of(file: Path) -> list[dict[str, Any]]:
    """The records of a file that was checked."""
    return [record for batch in checked_batches(file) for record in batch]


def a_delivery(folder: Path, records: Sequence[Any], *, key: str = "run-7-1", **changes: Any) -> Delivery:
    """Records in all formats under ``folder``, ready to be delivered."""
    folder.mkdir(parents=True, exist_ok=True)
    raw = folder / "raw.jsonl"
    raw.write_text("".join(json.dumps(record) + "\n" for record in records))
    summary = check_records(raw, folder / JSONL, ())
    files = write_formats(folder / JSONL, folder, ("jsonl", "csv", "parquet"), summary.columns)
    values: dict[str, Any] = {
        "key": key,
        "run_id": 7,
        "attempt": 1,
        "agent_name": "prices",
        "scheduled_time": NOON,
        "finished": NOON,
        "record_count": summary.count,
        "files": files,
        "notes": folder,
    }
    return Delivery(**(values | changes))


def to(address: str | Path, **options: Any) -> DestinationSection:
    """A destination."""
    return DestinationSection(to=str(address), **options)


@dataclass
class Told:
    """What a delivery said, and how long it wanted to wait; it waits for nothing."""

    lines: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    keeps_going: Callable[[], bool] = lambda: True

    def deliver(
        self, delivery: Delivery, *destinations: DestinationSection, limits: Limits | None = None
    ) -> None:
        """Deliver, and gather what is said."""
        deliver(destinations, delivery, self.keeps_going, self.waits.append, self.lines.append, limits=limits)


@dataclass
class Request:
    """A request that a receiver got."""

    headers: dict[str, str]
    body: bytes


class Receiver:
    """A real HTTP server that answers with given statuses, the last of them for ever; 0 is no answer at all."""

    def __init__(self, *statuses: int, headers: dict[str, str] | None = None) -> None:
        self.requests: list[Request] = []
        self._statuses = list(statuses) or [200]
        self._headers = headers or {}
        self._over = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                receiver.take(self)

            def do_POST(self) -> None:
                receiver.take(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.requests.append(Request(dict(handler.headers), body))
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        if not status:
            self._over.wait()
            return
        handler.send_response(status)
        for name, value in self._headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(b"what the receiver says")

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
