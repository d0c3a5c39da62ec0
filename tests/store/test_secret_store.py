"""Secrets in the database."""

from datetime import timedelta

from lamplighter.store import agents, schedules, secrets
from lamplighter.store.database import Database
from lamplighter.store.tables import agent_versions, spaces
from lamplighter.store.tables import schedules as schedule_rows
from store_rows import NOON, make_agent, make_schedule

LATER = NOON + timedelta(hours=1)


def test_a_secret_is_new_once_and_replaced_afterwards(db: Database) -> None:
    with db.write() as c:
        make_agent(c)
        assert secrets.put(c, 1, "A", "sealed", NOON)
        assert not secrets.put(c, 1, "A", "sealed again", LATER)
        assert secrets.every(c, 1) == [secrets.KnownSecret("A", NOON, LATER)]
        assert secrets.sealed(c, 1, ["A", "B"]) == {"A": "sealed again"}
        assert secrets.delete(c, 1, "A")
        assert not secrets.delete(c, 1, "A")


def test_each_space_has_secrets_of_its_own(db: Database) -> None:
    with db.write() as c:
        make_agent(c)
        c.execute(spaces.insert().values(name="other", created=NOON))
        assert secrets.put(c, 1, "A", "of the first", NOON)
        assert secrets.put(c, 2, "A", "of the second", NOON)
        assert secrets.sealed(c, 1, ["A"]) == {"A": "of the first"}
        assert secrets.sealed(c, 2, ["A"]) == {"A": "of the second"}
        assert secrets.delete(c, 2, "A")
        assert secrets.names(c, 1) == {"A"}


def test_any_number_of_secrets_can_be_asked_for(db: Database) -> None:
    with db.write() as c:
        make_agent(c)
        for number in range(3):
            secrets.put(c, 1, f"S{number}", f"sealed {number}", NOON)
        wanted = [f"S{number}" for number in range(2000)]
        assert secrets.sealed(c, 1, wanted) == {f"S{number}": f"sealed {number}" for number in range(3)}
        assert secrets.sealed(c, 1, []) == {}


def test_only_what_may_refer_to_a_secret_is_looked_at(db: Database) -> None:
    with db.write() as c:
        plain, refers, deleted = (make_agent(c, name) for name in ("plain", "refers", "deleted"))
        agents.update(c, deleted, {"deleted": NOON})
        with_default = {"agent": {"run": ["true"]}, "inputs": {"k": {"default": "${secret:A}"}}}
        c.execute(
            agent_versions.update()
            .where(agent_versions.c.agent_id.in_([refers, deleted]))
            .values(manifest=with_default)
        )
        texts = ['{"k": "${secret:A}"}', r'{"k": "\u0024{secret:A}"}', '{"k": "nothing"}', None]
        made = [make_schedule(c, plain) for _ in texts]
        for schedule, text in zip(made, texts, strict=True):
            query = schedule_rows.update().where(schedule_rows.c.id == schedule.id)
            c.execute(query.values(input_parameters=text))
        gone = make_schedule(c, refers)
        schedules.delete(c, gone.id, NOON)
        own = make_schedule(c, refers)

        found = secrets.referrers(c, agents.default_space(c))

    assert [(one.agent_name, one.schedule_id) for one in found] == [
        ("refers", None),
        ("plain", made[0].id),
        ("plain", made[1].id),
        ("refers", own.id),
    ]
