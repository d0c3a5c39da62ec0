"""Keys of requests: what is done and what is answered is one transaction, whatever happens and whenever."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from lamplighter.errors import Conflict
from lamplighter.files import Files
from lamplighter.pruner import Pruner
from lamplighter.service.idempotency import (
    Answer,
    Claim,
    Idempotency,
    KeyInUse,
    KeyReused,
    OutcomeUnknown,
)
from lamplighter.store.database import Database
from lamplighter.store.tables import idempotency_keys, server_groups
from lamplighter.vault import Vault
from virtual_clock import VirtualClock

CLAIM = Claim(1, "a-key", "fingerprint")
ANSWER = Answer(201, [("location", "/here")], '{"id": 1}')

# A process that carries a request out and ends itself, without any warning, at its nth statement or commit.
DYING = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
import sqlalchemy as sa
from lamplighter.clock import SystemClock
from lamplighter.service.idempotency import Answer, Claim, Idempotency
from lamplighter.store.database import Database
from lamplighter.store.tables import server_groups
from lamplighter.vault import Vault

url, folder, last = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
db = Database(url)
once = Idempotency(db, SystemClock(), Vault.in_folder(folder), lambda: None)
steps = 0

def step(*_ignored):
    global steps
    steps += 1
    if steps == last:
        os.kill(os.getpid(), signal.SIGKILL)

for event in ("before_cursor_execute", "after_cursor_execute", "commit"):
    sa.event.listen(db.engine, event, step)

def work():
    now = datetime.now(UTC)
    with db.write() as c:
        c.execute(server_groups.insert().values(name="made", created=now, updated=now))
    with db.write() as c:
        c.execute(server_groups.update().values(description="in two steps"))
    return Answer(201, [("location", "/here")], '{"id": 1}')

print(once.carry_out(Claim(1, "a-key", "fingerprint"), work)[1])
"""


@pytest.fixture
def once(db: Database, clock: VirtualClock, tmp_path: Path) -> Idempotency:
    with db.write() as c:
        c.exec_driver_sql("INSERT INTO users (id, name, is_admin, created) VALUES (1, 'somebody', false, 0)")
    return another(db, clock, tmp_path)


def another(db: Database, clock: VirtualClock, folder: Path) -> Idempotency:
    """What the next process of the server has."""
    return Idempotency(db, clock, Vault.in_folder(folder), lambda: None)


def make(db: Database, clock: VirtualClock, name: str = "made") -> Answer:
    with db.write() as c:
        c.execute(server_groups.insert().values(name=name, created=clock.now(), updated=clock.now()))
    return ANSWER


def made(db: Database) -> list[str]:
    with db.read() as c:
        return list(c.execute(sa.select(server_groups.c.name).order_by(server_groups.c.id)).scalars())


def test_a_repeat_does_nothing_and_gets_the_answer(
    once: Idempotency, db: Database, clock: VirtualClock
) -> None:
    assert once.carry_out(CLAIM, lambda: make(db, clock)) == (ANSWER, False)
    assert once.carry_out(CLAIM, lambda: make(db, clock, "again")) == (ANSWER, True)
    assert made(db) == ["made"]


def test_what_fails_leaves_neither_a_change_nor_a_key(
    once: Idempotency, db: Database, clock: VirtualClock
) -> None:
    def fails() -> Answer:
        make(db, clock, "in vain")
        raise Conflict("no")

    with pytest.raises(Conflict):
        once.carry_out(CLAIM, fails)

    assert made(db) == []
    assert once.known(CLAIM) is None
    assert once.carry_out(CLAIM, lambda: make(db, clock)) == (ANSWER, False)


def test_a_part_that_fails_and_is_passed_over_leaves_the_rest(
    once: Idempotency, db: Database, clock: VirtualClock
) -> None:
    def work() -> Answer:
        make(db, clock)
        with suppress(Conflict), db.write() as c:
            c.execute(server_groups.update().values(name="spoiled"))
            raise Conflict("no")
        return make(db, clock, "and more")

    once.carry_out(CLAIM, work)

    assert made(db) == ["made", "and more"]


def test_what_was_written_before_is_seen_by_what_reads_later(
    once: Idempotency, db: Database, clock: VirtualClock
) -> None:
    def work() -> Answer:
        make(db, clock)
        return Answer(200, [], str(made(db)))

    assert once.carry_out(CLAIM, work)[0].body == "['made']"


