"""The audit log: who changed what, written in the transaction of the change."""

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa
from pydantic.alias_generators import to_camel

from lamplighter.model import Actor, AuditEntry, AuditFilter
from lamplighter.service.access import require_admin
from lamplighter.store import audit
from lamplighter.store.database import Database

_LONGEST = 2000  # characters of a value; an input may have a million


def note(
    c: sa.Connection,
    actor: Actor,
    now: datetime,
    action: str,
    *,
    kind: str,
    id: int | str,  # noqa: A002 - it is what it is called everywhere
    name: str | None = None,
    space_id: int | None = None,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Write down that ``actor`` did ``action`` (``schedule.update``) to the thing of this kind and id.

    ``changes`` are the wire's names with ``[old, new]``, or just what was given; never a secret.
    """
    audit.insert(
        c,
        {
            "time": now,
            "user_id": actor.user_id,
            "user_name": actor.name,
            "api_key_id": actor.api_key_id,
            "action": action,
            "kind": kind,
            "subject_id": str(id),
            "subject_name": name,
            "space_id": space_id,
            "changes": {field: _plain(value) for field, value in (changes or {}).items()},
        },
    )


def difference(old: Any, new: Any, *, leave_out: frozenset[str] = frozenset()) -> dict[str, list[Any]]:
    """What is other in ``new`` than in ``old``, two values of one dataclass: wire's name → [old, new]."""
    before, after = _flat(old), _flat(new)
    return {
        to_camel(name): [before.get(name), after.get(name)]
        for name in after
        if before.get(name) != after.get(name) and name not in leave_out
    }


class AuditLog:
    """Reading the audit log; only for administrators."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def entries(
        self, actor: Actor, wanted: AuditFilter, *, skip: int, limit: int
    ) -> tuple[list[AuditEntry], int]:
        """Changes, newest first; and how many there are."""
        require_admin(actor, changes=False)
        with self._db.read() as c:
            return audit.entries(c, wanted, skip=skip, limit=limit), audit.count(c, wanted)


def _flat(value: Any) -> dict[str, Any]:
    """The fields of a dataclass with those of the dataclasses in it."""
    flat: dict[str, Any] = {}
    for name, part in asdict(value).items():
        if is_dataclass(getattr(value, name)):
            flat |= part
        else:
            flat[name] = part
    return flat


def _plain(value: Any) -> Any:
    """The value as JSON can hold it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
