"""Reading bodies that come piece by piece: bytes in, what is complete out."""

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Event:
    """A server-sent event."""

    name: str = "message"
    data: str = ""
    identity: str | None = None


class EventReader:
    """Server-sent events. Split at newlines only: a line of a log may hold any other sign."""

    def __init__(self) -> None:
        self._rest = b""
        self._event: Event | None = None

    def feed(self, block: bytes) -> Iterator[Event]:
        """The events that are complete with ``block``."""
        *lines, self._rest = (self._rest + block).split(b"\n")
        for line in lines:
            if line:
                self._field(line.decode("utf-8", "replace"))
            elif self._event is not None:
                event, self._event = self._event, None
                yield event

    def _field(self, line: str) -> None:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not field:  # a line that begins with a colon only says that the server is there
            return
        event = self._event = self._event or Event()
        if field == "event":
            event.name = value
        elif field == "data":
            event.data = f"{event.data}\n{value}" if event.data else value
        elif field == "id":
            event.identity = value


class ArrayReader:
    """The objects of a JSON array, each as soon as it is there; only one of them is held in memory."""

    def __init__(self) -> None:
        self._json = json.JSONDecoder()
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""

    def feed(self, block: bytes) -> Iterator[dict[str, Any]]:
        """The objects that are complete with ``block``."""
        text, begin = self._text + self._utf8.decode(block), 0
        while (begin := _skip(text, begin)) < len(text):
            try:
                value, begin = self._json.raw_decode(text, begin)
            except ValueError:
                break
            yield value
        self._text = text[begin:]


def _skip(text: str, begin: int) -> int:
    """The place of the next value: behind brackets, commas and blanks."""
    while begin < len(text) and text[begin] in "[], \r\n\t":
        begin += 1
    return begin
