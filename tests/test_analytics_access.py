"""Analytics and billing tell everybody only of the agents that they see."""

from datetime import timedelta

import pytest

from lamplighter import lifecycle
from lamplighter.charging import Work
from lamplighter.errors import NotAllowed, NotFound
from lamplighter.model import Actor, Counters, Role, RunStatus, SortRuns, TransactionType, UsageType, Verdict
from lamplighter.planner import CREDIT
from lamplighter.service.analytics import Analytics
from lamplighter.service.billing import Billing, CreditsRequest, RatesRequest, SortAgents, TimeUnit
from lamplighter.store import billing, runs
from lamplighter.store.database import Database
from lamplighter.store.tables import agents, spaces
from store_rows import NOON, make_agent, make_schedule, make_server, start_set
from virtual_clock import VirtualClock

HOUR = timedelta(hours=1)
ADMIN = Actor(1, "admin", is_admin=True)
MEMBER = Actor(2, "member", is_admin=False, roles={2: Role.VIEWER})
STRANGER = Actor(3, "stranger", is_admin=False)


class Scene:
    """Two spaces with an agent each: each has a schedule and one run, which failed and cost 2 credits."""

    def __init__(self, db: Database, clock: VirtualClock) -> None:
        self.analytics, self.billing = Analytics(db, clock), Billing(db, clock)
        with db.write() as c:
            make_server(c)
            self.first, self.second = make_agent(c, "first"), make_agent(c, "second")
            c.execute(spaces.insert().values(name="other", created=NOON))
            c.execute(agents.update().where(agents.c.id == self.second).values(space_id=2))
            billing.set_rates(c, {UsageType.AGENT_INPUTS: CREDIT}, NOON)
            for agent in (self.first, self.second):
                make_schedule(c, agent)
                start_set(c, agent)
            for claim in runs.claim(c, 1, 9, NOON):
                runs.begin(c, claim, NOON)
            for run in runs.on_server(c, 1):
                counters, verdict = Counters(data_count=5), Verdict(RunStatus.FAILURE, "no luck")
                lifecycle.conclude(c, run, verdict, counters, NOON, Work(inputs=2))


@pytest.fixture
def scene(db: Database, clock: VirtualClock) -> Scene:
    return Scene(db, clock)


@pytest.mark.parametrize(("actor", "wanted"), [(ADMIN, 2), (MEMBER, 1), (STRANGER, 0)])
def test_everything_is_about_the_agents_that_one_sees(scene: Scene, actor: Actor, wanted: int) -> None:
    summary, _ = scene.analytics.runs_summary(actor, None, None, None, 10)
    assert len(scene.analytics.upcoming(actor, None, None)) == wanted
    assert scene.analytics.count_upcoming(actor, None, None) == wanted
    fires, _ = scene.analytics.every_fire(actor, None, NOON + HOUR, 1000)
    assert len(fires) == 60 * wanted
    assert (summary.total, len(summary.failed or ())) == (wanted, wanted)
    assert scene.analytics.records_summary(actor, None, None, None).sums.extracted == 5 * wanted
    assert scene.billing.spending(actor, None, None).total == 2 * CREDIT * wanted
    found = scene.billing.agents(
        actor, None, None, (), None, SortAgents.NAME, descending=False, skip=0, limit=9
    )
    assert (found.count, found.total) == (wanted, 2 * CREDIT * wanted)


def test_an_agent_that_one_does_not_see_is_not_there(scene: Scene) -> None:
    def ask(agent: int) -> None:
        scene.billing.agent(MEMBER, agent, None, None, (), TimeUnit.DAY)
        scene.billing.runs(MEMBER, agent, None, None, (), SortRuns.DATE, descending=False, skip=0, limit=9)
        scene.analytics.records_summary(MEMBER, None, None, agent)

    ask(scene.second)
    for agent in (scene.first, 99):
        with pytest.raises(NotFound, match=f"there is no agent {agent}"):
            scene.analytics.records_summary(MEMBER, None, None, agent)
        with pytest.raises(NotFound, match=f"there is no agent {agent}"):
            scene.billing.agent(MEMBER, agent, None, None, (), TimeUnit.DAY)
        with pytest.raises(NotFound, match=f"there is no agent {agent}"):
            scene.billing.runs(
                MEMBER, agent, None, None, (), SortRuns.DATE, descending=False, skip=0, limit=9
            )


def test_the_balance_is_for_administrators(scene: Scene) -> None:
    assert scene.billing.balance(ADMIN) == (-4 * CREDIT, NOON)
    assert scene.billing.spending(ADMIN, None, None).balance == -4 * CREDIT
    assert scene.billing.spending(MEMBER, None, None).balance is None
    for forbidden in (
        lambda: scene.billing.balance(MEMBER),
        lambda: scene.billing.history(MEMBER, skip=0, limit=9),
        lambda: scene.billing.add_credits(MEMBER, CreditsRequest.model_validate({"amount": 1})),
        lambda: scene.billing.set_rates(MEMBER, RatesRequest.model_validate({"rates": []})),
    ):
        with pytest.raises(NotAllowed):
            forbidden()


def test_everybody_may_know_the_rates(scene: Scene) -> None:
    assert scene.billing.rates(STRANGER)[UsageType.AGENT_INPUTS] == CREDIT


def test_the_history_is_of_the_whole_organization(scene: Scene) -> None:
    [debit], _ = scene.billing.history(ADMIN, skip=0, limit=9)
    assert (debit.type, debit.amount) == (TransactionType.DEBIT, -4 * CREDIT)
