"""Which proxy is next, decided from values and a time."""

import random

import pytest

from lamplighter.runner.scrapy_side.proxies.accounts import MOST_ACCOUNTS, Accounts
from lamplighter.runner.scrapy_side.proxies.blame import Doubts, of_exception, of_status
from lamplighter.runner.scrapy_side.proxies.plan import Plan, Proxy
from lamplighter.runner.scrapy_side.proxies.rotation import ALL_HOSTS, LONGEST_REST, Rotation

PROXIES = tuple(Proxy(number, "http", "127.0.0.1", number) for number in (1, 2, 3))


def rotation(kind: str = "RoundRobin", start: int = 0, **rested: float) -> Rotation:
    """At the time 0; ``rested`` has seconds of rest for all hosts, as ``p1=30``."""
    rests = {(int(name[1:]), ALL_HOSTS): seconds for name, seconds in rested.items()}
    return Rotation(Plan(kind, start, PROXIES, rests), 0.0, random.Random(1))


def chosen(
    made: Rotation, times: int, *, now: float = 0.0, host: str = "a", avoid: int | None = None
) -> list[int]:
    return [made.choose(host, now, avoid).id for _ in range(times)]


def test_round_robin_begins_at_the_start_and_skips_the_rested() -> None:
    assert chosen(rotation(start=1), 4) == [2, 3, 1, 2]
    assert chosen(rotation(p2=30), 4) == [1, 3, 1, 3]
    assert chosen(rotation(p2=30), 3, now=30.0) == [1, 2, 3]


def test_sticky_stays_at_the_start_and_leaves_it_only_for_its_rest() -> None:
    made = rotation("Sticky", start=2)
    assert chosen(made, 3, avoid=3) == [3, 3, 3]
    made.fail(PROXIES[2], "a", 0.0, 0.0)
    assert (chosen(made, 2), chosen(made, 1, host="b"), chosen(made, 1, now=30.0)) == ([1, 1], [3], [3])


def test_random_uses_all_but_the_rested() -> None:
    assert set(chosen(rotation("Random"), 100)) == {1, 2, 3}
    assert set(chosen(rotation("Random", p1=9), 100)) == {2, 3}


def test_the_one_that_failed_for_the_page_comes_last() -> None:
    assert chosen(rotation(), 3, avoid=1) == [2, 3, 2]
    assert chosen(rotation(p2=30, p3=30), 2, avoid=1) == [1, 1]


def test_when_all_are_rested_it_is_the_one_whose_rest_ends_first() -> None:
    assert chosen(rotation(p1=30, p2=20, p3=40), 2) == [2, 2]


def test_a_rest_is_twice_as_long_each_time_up_to_half_an_hour_and_a_success_ends_it() -> None:
    made, proxy, now = rotation(), PROXIES[0], 0.0
    for length in [30, 60, 120, 240, 480, 960, LONGEST_REST, LONGEST_REST]:
        made.fail(proxy, ALL_HOSTS, now, now)
        assert made._rested_until(0, "a") == now + length
        now += length
    made.succeed(proxy, "a")
    made.fail(proxy, ALL_HOSTS, now, now)
    assert made._rested_until(0, "a") == now + 30


def test_requests_that_began_before_the_rest_do_not_make_it_longer() -> None:
    made = rotation()
    for _ in range(16):
        made.fail(PROXIES[0], "a", 1.0, 5.0)
    assert made._rested_until(0, "a") == 35.0


class TunnelError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "at_proxy"),
    [
        (ConnectionRefusedError("no"), True),
        (TunnelError("Could not open CONNECT tunnel with proxy x:1 [{'status': 407, 'reason': b''}]"), True),
        (TunnelError("Could not open CONNECT tunnel with proxy x:1 [{'status': 502, 'reason': b''}]"), False),
        (TunnelError("Could not open CONNECT tunnel with proxy x:1 [b'SSH-2.0']"), True),
        (TimeoutError("took longer than 9 seconds"), None),
    ],
)
def test_who_is_to_blame(error: Exception, at_proxy: bool | None) -> None:
    blame = of_exception(error)
    assert blame is not None
    assert blame.at_proxy is at_proxy


def test_statuses_that_say_something_of_the_proxy() -> None:
    told = {status: blame.at_proxy for status in range(200, 600) if (blame := of_status(status, True))}
    assert told == {403: False, 407: True, 429: False, 502: False, 503: False, 504: False}


def test_silence_is_the_proxys_fault_when_hosts_differ_or_it_never_worked() -> None:
    doubts = Doubts()
    assert [doubts.at_proxy(1, "a"), doubts.at_proxy(1, "a")] == [False, True]
    doubts.answered(1)
    assert [doubts.at_proxy(1, "a"), doubts.at_proxy(1, "a"), doubts.at_proxy(1, "b")] == [False, False, True]


def test_a_proxy_that_works_again_has_no_failures_of_its_own_in_a_row() -> None:
    accounts = Accounts()
    accounts.fail(1, "a", 1, "refused", at_proxy=True)
    accounts.fail(1, "b", 1, "HTTP 403", at_proxy=False)
    accounts.fail(2, "a", 1, "refused", at_proxy=True)
    accounts.succeed(1, "c", 1)
    rows = {(entry["id"], entry["host"]): entry["failuresInRow"] for entry in accounts.told()}
    assert rows == {(1, "a"): 0, (1, "b"): 1, (1, "c"): 0, (2, "a"): 1}


def test_the_accounts_of_very_many_hosts_are_added_up() -> None:
    accounts = Accounts()
    for number in range(MOST_ACCOUNTS + 50):
        accounts.succeed(1, f"host{number}", 1)
    told = accounts.told()
    assert len(told) == MOST_ACCOUNTS + 1
    assert (told[-1]["host"], told[-1]["requests"]) == ("*", 50)


def test_a_site_behind_a_tunnel_does_not_refuse_our_credentials() -> None:
    assert of_status(407, speaks_http=False) is None


def test_proxies_that_refused_are_not_chosen_while_there_are_others() -> None:
    made = rotation(p1=10, p2=20, p3=30)
    assert made.choose("a", 0.0, refused={1}).id == 2
    assert made.choose("a", 0.0, refused={1, 2}).id == 3
    assert made.choose("a", 0.0, refused={1, 2, 3}).id == 1
