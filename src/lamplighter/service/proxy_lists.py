"""The list of proxies in a request: reading it, and finding those of a pool that stay as they are."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lamplighter.errors import FieldError, InvalidInput
from lamplighter.model import Proxy
from lamplighter.proxy_address import HIDDEN, ProxyAddress


@dataclass(frozen=True, slots=True)
class Entry:
    """One proxy of a list. Without ``address`` it only names one of the pool: by id, or as it was shown."""

    field: str
    id: int | None
    address: ProxyAddress | None
    shown: str | None


@dataclass(frozen=True, slots=True)
class Member:
    """A proxy of the pool; ``address`` is None when its credentials cannot be read any more."""

    proxy: Proxy
    address: ProxyAddress | None


def read_entries(values: Sequence[Any]) -> list[Entry]:
    """What the list says; InvalidInput names every entry that is wrong, and repeats no credentials."""
    errors: list[FieldError] = []
    entries: list[Entry] = []
    for index, value in enumerate(values):
        try:
            entries.append(_read_entry(f"proxies[{index}]", value))
        except InvalidInput as problem:
            errors += problem.errors
    if not values:
        errors.append(
            FieldError("proxies", "must hold at least one proxy: a pool without would let runs go unproxied")
        )
    if errors:
        raise InvalidInput(*errors)
    return entries


def match(entries: Sequence[Entry], members: Sequence[Member]) -> list[Proxy | ProxyAddress]:
    """For each entry the proxy of the pool that it is, or the address of a new one.

    InvalidInput names the entries that mean the same, or that mean none or several of the pool.
    """
    hidden = _Hidden(entries, members)
    by_id = {member.proxy.id: member.proxy for member in members}
    by_address = {member.address: member.proxy for member in members if member.address is not None}
    errors: list[FieldError] = []
    matched: list[Proxy | ProxyAddress] = []
    seen: dict[int | ProxyAddress, str] = {}
    for entry in entries:
        try:
            if entry.address is not None:
                found = by_address.get(entry.address) or entry.address
            elif entry.id is not None:
                found = _with_id(entry, by_id)
            else:
                found = hidden.next(entry)
            key = found.id if isinstance(found, Proxy) else found
            if key in seen:
                raise InvalidInput.of(entry.field, f"is the same proxy as {seen[key]}: name each only once")
            seen[key] = entry.field
            matched.append(found)
        except InvalidInput as problem:
            errors += problem.errors
    if errors:
        raise InvalidInput(*errors)
    return matched


class _Hidden:
    """The proxies that are shown without their credentials, to be found again by what is shown of them."""

    def __init__(self, entries: Iterable[Entry], members: Iterable[Member]) -> None:
        self._asked = Counter(e.shown for e in entries if e.address is None and e.id is None)
        self._all: dict[str, list[Proxy]] = {}
        for member in members:
            if member.proxy.sealed_credentials is not None:
                self._all.setdefault(member.proxy.address, []).append(member.proxy)
        self._left = {address: iter(proxies) for address, proxies in self._all.items()}

    def next(self, entry: Entry) -> Proxy:
        shown = entry.shown or ""
        count = len(self._all.get(shown, ()))
        if count == 0:
            raise InvalidInput.of(
                entry.field,
                f"its credentials are hidden ({HIDDEN}) and the pool has no such proxy: write them out",
            )
        if self._asked[shown] != count:
            raise InvalidInput.of(
                entry.field,
                f'may be any of {count} proxies that look like this: send the id of the one, such as {{"id": 7}}',
            )
        return next(self._left[shown])


def _with_id(entry: Entry, by_id: Mapping[int, Proxy]) -> Proxy:
    known = by_id.get(entry.id or 0)
    if known is None or entry.shown not in (None, known.address):
        raise InvalidInput.of(
            entry.field,
            "its id is not that of a proxy of the pool with this address; leave the id out for a new one",
        )
    return known


def _read_entry(field: str, value: Any) -> Entry:
    if isinstance(value, str):
        value = {"url": value}
    if not isinstance(value, Mapping):
        raise InvalidInput.of(field, 'must be an address such as "http://host:8080", or an object with url')
    given = {str(name).lower(): one for name, one in value.items() if one is not None}
    known_id, url = given.get("id"), given.get("url")
    if known_id is not None and (not isinstance(known_id, int) or isinstance(known_id, bool)):
        raise InvalidInput.of(f"{field}.id", "must be a whole number: the id of a proxy of the pool")
    for name in ("url", "username", "password"):
        if not isinstance(given.get(name, ""), str):
            raise InvalidInput.of(f"{field}.{name}", "must be text")
    if url is None:
        if known_id is None or len(given.keys() & {"username", "password"}) > 0:
            raise InvalidInput.of(f"{field}.url", "is required: an address such as http://host:8080")
        return Entry(field, known_id, None, None)
    address = ProxyAddress.read(field, url, given.get("username"), given.get("password"))
    if address.username == HIDDEN and address.password is None:
        return Entry(field, known_id, None, address.address)
    return Entry(field, known_id, address, address.address)
