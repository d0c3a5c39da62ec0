"""Real receivers of messages on this machine: an HTTP server and a mail server that keep what they are sent."""

import json
import threading
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class HttpReceiver:
    """Keeps the JSON that is posted to it; ``statuses`` are its next answers, then always 200.

    ``headers`` (names in lower case) and ``bodies`` are those of all posts, also of those it answered badly.
    """

    def __init__(self, *, port: int = 0, hangs: bool = False) -> None:
        self.posts: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.asked = 0
        self.released = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
                receiver.bodies.append(body)
                receiver.asked += 1
                if hangs:
                    receiver.released.wait(60)
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                if status == 200:
                    receiver.posts.append({**json.loads(body), "path": self.path})
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", f"http://127.0.0.1:{receiver.port}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing: the test says what went wrong."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def url(self, path: str = "hook") -> str:
        """Its address as Apprise reads it."""
        return f"json://127.0.0.1:{self.port}/{path}"

    def plain_url(self, path: str = "hook") -> str:
        """Its address as a plain webhook."""
        return f"webhook+http://127.0.0.1:{self.port}/{path}"

    def titles(self) -> list[str]:
        """The titles of what was posted, in order."""
        return [post["title"] for post in self.posts]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _OnFreePort(Controller):
    """A controller that takes any free port, and knows which."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # it is asyncio's
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd has no types here


class MailServer:
    """Keeps the mails that are sent to it."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self._controller = _OnFreePort(self, hostname="127.0.0.1", port=0)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a mail."""
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 kept"

    def url(self) -> str:
        """Its address as Apprise reads it."""
        return f"mailto://127.0.0.1:{self._controller.port}/?from=lamp@example.com&to=person@example.com&mode=insecure"

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()


def texts_of(mail: Message) -> dict[str, str]:
    """The parts of a mail by their content type."""
    found: dict[str, str] = {}
    for part in mail.walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            found[part.get_content_type()] = payload.decode(part.get_content_charset() or "utf-8")
    return found
