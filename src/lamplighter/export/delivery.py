"""Brings exported records to destinations: each one tried again where that may help, and none served twice.

What has it is noted beside the records, so a later delivery of the same records, after a crash or by hand, goes
to the others only. Files and objects have one name per run, so delivering them again changes nothing; a
database notes the delivery in the transaction that brings the records; a webhook gets the same
``Idempotency-Key`` with every try.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from lamplighter.clock import Clock, SystemClock
from lamplighter.disk import open_plain, write_whole
from lamplighter.errors import LamplighterError
from lamplighter.export.parcel import Delivery as Delivery  # part of what this module offers
from lamplighter.export.parcel import Limits, TryFailed
from lamplighter.export.to_database import to_database
from lamplighter.export.to_folder import to_folder
from lamplighter.export.to_object_store import to_object_store
from lamplighter.export.to_webhook import to_webhook
from lamplighter.manifest.destination import DestinationSection, Place

_LARGEST_NOTE = 1024**2
NOTE = "delivered.json"
_LONGEST_REASON = 500


class DeliveryFailed(LamplighterError):
    """Some destinations have not got the records; the message says which, why, and which ones have."""

    code = "delivery_failed"


def deliver(
    destinations: Sequence[DestinationSection],
    delivery: Delivery,
    keep_going: Callable[[], bool],
    wait: Callable[[float], None],
    say: Callable[[str], None],
    *,
    limits: Limits | None = None,
    clock: Clock | None = None,
) -> None:
    """Bring the records to every destination that has not got them yet; ``DeliveryFailed`` when one has not.

    Secrets in the destinations are values already. ``keep_going`` is asked before each try and while ``wait``
    (seconds) passes the time between two; ``say`` is told each step in a sentence.
    """
    delivery = replace(delivery, key=f"{delivery.key}-{_fingerprint(delivery)}")
    courier = _Courier(delivery, keep_going, wait, say, limits or Limits(), clock or SystemClock())
    note = _Note(delivery)
    failures: list[str] = []
    for section in destinations:
        if note.has(section):
            say(f"{section.title} has the records already")
            continue
        failure = courier.bring(section)
        if failure is not None:
            failures.append(f"not delivered to {section.title}: {failure}")
            continue
        try:
            note.add(section)
        except OSError as problem:  # it was delivered, and that is what counts
            say(f"that {section.title} has the records could not be noted: {problem}")
    if failures:
        having = [section.title for section in destinations if note.has(section)]
        told = [*failures, f"delivered to {', '.join(having)}"] if having else failures
        raise DeliveryFailed("; ".join(told))


class _Courier:
    """Goes to one destination after the other."""

    def __init__(
        self,
        delivery: Delivery,
        keep_going: Callable[[], bool],
        wait: Callable[[float], None],
        say: Callable[[str], None],
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._delivery = delivery
        self._keep_going = keep_going
        self._wait = wait
        self._say = say
        self._limits = limits
        self._clock = clock

    def bring(self, section: DestinationSection) -> str | None:
        """Try until it has the records; returns None then, else why it has not."""
        waits = self._limits.waits
        for number, pause in enumerate((*waits, None), start=1):
            if not self._keep_going():
                return "a stop was asked for"
            try:
                told = self._try(section)
            except TryFailed as failed:
                reason = _bounded(section.without_secrets(str(failed)))
                if not failed.can_pass or pause is None:
                    return reason if number == 1 else f"{reason} (tried {number} times)"
                seconds = pause if failed.wait is None else failed.wait
                self._say(
                    f"try {number} of {len(waits) + 1} to deliver to {section.title} failed,"
                    f" the next one is in {seconds:g} s: {reason}"
                )
                self._pass_the_time(seconds)
            else:
                count = self._delivery.record_count
                self._say(f"delivered {count:,} record{'' if count == 1 else 's'} to {told}")
                return None
        raise AssertionError("the last try returns")

    def _try(self, section: DestinationSection) -> str:
        missing = section.missing_extra()
        if missing is not None:
            raise TryFailed(missing)
        if section.place is Place.FOLDER:
            return to_folder(section, self._delivery)
        if section.place is Place.OBJECT_STORE:
            return to_object_store(section, self._delivery, self._limits)
        if section.place is Place.WEBHOOK:
            return to_webhook(section, self._delivery, self._limits, self._clock)
        if section.place is Place.DATABASE:
            return to_database(section, self._delivery, self._limits, self._clock)
        raise TryFailed("its address is a secret that was not filled in")

    def _pass_the_time(self, seconds: float) -> None:
        if self._keep_going():
            self._wait(seconds)


class _Note:
    """The file beside the records that says which destinations have them."""

    def __init__(self, delivery: Delivery) -> None:
        self._file = delivery.notes / NOTE
        self._key = delivery.key
        self._titles: dict[str, str] = {}
        with suppress(OSError, ValueError):  # none yet, or damaged: then everything is delivered again
            file = open_plain(self._file)
            document: Any = {} if file is None else json.loads(_whole(file))
            if isinstance(document, dict) and document.get("delivery") == self._key:
                titles = document.get("destinations")
                self._titles = titles if isinstance(titles, dict) else {}

    def has(self, section: DestinationSection) -> bool:
        """Whether the destination has these records."""
        return _identity(section) in self._titles

    def add(self, section: DestinationSection) -> None:
        """Write down that it has, so that it is on the disk."""
        self._titles[_identity(section)] = section.title
        document = {"delivery": self._key, "destinations": self._titles}
        write_whole(self._file, json.dumps(document, ensure_ascii=False, indent=1).encode())


def _whole(file: BinaryIO) -> bytes:
    with file:
        return file.read(_LARGEST_NOTE)


def _identity(section: DestinationSection) -> str:
    """What makes a destination the same one: where it is, not the credentials with which it is opened."""
    address = section.address
    place = address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()
    parts = (place, section.endpoint, section.name, section.formats, section.table)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _fingerprint(delivery: Delivery) -> str:
    """What the records are, in a few letters: other records under the same key are another delivery.

    Run numbers begin at 1 on every server, and several may deliver to one database.
    """
    code = hashlib.sha256()
    records: Path | None = delivery.files.get("jsonl")
    if records is not None:
        with records.open("rb") as content:
            while chunk := content.read(1024**2):
                code.update(chunk)
    return code.hexdigest()[:16]


def _bounded(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _LONGEST_REASON else plain[:_LONGEST_REASON] + "…"
