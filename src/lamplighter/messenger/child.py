"""The process that sends: reads one question from standard input and answers it in JSON.

``{"check": [address, …]}`` → ``[{"shown": …, "error": null | why}, …]``;
``{"send": address, "title": …, "body": …, "kind": …}`` → ``null`` when it was delivered, else why not.
With both ``"seconds"``: how long the process may take. Two thirds of that are for an answer and one third for a
connection, unless an address has time-outs of its own (``rto``, ``cto``).
"""

import json
import logging
import re
import signal
import sys
from typing import Any
from urllib.parse import unquote

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType
from apprise.plugins.email import NotifyEmail
from apprise.url import URLBase

_SHORTEST_SECRET = 3
_LONGEST_ERROR = 500
_HOST = re.compile(r"localhost|[\w-]+(\.[\w-]+)+")


_CAUSE = "Socket Exception"
_TIMED_OUT = re.compile(r"timed out|timeout", re.IGNORECASE)
_NOT_CONNECTED = re.compile(r"connect(ion to \S+)? timed out|ConnectTimeout", re.IGNORECASE)


class _Heard(logging.Handler):
    """Keeps what Apprise warns of, and the causes that it tells only to those who look for mistakes in it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.causes: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            self.lines.append(record.getMessage())
        elif record.getMessage().startswith(_CAUSE):
            self.causes.append(record.getMessage())


def main() -> None:
    """Answer one question. The process ends by itself in time, also when its server was killed."""
    question = json.load(sys.stdin)
    signal.alarm(int(question["seconds"]))
    heard = _Heard()
    logger = logging.getLogger("apprise")
    logger.addHandler(heard)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    _allow(question["seconds"])
    answer: Any
    if "check" in question:
        answer = [_check(address, heard) for address in question["check"]]
    else:
        answer = _send(
            question["send"], question["title"], question["body"], NotifyType(question["kind"]), heard
        )
    json.dump(answer, sys.stdout)


def _allow(seconds: int) -> None:
    """Give services longer than the 4 s of Apprise: what they have taken too late would be sent again."""
    answer = max(1, seconds * 2 // 3)
    URLBase.socket_read_timeout = answer
    URLBase.socket_connect_timeout = max(1, seconds // 3)
    NotifyEmail.socket_connect_timeout = answer  # mail has this one time-out for everything


def _check(address: str, heard: _Heard) -> dict[str, str | None]:
    heard.lines.clear()
    try:
        plugin = _plugin(address)
    except Exception as problem:  # noqa: BLE001 - whatever a plug-in makes of a wrong address
        heard.lines.append(str(problem))
        plugin = None
    if plugin is None:
        return {"shown": "", "error": _why(heard, address)}
    return {"shown": _shown(plugin, address), "error": None}


def _send(address: str, title: str, body: str, kind: NotifyType, heard: _Heard) -> str | None:
    plugin = None
    try:
        plugin = _plugin(address)
        if plugin is None:
            return _why(heard, address)
        sender = Apprise(asset=_asset())
        sender.add(plugin)
        delivered = bool(
            sender.notify(body=body, title=title, notify_type=kind, body_format=NotifyFormat.TEXT)
        )
    except Exception as problem:  # noqa: BLE001 - whatever happens in a plug-in, the message is sent again
        heard.lines.append(f"{type(problem).__name__}: {problem}")
        delivered = False
    if delivered:
        return None
    return _time_out(plugin, heard.causes) or _why(heard, address)


def _time_out(plugin: Any, causes: list[str]) -> str | None:
    """A sentence about what took too long, which Apprise calls a connection error; None when it was not that."""
    found = next((cause for cause in causes if _TIMED_OUT.search(cause)), None)
    if found is None:
        return None
    if isinstance(plugin, NotifyEmail):
        return f"no answer within {plugin.socket_connect_timeout:g} seconds"
    if _NOT_CONNECTED.search(found):
        return f"no connection within {plugin.socket_connect_timeout:g} seconds"
    return f"no answer within {plugin.socket_read_timeout:g} seconds"


def _asset() -> AppriseAsset:
    # Texts of strangers: nothing in them is to be interpreted, and nothing of them kept on the disk.
    return AppriseAsset(
        app_id="Lamplighter",
        app_desc="Lamplighter",
        app_url="",
        interpret_emojis=False,
        interpret_escapes=False,
        async_mode=False,
    )


def _plugin(address: str) -> Any:
    return Apprise.instantiate(address, asset=_asset(), suppress_exceptions=True)


def _shown(plugin: Any, address: str) -> str:
    """Scheme and host. Where a token stands in the place of the host, only the scheme."""
    scheme = address.partition("://")[0].lower()
    token = plugin.template_tokens.get("host", {})
    host = getattr(plugin, "host", None)
    if not host or not token or token.get("private") or not any("{host}" in t for t in plugin.templates):
        return f"{scheme}://…"
    return f"{scheme}://{host}"


def _why(heard: _Heard, address: str) -> str:
    text = " ".join("; ".join(heard.lines).split()) or "the service did not take it"
    return _without_secrets(text, address)[:_LONGEST_ERROR]


def _without_secrets(text: str, address: str) -> str:
    """``text`` without anything that stands in the address but scheme, host and port."""
    text = text.replace(address, "…")
    _, _, rest = address.partition("://")
    server = re.split(r"[/?]", rest, maxsplit=1)[0].rpartition("@")[2]
    host, _, port = server.partition(":")
    # Where services have no host, a token stands in its place.
    known = (host, port) if _HOST.fullmatch(host) else ()
    pieces = [piece for piece in re.split(r"[/:@?&=]", rest) if piece not in known]
    for piece in sorted({p for one in pieces for p in (one, unquote(one))}, key=len, reverse=True):
        if len(piece) >= _SHORTEST_SECRET:
            text = text.replace(piece, "…")
    return text


if __name__ == "__main__":
    main()
