"""``lamplighter audit``"""

import json as json_text
from typing import Annotated, Any

import typer

from lamplighter.cli.options import option
from lamplighter.cli.output import as_json, hint, on_terminal, table
from lamplighter.cli.ranges import Since, Until, dates
from lamplighter.cli.session import Json, connect, keep_said, space_id, the_user
from lamplighter.cli.times import shown
from lamplighter.client.audit_log import AuditEntry

_LONGEST = 60  # signs of one value on a terminal


def audit(
    since: Since = None,
    until: Until = None,
    user: Annotated[str | None, option("--user", metavar="USER", help="Only what this user did.")] = None,
    action: Annotated[
        str | None, option("--action", help="Only this: schedule.update, or schedule for all of its kind.")
    ] = None,
    kind: Annotated[
        str | None, option("--kind", help="Only about this kind of thing, such as agent.")
    ] = None,
    subject: Annotated[
        str | None, option("--id", metavar="ID", help="Only about the thing with this id.")
    ] = None,
    space: Annotated[str | None, option("--space", metavar="SPACE", help="Only in this space.")] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1000, help="How many, newest first.")
    ] = 20,
    json: Json = False,
) -> None:
    """Show who changed what, newest first; only for administrators."""
    with connect() as client:
        wanted = dates(since, until) | keep_said(
            userId=None if user is None else the_user(client, user)["id"],
            spaceId=space_id(client, space),
            action=action,
            kind=kind,
            subjectId=subject,
        )
        entries = client.audit_log.every(maxRecords=limit, **wanted)
    if json:
        as_json(entries)
        return
    rows = [
        [shown(one["time"], seconds=True), one["userName"], one["action"], _what(one), _changes(one)]
        for one in entries
    ]
    table(["TIME", "USER", "ACTION", "WHAT", "CHANGES"], rows, wraps=["WHAT", "CHANGES"])
    if len(entries) == limit:
        hint(f"These are the newest {limit}. --limit shows more, --since and the like narrow it.")


def _what(entry: AuditEntry) -> str:
    if entry["kind"] == "run":  # its name says it all
        return entry["subjectName"] or f"run {entry['subjectId']}"
    return f"{entry['kind']} {entry['subjectId']} {entry['subjectName'] or ''}".strip()


def _changes(entry: AuditEntry) -> str:
    """``name: old → new`` of each change; of something new, what was given."""
    is_new = entry["action"].endswith(".create")
    return "; ".join(
        f"{name}: {_short(value[0])} → {_short(value[1])}"
        if isinstance(value, list) and len(value) == 2 and not is_new
        else f"{name}: {_short(value)}"
        for name, value in entry["changes"].items()
        if value is not None
    )


def _short(value: Any) -> str:
    text = (
        "none"
        if value is None
        else value
        if isinstance(value, str)
        else json_text.dumps(value, ensure_ascii=False)
    )
    return f"{text[:_LONGEST]}…" if on_terminal() and len(text) > _LONGEST else text
