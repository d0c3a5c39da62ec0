"""A small typed client of Lamplighter's HTTP API.

    with Client("http://127.0.0.1:8080", "sk-…") as client:
        run = client.start(1, {"inputParameters": '{"pages": 3}'})
        for line in client.follow_log(1, run["id"]):
            print(line)

Every route is one method. Answers are the API's JSON as it is, with its camelCase names; the classes of
``lamplighter.client.answers`` say what is in them. A refusal of the server raises ``ApiError``, a server that
cannot be reached raises ``CannotConnect``.
"""

import codecs
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from types import TracebackType
from typing import IO, Any, Self, cast

import httpx

from lamplighter.client.answers import (
    ENDED,
    STATUS_NAMES,
    SUCCEEDED,
    WAITS,
    Agent,
    Fire,
    Health,
    Key,
    NewKey,
    PlannedFire,
    Preview,
    Run,
    RunFile,
    Schedule,
    Version,
)
from lamplighter.client.evidence import Evidence
from lamplighter.client.groups import ServerGroups
from lamplighter.client.notifications import Notifications
from lamplighter.client.proxies import ProxyPools
from lamplighter.client.retention import Retention
from lamplighter.client.secrets import Secrets
from lamplighter.errors import FieldError, InvalidInput, LamplighterError

__all__ = [
    "ENDED",
    "STATUS_NAMES",
    "SUCCEEDED",
    "WAITS",
    "Agent",
    "ApiError",
    "CannotConnect",
    "Client",
    "Fire",
    "Health",
    "Key",
    "NewKey",
    "PlannedFire",
    "Preview",
    "Run",
    "RunFile",
    "Schedule",
    "Version",
    "is_local",
]

_PATIENCE = httpx.Timeout(60, connect=10)
# A followed log says something every 15 seconds even when the agent is silent.
_FOLLOW_PATIENCE = httpx.Timeout(45, connect=10)
_RECONNECTS = 30  # seconds for which a followed log is asked for again, one try a second


