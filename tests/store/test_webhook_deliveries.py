"""A delivery starts one run, however often it comes, for a day."""

from datetime import timedelta

import sqlalchemy as sa

from lamplighter.model import RunSettings, Webhook
from lamplighter.store import webhooks
from lamplighter.store.database import Database
from store_rows import NOON, make_agent

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def make_webhook(c: sa.Connection, agent_id: int, name: str = "hook") -> int:
    return webhooks.insert(
        c,
        Webhook(
            id=0,
            agent_id=agent_id,
            name=name,
            is_enabled=True,
            expires=None,
            accepts_input=False,
            input_parameters=None,
            settings=RunSettings(),
            generation=1,
            sealed_secret=None,
            created=NOON,
            updated=NOON,
        ),
    )


def test_a_delivery_is_known_for_a_day_and_then_new(db: Database) -> None:
    with db.write() as c:
        hook = make_webhook(c, make_agent(c))
        assert webhooks.claim_delivery(c, hook, "one", NOON, NOON - DAY) is None
        webhooks.name_run(c, hook, "one", 7)
    later = NOON + DAY - SECOND
    with db.write() as c:
        assert webhooks.claim_delivery(c, hook, "one", later, later - DAY) == 7
        assert webhooks.claim_delivery(c, hook, "other", later, later - DAY) is None
        webhooks.name_run(c, hook, "other", 8)
    with db.write() as c:
        assert webhooks.claim_delivery(c, hook, "one", NOON + DAY, NOON) is None
        assert webhooks.claim_delivery(c, hook, "other", NOON + DAY, NOON) == 8


def test_what_another_webhook_was_sent_is_its_own(db: Database) -> None:
    with db.write() as c:
        agent = make_agent(c)
        hook, other = make_webhook(c, agent), make_webhook(c, agent, "other")
        assert webhooks.claim_delivery(c, hook, "one", NOON, NOON - DAY) is None
        assert webhooks.claim_delivery(c, other, "one", NOON, NOON - DAY) is None


def test_a_deleted_webhook_leaves_nothing_of_its_deliveries(db: Database) -> None:
    with db.write() as c:
        hook = make_webhook(c, make_agent(c))
        webhooks.claim_delivery(c, hook, "one", NOON, NOON - DAY)
        webhooks.delete(c, hook)
        assert c.execute(sa.text("SELECT count(*) FROM webhook_deliveries")).scalar_one() == 0
