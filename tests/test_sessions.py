"""How long a session is good, by a clock that is moved."""

import pytest
import sqlalchemy as sa

from lamplighter.errors import NotAuthenticated
from lamplighter.service.identity import Identity
from lamplighter.service.sessions import Sessions
from lamplighter.service.tokens import TokenSigner
from lamplighter.store.database import Database
from lamplighter.store.tables import sessions as rows
from virtual_clock import VirtualClock

KEY = "sk-the-administrators"


@pytest.fixture
def sessions(db: Database, clock: VirtualClock) -> Sessions:
    identity = Identity(db, clock, TokenSigner(b"secret"))
    identity.set_up(KEY, lambda _key: None)
    return Sessions(db, clock, identity)


def is_good(sessions: Sessions, token: str) -> bool:
    try:
        sessions.actor(token)
    except NotAuthenticated:
        return False
    return True


def test_a_session_is_its_users(sessions: Sessions) -> None:
    actor = sessions.actor(sessions.begin_with_key(KEY))
    assert (actor.name, actor.is_admin, actor.api_key_id) == ("admin", True, 1)


def test_it_ends_twelve_hours_after_its_last_use(sessions: Sessions, clock: VirtualClock) -> None:
    token = sessions.begin_with_key(KEY)
    for _ in range(5):
        clock.advance(hours=11)
        assert is_good(sessions, token)
    clock.advance(hours=12)
    assert not is_good(sessions, token)


def test_it_ends_after_thirty_days_however_much_it_is_used(sessions: Sessions, clock: VirtualClock) -> None:
    token = sessions.begin_with_key(KEY)
    for _ in range(71):
        clock.advance(hours=10)
        assert is_good(sessions, token)
    clock.advance(hours=10)
    assert not is_good(sessions, token)


def test_signing_out_ends_one_session_and_no_other(sessions: Sessions) -> None:
    one, other = sessions.begin_with_key(KEY), sessions.begin_with_key(KEY)
    sessions.end(one)
    assert not is_good(sessions, one)
    assert is_good(sessions, other)


def test_what_is_over_is_forgotten_and_no_token_is_kept(
    sessions: Sessions, clock: VirtualClock, db: Database
) -> None:
    sessions.begin_with_key(KEY)
    clock.advance(hours=13)
    token = sessions.begin_with_key(KEY)
    with db.read() as c:
        [row] = c.execute(sa.select(rows)).mappings()
    assert token not in str(dict(row))


def test_a_token_that_was_never_given_out_is_none(sessions: Sessions) -> None:
    assert not is_good(sessions, "x")