def test_others_do_not_see_a_change_before_its_answer(
    once: Idempotency, db: Database, clock: VirtualClock
) -> None:
    def work() -> Answer:
        make(db, clock)
        with ThreadPoolExecutor(1) as threads:
            assert threads.submit(made, db).result() == []
        return ANSWER

    once.carry_out(CLAIM, work)


def test_a_request_that_swallows_all_errors_is_not_carried_out_beside_another_one(
    once: Idempotency, db: Database, clock: VirtualClock
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Answer:
        begun.set()
        go_on.wait()
        for name in ("slow", "slow again"):
            with suppress(Exception):
                make(db, clock, name)
        return Answer(500, [], "")

    with ThreadPoolExecutor(1) as threads:
        second = threads.submit(once.carry_out, CLAIM, slow)
        begun.wait()
        once.carry_out(CLAIM, lambda: make(db, clock))
        go_on.set()
        assert second.result() == (ANSWER, True)
    assert made(db) == ["made"]


def test_another_fingerprint_is_refused(once: Idempotency, db: Database, clock: VirtualClock) -> None:
    once.carry_out(CLAIM, lambda: make(db, clock))

    with pytest.raises(KeyReused):
        once.carry_out(Claim(1, "a-key", "another"), lambda: make(db, clock, "again"))


def test_a_key_holds_for_a_day(once: Idempotency, db: Database, clock: VirtualClock) -> None:
    once.carry_out(CLAIM, lambda: make(db, clock))
    clock.advance(hours=23, minutes=59)
    assert once.carry_out(CLAIM, lambda: make(db, clock, "again"))[1] is True
    clock.advance(minutes=1)

    assert once.carry_out(CLAIM, lambda: make(db, clock, "a day later"))[1] is False
    assert made(db) == ["made", "a day later"]


def test_old_keys_are_removed_and_others_stay(
    once: Idempotency, db: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    once.keep(CLAIM, ANSWER)
    now = clock.advance(hours=20)
    once.keep(Claim(1, "younger", "fingerprint"), ANSWER)

    Pruner(db, Files(tmp_path)).pass_once(now + timedelta(hours=5))

    with db.read() as c:
        assert c.execute(sa.select(idempotency_keys.c.key)).scalars().all() == ["younger"]


# --- what acts outside of the database ---


def test_what_was_begun_is_not_begun_again_meanwhile(once: Idempotency) -> None:
    assert once.begin(CLAIM) is None

    with pytest.raises(KeyInUse) as problem:
        once.begin(CLAIM)
    assert problem.value.retry_after == 1
    once.keep(CLAIM, ANSWER)
    assert once.begin(CLAIM) == ANSWER


def test_of_many_that_begin_at_the_same_time_one_does(once: Idempotency) -> None:
    together = threading.Barrier(8)

    def begin(_: int) -> bool:
        together.wait()
        try:
            return once.begin(CLAIM) is None
        except KeyInUse:
            return False

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(begin, range(8))) == 1


def test_what_was_begun_before_the_server_was_killed_is_said_to_be_unknown(
    once: Idempotency, db: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    once.begin(CLAIM)

    with pytest.raises(OutcomeUnknown, match="look whether it was done"):
        another(db, clock, tmp_path).begin(CLAIM)


def test_what_was_begun_and_failed_nobody_knows_how_is_unknown_too(once: Idempotency) -> None:
    once.begin(CLAIM)
    once.lose(CLAIM)

    with pytest.raises(OutcomeUnknown):
        once.begin(CLAIM)


def test_what_was_begun_and_was_not_done_may_be_tried_again(once: Idempotency) -> None:
    once.begin(CLAIM)
    once.free(CLAIM)

    assert once.begin(CLAIM) is None


# --- killed ---


def test_a_process_that_is_killed_at_any_step_has_done_all_or_nothing(
    once: Idempotency, db: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    url = db.engine.url.render_as_string(hide_password=False)
    for last in range(1, 100):
        command = [sys.executable, "-c", DYING, url, str(tmp_path), str(last)]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        if process.returncode == 0:
            break
        assert process.returncode == -9, process.stderr
        assert made(db) == []
        assert once.known(CLAIM) is None

    assert last > 10, "it must have been killed at many steps"
    assert process.stdout == "False\n"
    assert made(db) == ["made"]
    assert once.carry_out(CLAIM, lambda: make(db, clock, "again")) == (ANSWER, True)
