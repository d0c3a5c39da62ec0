"""The proxies of an attempt: chosen in the database, handed over in files, their health taken from the report."""

import json
import random
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamplighter import lifecycle
from lamplighter.control import proxies as plans
from lamplighter.control.face import NoProxies, ProxyPlan
from lamplighter.files import AttemptFolder
from lamplighter.model import Claim, Counters, ProxyHealth, Rotation, Run, RunSettings, RunStatus, Verdict
from lamplighter.proxy_address import ProxyAddress
from lamplighter.runner.proxies import forget, write
from lamplighter.store import proxies, runs
from lamplighter.store.database import Database
from lamplighter.vault import Vault
from store_rows import NOON, make_agent, make_server, start_set

ADDRESSES = ("http://ada:pw-1@a:1", "https://ada:pw-2@b:2", "socks5://c:3")


@dataclass
class Pool:
    """A pool in a real database, and runs that use it."""

    db: Database
    vault: Vault = field(default_factory=lambda: Vault(Fernet.generate_key()))
    id: int = 0
    agent: int = 0
    server: int = 0

    def run(self, max_retries: int = 9) -> Run:
        """A run that a server has claimed."""
        with self.db.write() as c:
            chosen = RunSettings(proxy_pool_id=self.id, max_retries=max_retries)
            set_id = start_set(c, self.agent, chosen)
            [run] = runs.of_set(c, set_id)
            return self._claimed(c, run.id)

    def next_attempt(self, run: Run) -> Run:
        """The same run after its attempt has failed and it was claimed again."""
        with self.db.write() as c:
            runs.begin(c, Claim(run.id, run.attempt), NOON)
            current = runs.get(c, run.id)
            assert current is not None
            assert lifecycle.conclude(c, current, Verdict(RunStatus.FAILURE, "no"), Counters(), NOON)
            return self._claimed(c, run.id)

    def _claimed(self, c: sa.Connection, run_id: int) -> Run:
        runs.claim(c, self.server, 10, NOON)
        run = runs.get(c, run_id)
        assert run is not None
        assert run.status is RunStatus.STARTING
        return run

    def plan(self, run: Run) -> ProxyPlan:
        """What the run's attempt is to use now."""
        with self.db.write() as c:
            found = plans.plan(c, self.vault, run, NOON, random.Random(1))
        assert found is not None
        return found

    def chosen(self, run: Run) -> str:
        """The letter of the proxy that the attempt begins with."""
        return self.plan(run).chosen.url[-3]

    def absorb(self, run: Run, *entries: Any) -> None:
        """Take this from the report of the run."""
        with self.db.write() as c:
            plans.absorb(c, {"proxies": list(entries)}, run, NOON)

    def health(self) -> dict[tuple[int, str], ProxyHealth]:
        """All that is known of the proxies."""
        with self.db.read() as c:
            return {(one.proxy_id, one.host): one for one in proxies.health(c, self.id, 10_000)}


@pytest.fixture
def pool(db: Database) -> Pool:
    made = Pool(db)
    with db.write() as c:
        made.agent = make_agent(c)
        made.server = make_server(c)
        made.id = proxies.insert(c, "pool", Rotation.ROUND_ROBIN, NOON)
        read = [ProxyAddress.read("p", text) for text in ADDRESSES]
        new = [(place, one.address, one.sealed_credentials(made.vault)) for place, one in enumerate(read)]
        proxies.replace(c, made.id, {}, new)
    return made


def entry(**values: Any) -> dict[str, Any]:
    return {"id": 1, "host": "shop.test", "requests": 1, "failures": 0, "failuresInRow": 0} | values


# --- choosing ---


def test_runs_take_turns(pool: Pool) -> None:
    assert [pool.chosen(pool.run()) for _ in range(4)] == ["a", "b", "c", "a"]


def test_the_next_attempt_takes_another_proxy_even_when_it_is_the_turn_of_the_same(pool: Pool) -> None:
    run = pool.run()
    assert pool.chosen(run) == "a"
    assert [pool.chosen(pool.run()) for _ in range(2)] == ["b", "c"]
    assert pool.chosen(pool.next_attempt(run)) == "b"


def test_a_run_without_a_pool_has_no_plan(pool: Pool) -> None:
    run = replace(pool.run(), settings=RunSettings())
    with pool.db.write() as c:
        assert plans.plan(c, pool.vault, run, NOON, random.Random(1)) is None


def test_a_pool_that_is_gone_is_told(pool: Pool) -> None:
    run = pool.run()
    with pool.db.write() as c:
        proxies.delete(c, pool.id)
    with pytest.raises(NoProxies, match=f"no proxy pool {pool.id} any more"):
        pool.plan(run)


def test_a_proxy_that_rests_is_passed_over_until_its_rest_is_over(pool: Pool) -> None:
    run = pool.run()
    pool.absorb(run, entry(failures=1, failuresInRow=1, atProxy=True))
    assert [pool.chosen(pool.run()) for _ in range(3)] == ["b", "c", "b"]
    run = pool.run()
    with pool.db.write() as c:
        later = plans.plan(c, pool.vault, run, NOON + timedelta(seconds=31), random.Random(1))
    assert later is not None
    assert later.chosen.url[-3] in "ac"


def test_when_all_rest_the_first_to_be_ready_is_used(pool: Pool) -> None:
    run = pool.run()
    for proxy_id, failures in ((1, 3), (2, 1), (3, 2)):
        pool.absorb(
            run,
            entry(id=proxy_id, requests=failures, failures=failures, failuresInRow=failures, atProxy=True),
        )
    assert pool.plan(pool.run()).order == (1, 2, 0)


# --- handing over ---


