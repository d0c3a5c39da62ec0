"""Webhooks that start agents, and the deliveries that did so lately.

Those of an agent that was deleted are no longer there for anybody.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from lamplighter.model import Webhook
from lamplighter.store.schedules import settings_of, settings_values
from lamplighter.store.tables import agents, webhook_deliveries, webhooks


def insert(c: sa.Connection, webhook: Webhook) -> int:
    """Keep a new webhook and return its id; the id of ``webhook`` itself is ignored."""
    values = _values(webhook) | {"agent_id": webhook.agent_id, "created": webhook.created}
    return int(c.execute(webhooks.insert().values(values).returning(webhooks.c.id)).scalar_one())


def update(c: sa.Connection, webhook: Webhook) -> None:
    """Replace everything of a webhook but its agent, its creation time and what it did last."""
    c.execute(webhooks.update().where(webhooks.c.id == webhook.id).values(_values(webhook)))


def delete(c: sa.Connection, webhook_id: int) -> None:
    """Take a webhook away, with what is known of its deliveries. Its id is never given out again."""
    c.execute(webhooks.delete().where(webhooks.c.id == webhook_id))


def get(c: sa.Connection, webhook_id: int) -> Webhook | None:
    """One webhook, or None."""
    row = c.execute(_select().where(webhooks.c.id == webhook_id)).mappings().one_or_none()
    return None if row is None else _webhook(row)


def of_agent(c: sa.Connection, agent_id: int) -> list[Webhook]:
    """The webhooks of an agent, oldest first."""
    query = _select().where(webhooks.c.agent_id == agent_id).order_by(webhooks.c.id)
    return [_webhook(row) for row in c.execute(query).mappings()]


def note_use(
    c: sa.Connection, webhook_id: int, now: datetime, result: str, run_id: int | None = None
) -> None:
    """Write down what came of a use; without a run, the last one that it started stays known."""
    values: dict[str, Any] = {"last_used": now, "last_result": result}
    if run_id is not None:
        values["last_run_id"] = run_id
    c.execute(webhooks.update().where(webhooks.c.id == webhook_id).values(values))


def claim_delivery(
    c: sa.Connection, webhook_id: int, delivery: str, now: datetime, since: datetime
) -> int | None:
    """Take a delivery for this transaction, which is to start a run and ``name_run`` it.

    Returns None, or the run of the same delivery after ``since``, which then is not to start another. A second
    transaction with the same delivery waits here for the end of the first.
    """
    c.execute(
        webhook_deliveries.delete().where(
            webhook_deliveries.c.webhook_id == webhook_id, webhook_deliveries.c.created <= since
        )
    )
    # One statement for both databases, because SQLAlchemy has one for each.
    words = (
        "INSERT INTO webhook_deliveries (webhook_id, delivery, created) VALUES (:webhook, :delivery, :created)"
        " ON CONFLICT (webhook_id, delivery) DO NOTHING"
    )
    at = sa.bindparam("created", type_=webhook_deliveries.c.created.type)
    values = {"webhook": webhook_id, "delivery": delivery, "created": now}
    if c.execute(sa.text(words).bindparams(at), values).rowcount == 1:
        return None
    query = sa.select(webhook_deliveries.c.run_id).where(*_is(webhook_id, delivery))
    return int(c.execute(query).scalar_one())


def name_run(c: sa.Connection, webhook_id: int, delivery: str, run_id: int) -> None:
    """Note which run a claimed delivery started."""
    c.execute(webhook_deliveries.update().where(*_is(webhook_id, delivery)).values(run_id=run_id))


def _is(webhook_id: int, delivery: str) -> tuple[sa.ColumnElement[bool], ...]:
    return webhook_deliveries.c.webhook_id == webhook_id, webhook_deliveries.c.delivery == delivery


def _select() -> sa.Select[Any]:
    return (
        sa.select(webhooks).join(agents, agents.c.id == webhooks.c.agent_id).where(agents.c.deleted.is_(None))
    )


def _values(webhook: Webhook) -> dict[str, Any]:
    return settings_values(webhook.settings) | {
        "name": webhook.name,
        "is_enabled": webhook.is_enabled,
        "expires": webhook.expires,
        "accepts_input": webhook.accepts_input,
        "input_parameters": webhook.input_parameters,
        "generation": webhook.generation,
        "sealed_secret": webhook.sealed_secret,
        "updated": webhook.updated,
    }


def _webhook(row: sa.RowMapping) -> Webhook:
    names = Webhook.__dataclass_fields__.keys() - {"settings"}
    return Webhook(**{name: row[name] for name in names}, settings=settings_of(row))