class ApiError(LamplighterError):
    """The server refused a request: its problem document as a value."""

    def __init__(self, status: int, code: str, detail: str, fields: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.fields = fields


class CannotConnect(LamplighterError):
    """No Lamplighter server answers at the address."""

    code = "cannot_connect"
    status = 503
    title = "Cannot connect"
    retryable = True

    def __init__(self, url: str, why: str) -> None:
        remedy = "Check that LAMPLIGHTER_URL is its address and that the server is up."
        if is_local(url):
            remedy = "Start it with `lamplighter up`, or set LAMPLIGHTER_URL to the address where it runs."
        super().__init__(f"Lamplighter cannot be reached at {url}: {why}. {remedy}")


class Client:
    """Requests to one server with one API key. Close it after use, or use it as a context manager."""

    def __init__(
        self, url: str, api_key: str | None, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        if not _is_address(url):
            raise InvalidInput.of("url", f"must be an address such as http://127.0.0.1:8080, not {url!r}")
        self.url = url.rstrip("/")
        self._transport = transport
        # A proxy of the environment is not for a server on this machine.
        self._trust_env = not is_local(url)
        self._http = self._session(url, {"Authorization": f"ApiKey {api_key}"} if api_key else {})
        self.notifications = Notifications(self._call)
        self.secrets = Secrets(self._call)
        self.proxy_pools = ProxyPools(self._call)
        self.server_groups = ServerGroups(self._call)
        self.retention = Retention(self._call)

    def _session(self, address: str, headers: Mapping[str, str]) -> httpx.Client:
        return httpx.Client(
            headers=headers,
            timeout=_PATIENCE,
            transport=self._transport,
            trust_env=self._trust_env,
            # Reading all certificates takes longer than most requests, and plain HTTP has no use for them.
            verify=not address.startswith("http:"),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- the layer under all methods ---

    @contextmanager
    def _stream(self, method: str, path: str, **more: Any) -> Iterator[httpx.Response]:
        """One request whose answer is read as it comes; raises ApiError or CannotConnect."""
        address = path if path.startswith("http") else f"{self.url}{path}"
        http: httpx.Client = more.pop("http", self._http)
        try:
            with http.stream(method, address, **more) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    raise _error_of(answer, self.url)
                yield answer
        except httpx.TransportError as problem:
            raise CannotConnect(self.url, _why(problem)) from problem

    def _call(self, method: str, path: str, **more: Any) -> Any:
        """The JSON answer of one request; None when it has no body."""
        with self._stream(method, f"/api/v1{path}", **more) as answer:
            content = answer.read()
            return _json(content, self.url) if content else None

    # --- health ---

    def live(self) -> None:
        """Return when the server's process answers."""
        with self._stream("GET", "/health/live"):
            return

    def ready(self) -> Health:
        """How the server is; raises unless it serves. Needs no API key."""
        with self._stream("GET", "/health/ready") as answer:
            return cast(Health, _json(answer.read(), self.url))

    # --- agents ---

    def agents(self, **filters: Any) -> list[Agent]:
        """All agents; ``name`` and the other filters of the API narrow them."""
        return cast(list[Agent], self._call("GET", "/agent/all", params=filters))

    def search_agents(self, query: str, max_records: int = 50) -> list[Agent]:
        """Agents whose name or description contains ``query``."""
        asked = {"query": query, "maxRecords": max_records}
        return cast(list[Agent], self._call("GET", "/agent/search", params=asked))

    def agent(self, agent_id: int) -> Agent:
        """One agent."""
        return cast(Agent, self._call("GET", f"/agent/{agent_id}"))

    def create_agent(self, bundle: IO[bytes], fields: Mapping[str, str]) -> Agent:
        """Create an agent from a zip or tar.gz file."""
        return cast(Agent, self._call("POST", "/agent", data=fields, files=_bundle(bundle)))

    def save_agent(self, agent_id: int, bundle: IO[bytes], fields: Mapping[str, str]) -> Agent:
        """Save the next version of an agent from a zip or tar.gz file."""
        return cast(Agent, self._call("PUT", f"/agent/{agent_id}", data=fields, files=_bundle(bundle)))

    def delete_agent(self, agent_id: int) -> None:
        """Take an agent and its schedules away."""
        self._call("DELETE", f"/agent/{agent_id}")

    def archive_agent(self, agent_id: int, *, archived: bool = True) -> None:
        """Put an agent away, or take it back."""
        self._call("POST", f"/agent/{agent_id}/{'archive' if archived else 'unarchive'}")

    def versions(self, agent_id: int) -> list[Version]:
        """The versions of an agent, newest first."""
        return cast(list[Version], self._call("GET", f"/agent/{agent_id}/versions"))

    def restore_version(self, agent_id: int, version: int, comment: str | None = None) -> Agent:
        """Save the content of an old version as a new one."""
        path = f"/agent/{agent_id}/version/{version}/restore"
        return cast(Agent, self._call("POST", path, json={"content": comment}))

    # --- schedules ---

    def schedules(self, agent_id: int) -> list[Schedule]:
        """The schedules of an agent."""
        return cast(list[Schedule], self._call("GET", f"/agent/{agent_id}/schedules"))

    def schedule(self, agent_id: int, schedule_id: int) -> Schedule:
        """One schedule."""
        return cast(Schedule, self._call("GET", f"/agent/{agent_id}/schedules/{schedule_id}"))

    def create_schedule(self, agent_id: int, body: Mapping[str, Any]) -> Schedule:
        """Give an agent a schedule."""
        return cast(Schedule, self._call("POST", f"/agent/{agent_id}/schedules", json=body))

    def update_schedule(self, agent_id: int, schedule_id: int, body: Mapping[str, Any]) -> Schedule:
        """Change a schedule; ``name`` must be given, whatever else is not keeps its value."""
        return cast(Schedule, self._call("PUT", f"/agent/{agent_id}/schedules/{schedule_id}", json=body))

    def delete_schedule(self, agent_id: int, schedule_id: int) -> None:
        """Take a schedule away; its runs stay."""
        self._call("DELETE", f"/agent/{agent_id}/schedules/{schedule_id}")

    def switch_schedule(self, agent_id: int, schedule_id: int, *, on: bool) -> None:
        """Enable or disable a schedule."""
        self._call("POST", f"/agent/{agent_id}/schedules/{schedule_id}/{'enable' if on else 'disable'}")

    def run_schedule(self, agent_id: int, schedule_id: int) -> Run:
        """Start the agent now with the schedule's settings."""
        return cast(Run, self._call("POST", f"/agent/{agent_id}/schedules/{schedule_id}/run"))

    def fires(
        self,
        agent_id: int,
        schedule_id: int,
        *,
        since: str | None = None,
        until: str | None = None,
        limit: int = 50,
    ) -> list[Fire]:
        """The fire ledger, newest first; ``since`` and ``until`` are ISO times that bound the due times."""
        asked = {"startDate": since, "endDate": until, "maxRecords": limit}
        params = {name: value for name, value in asked.items() if value is not None}
        path = f"/agent/{agent_id}/schedules/{schedule_id}/fires"
        return cast(list[Fire], self._call("GET", path, params=params))

    def preview(self, body: Mapping[str, Any]) -> Preview:
        """The next fires of a schedule that need not exist."""
        return cast(Preview, self._call("POST", "/schedules/preview", json=body))

    # --- runs ---

    def start(self, agent_id: int, settings: Mapping[str, Any] | None = None) -> Run:
        """Start an agent; returns the first run of the set."""
        return cast(Run, self._call("POST", f"/agent/{agent_id}/start", json=dict(settings or {})))

    def records_of_start(
        self, agent_id: int, settings: Mapping[str, Any] | None = None, *, timeout: int = 60
    ) -> list[dict[str, Any]]:
        """Start an agent, wait for its end and return its records."""
        body = {**(settings or {}), "isRunSynchronously": True, "timeout": timeout}
        path = f"/agent/{agent_id}/start"
        return cast(list[dict[str, Any]], self._call("POST", path, json=body, timeout=timeout + 30))

    def runs(self, agent_id: int, limit: int = 50) -> list[Run]:
        """The runs of an agent, newest first."""
        return cast(list[Run], self._call("GET", f"/agent/{agent_id}/runs", params={"maxRecords": limit}))

    def run(self, agent_id: int, run_id: int) -> Run:
        """One run."""
        return cast(Run, self._call("GET", f"/agent/{agent_id}/run/{run_id}/status"))

    def stop_run(self, agent_id: int, run_id: int) -> None:
        """Ask a run to end gracefully."""
        self._call("POST", f"/agent/{agent_id}/run/{run_id}/stop")

    def kill_run(self, agent_id: int, run_id: int) -> None:
        """Stop a run; when it is stopping already, end it at once."""
        self._call("POST", f"/agent/{agent_id}/run/{run_id}/kill")

    def restart_run(self, agent_id: int, run_id: int) -> Run:
        """Try a run in Failure again."""
        return cast(Run, self._call("POST", f"/agent/{agent_id}/run/{run_id}/restart"))

    def delete_run(self, agent_id: int, run_id: int, method: str = "RemoveEntireRun") -> None:
        """Remove an ended run, or only its files."""
        self._call("DELETE", f"/agent/{agent_id}/run/{run_id}", params={"removeMethod": method})

    def log(self, agent_id: int, run_id: int, attempt: int | None = None) -> Iterator[str]:
        """The log of a run as pieces of text."""
        params = {} if attempt is None else {"attempt": attempt}
        with self._stream("GET", f"/api/v1/agent/{agent_id}/run/{run_id}/log", params=params) as answer:
            answer.encoding = "utf-8"
            yield from answer.iter_text()

    def evidence(self, agent_id: int, run_id: int, attempt: int | None = None) -> Evidence:
        """What explains why a run failed."""
        params = {} if attempt is None else {"attempt": attempt}
        path = f"/agent/{agent_id}/run/{run_id}/evidence"
        return cast(Evidence, self._call("GET", path, params=params))

    def follow_log(self, agent_id: int, run_id: int) -> Iterator[str]:
        """The log line by line as it is written, until the run has ended.

        A connection that breaks is taken up again where it was: the run goes on without its server.
        """
        place = _Place()
        while True:
            try:
                for line in self._log_events(agent_id, run_id, place):
                    if line is None:
                        return
                    yield line
            except (CannotConnect, ApiError) as problem:
                if problem.status not in (502, 503, 504) or not place.connected or place.tries >= _RECONNECTS:
                    raise
            place.tries += 1
            time.sleep(1)  # the server is being restarted; nothing tells when it is back

    def _log_events(self, agent_id: int, run_id: int, place: "_Place") -> Iterator[str | None]:
        """The lines after ``place``, which is moved on; None when the run has ended."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": place.last} if place.last else {})
        path = f"/api/v1/agent/{agent_id}/run/{run_id}/log?follow=true"
        with self._stream("GET", path, headers=headers, timeout=_FOLLOW_PATIENCE) as answer:
            place.connected, place.tries = True, 0
            for event in _events(answer.iter_bytes()):
                place.last = event.identity or place.last
                yield None if event.name == "end" else event.data

    def records(self, agent_id: int, run_id: int) -> Iterator[dict[str, Any]]:
        """The records of a run, read as they come; those so far while the run goes."""
        with self._stream("GET", f"/api/v1/agent/{agent_id}/run/{run_id}/records") as answer:
            yield from _array(answer.iter_bytes())

    def records_page(self, agent_id: int, run_id: int, page: int, size: int = 50) -> dict[str, Any]:
        """One page of records (from 1): ``items`` and ``totalRecordCount``."""
        params = {"pageIndex": page, "recordsPerPage": size}
        path = f"/agent/{agent_id}/run/{run_id}/records"
        return cast(dict[str, Any], self._call("GET", path, params=params))

    def files(self, agent_id: int, run_id: int) -> list[RunFile]:
        """The files that a run left."""
        return cast(list[RunFile], self._call("GET", f"/agent/{agent_id}/run/{run_id}/files"))

    def download(self, agent_id: int, run_id: int, file_id: int) -> Iterator[bytes]:
        """The content of a file, piece by piece."""
        path = f"/api/v1/agent/{agent_id}/run/{run_id}/file/{file_id}/download"
        with self._stream("GET", path) as answer:
            target = str(answer.url.join(answer.headers.get("location", "")))
        # The signed address may be on another host, which must not see the API key.
        with self._session(target, {}) as bare, self._stream("GET", target, http=bare) as answer:
            yield from answer.iter_bytes()

    # --- API keys ---

    def api_keys(self) -> list[Key]:
        """All API keys, without the keys themselves."""
        return cast(list[Key], self._call("GET", "/api-keys"))

    def api_key(self, key_id: int) -> Key:
        """One API key, without the key itself."""
        return cast(Key, self._call("GET", f"/api-keys/{key_id}"))

    def create_key(self, description: str | None = None, expires: str | None = None) -> NewKey:
        """Make an API key; ``expires`` is an ISO time."""
        body = {"description": description, "expires": expires}
        return cast(NewKey, self._call("POST", "/api-keys", json=body))

    def revoke_key(self, key_id: int) -> None:
        """Revoke an API key."""
        self._call("DELETE", f"/api-keys/{key_id}")


@dataclass(slots=True)
class _Place:
    """How far a followed log has been read, and how often in vain."""

    connected: bool = False
    last: str | None = None
    tries: int = 0


@dataclass(slots=True)
class _Event:
    """A server-sent event."""

    name: str = "message"
    data: str = ""
    identity: str | None = None


def is_local(url: str) -> bool:
    """Whether the address is one of this machine's loopback."""
    host = httpx.URL(url).host
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(url: str) -> bool:
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parts.scheme in ("http", "https") and bool(parts.host) and (parts.port or 80) < 65536


def _bundle(file: IO[bytes]) -> dict[str, tuple[str, IO[bytes], str]]:
    return {"bundle": ("bundle", file, "application/octet-stream")}


def _json(content: bytes, url: str) -> Any:
    try:
        return json.loads(content)
    except ValueError as problem:
        raise _strange(url) from problem


def _strange(url: str, status: int = 502) -> ApiError:
    return ApiError(
        status, "not_lamplighter", f"what answers at {url} is not a Lamplighter server (HTTP {status})"
    )


def _error_of(answer: httpx.Response, url: str) -> ApiError:
    try:
        problem = answer.json()
        fields = tuple(FieldError(e["field"], e["message"]) for e in problem.get("errors") or ())
        return ApiError(answer.status_code, str(problem["code"]), str(problem["detail"]), fields)
    except (ValueError, KeyError, TypeError, AttributeError):
        return _strange(url, answer.status_code)


def _why(problem: httpx.TransportError) -> str:
    if isinstance(problem, httpx.TimeoutException):
        return "it does not answer in time"
    if isinstance(problem, httpx.ConnectError):
        text = str(problem)
        return "the connection was refused" if "refused" in text else text or "no connection"
    return "the connection broke off"


def _events(blocks: Iterator[bytes]) -> Iterator[_Event]:
    """Server-sent events. Split at newlines only: a line of a log may hold any other sign."""
    event: _Event | None = None
    for line in _lines(blocks):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if event is not None:
                yield event
            event = None
        elif field:  # a line that begins with a colon only says that the server is there
            event = event or _Event()
            if field == "event":
                event.name = value
            elif field == "data":
                event.data = f"{event.data}\n{value}" if event.data else value
            elif field == "id":
                event.identity = value


def _lines(blocks: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace")


def _array(blocks: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """The objects of a JSON array, each as soon as it is there; only one of them is held in memory."""
    decoder = json.JSONDecoder()
    text = ""
    for piece in _texts(blocks):
        text += piece
        begin = 0
        while (begin := _skip(text, begin)) < len(text):
            try:
                value, begin = decoder.raw_decode(text, begin)
            except ValueError:
                break
            yield value
        text = text[begin:]


def _texts(blocks: Iterator[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for block in blocks:
        yield decoder.decode(block)


def _skip(text: str, begin: int) -> int:
    """The place of the next value: behind brackets, commas and blanks."""
    while begin < len(text) and text[begin] in "[], \r\n\t":
        begin += 1
    return begin