def test_the_agent_gets_the_addresses_with_their_credentials_for_its_eyes_only(
    pool: Pool, tmp_path: Path
) -> None:
    pool.absorb(pool.run(), entry(id=2, host="blocks.test", failures=1, failuresInRow=1))
    env = write(pool.plan(pool.run()), AttemptFolder(tmp_path))
    lines, plan = Path(env["LAMPLIGHTER_PROXIES"]), Path(env["LAMPLIGHTER_PROXY_PLAN"])
    assert lines.read_text().splitlines() == list(ADDRESSES)
    assert json.loads(plan.read_text()) == {
        "rotation": "RoundRobin",
        "start": 0,
        "proxies": [
            {"id": 1, "url": ADDRESSES[0], "rested": {}},
            {"id": 2, "url": ADDRESSES[1], "rested": {"blocks.test": 30.0}},
            {"id": 3, "url": ADDRESSES[2], "rested": {}},
        ],
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in (lines, plan)} == {0o600}
    forget(AttemptFolder(tmp_path))
    assert list(tmp_path.glob("proxies*")) == []


def test_the_environment_names_the_chosen_proxy(pool: Pool, tmp_path: Path) -> None:
    env = write(pool.plan(pool.run()), AttemptFolder(tmp_path))
    paths = {"LAMPLIGHTER_PROXIES", "LAMPLIGHTER_PROXY_PLAN"}
    names = {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"}
    assert env.keys() == paths | names
    assert {env[name] for name in names} == {ADDRESSES[0]}


def test_a_socks_proxy_is_named_for_all_protocols_too(pool: Pool, tmp_path: Path) -> None:
    pool.run(), pool.plan(pool.run()), pool.plan(pool.run())
    env = write(pool.plan(pool.run()), AttemptFolder(tmp_path))
    assert {env[n] for n in ("ALL_PROXY", "all_proxy", "http_proxy", "HTTPS_PROXY")} == {ADDRESSES[2]}


def test_the_plan_shows_no_credentials_of_itself(pool: Pool) -> None:
    plan = pool.plan(pool.run())
    assert "pw-1" not in repr(plan)
    assert plan.describe() == "goes through the proxy pool 'pool' (3 proxies), beginning with http://***@a:1"


def test_the_plan_says_how_many_proxies_rest(pool: Pool) -> None:
    pool.absorb(pool.run(), entry(failures=1, failuresInRow=1, atProxy=True))
    assert (
        "(3 proxies, 1 of them resting), beginning with https://***@b:2" in pool.plan(pool.run()).describe()
    )


# --- taking back ---


def test_what_an_agent_reports_is_added_up(pool: Pool) -> None:
    run = pool.run()
    for _ in range(2):
        pool.absorb(run, entry(requests=5, failures=2, traffic=100, lastError="503"))
    known = pool.health()
    assert known[1, "shop.test"] == ProxyHealth(
        1, "shop.test", 10, 4, traffic=200, last_error="503", last_used=NOON
    )
    assert known[1, ""].requests == 10


def test_an_error_is_kept_in_one_line_without_the_credentials_of_addresses(pool: Pool) -> None:
    pool.absorb(pool.run(), entry(lastError="via http://ada:pw-1@a:1\n\x1b[31m" + "x" * 999))
    text = pool.health()[1, "shop.test"].last_error
    assert text is not None
    assert text.startswith("via http://***@a:1  [31mxxx")
    assert len(text) == 500


def test_proxies_of_other_pools_are_none_of_the_runs_business(pool: Pool) -> None:
    with pool.db.write() as c:
        other = proxies.insert(c, "other", Rotation.RANDOM, NOON)
        proxies.replace(c, other, {}, [(0, "http://x:1", None)])
        [foreign] = proxies.of_pool(c, other)
    pool.absorb(pool.run(), entry(id=foreign.id), entry(id=99))
    assert pool.health() == {}


def test_not_endlessly_many_hosts_are_kept(pool: Pool) -> None:
    run = pool.run()
    pool.absorb(run, *(entry(host=f"h{number}.test", requests=number) for number in range(1, 400)))
    hosts = {host for proxy_id, host in pool.health() if proxy_id == 1}
    assert len(hosts) == 201
    assert {"", "h399.test", "h200.test"} <= hosts
    assert "h199.test" not in hosts


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
hostile = st.fixed_dictionaries(
    {"id": st.sampled_from([1, 2, True, 2**70]) | junk},
    optional={
        name: junk | st.sampled_from([2**63, -1, 1e308, 10**14])
        for name in ("host", "requests", "failures", "failuresInRow", "traffic", "lastError", "atProxy")
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk | st.fixed_dictionaries({"proxies": st.lists(hostile | junk, max_size=6) | junk}))
def test_no_report_whatsoever_does_harm(pool: Pool, document: object) -> None:
    run = pool.run()
    with pool.db.write() as c:
        plans.absorb(c, document if isinstance(document, Mapping) else {}, run, NOON)
    for health in pool.health().values():
        assert 0 <= health.failures <= health.requests < 2**63
        assert 0 <= health.traffic < 2**63
        assert health.rested_until is None or health.rested_until <= NOON + timedelta(minutes=30)


def test_sums_never_grow_beyond_what_the_database_holds(pool: Pool) -> None:
    run = pool.run()
    with pool.db.write() as c:
        whole = ProxyHealth(1, "", requests=2**62, traffic=2**62, failures_in_row=10**9)
        proxies.keep_health(c, (), [whole])
    pool.absorb(
        run, entry(requests=10**14, failures=10**14, failuresInRow=10**14, traffic=10**14, atProxy=True)
    )
    known = pool.health()[1, ""]
    assert (known.requests, known.traffic, known.failures_in_row) == (2**62, 2**62, 10**9)
