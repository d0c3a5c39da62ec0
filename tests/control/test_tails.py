"""The end of a log that is only on another machine yet, over a real broker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lamplighter.bus.connection import Bus
from lamplighter.control.tails import MOST, Tails, serve_tails
from lamplighter.files import Files
from lamplighter.model import Claim
from lamplighter.pieces import continued, size_of
from over_the_broker import connection
from real_nats import RealNats

CLAIM = Claim(7, 2)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNats]:
    with RealNats(tmp_path_factory.mktemp("nats")) as broker:
        yield broker


@pytest.fixture
def far(broker: RealNats) -> Iterator[Bus]:
    with connection(broker, "w 1") as bus:
        yield bus


@pytest.fixture
def tails(broker: RealNats) -> Iterator[Tails]:
    with connection(broker, "control") as bus:
        yield Tails(bus)


def test_what_the_store_does_not_have_yet_follows_on_what_it_has(
    far: Bus, tails: Tails, tmp_path: Path
) -> None:
    there = Files.at(tmp_path / "w1", f"file://{tmp_path}/store", None)
    here = Files.at(tmp_path / "api", f"file://{tmp_path}/store", None)
    serve_tails(far, "w 1", there)
    log = there.attempt(7, 2).log
    log.parent.mkdir(parents=True)
    log.write_bytes(b"first\n")
    there.send_growth(log)
    with log.open("ab") as more:
        more.write(b"second\nthird\n")

    sent = here.open_of_run(here.attempt(7, 2).log)
    assert sent is not None
    assert size_of(sent) == 6
    whole = continued(sent, tails.ask("w 1", CLAIM, 6))

    with whole:
        assert whole.read() == b"first\nsecond\nthird\n"
        assert size_of(whole) == 19
        whole.seek(3)
        assert whole.read(5) == b"st\nse"
        whole.seek(10)
        assert whole.read(4) == b"nd\nt"
    assert sent.closed


def test_an_answer_has_its_bounds(far: Bus, tails: Tails, tmp_path: Path) -> None:
    there = Files(tmp_path / "w1")
    serve_tails(far, "w 1", there)
    assert tails.ask("w 1", CLAIM, 0) == b"", "there is no such log"
    log = there.attempt(7, 2).log
    log.parent.mkdir(parents=True)
    log.write_bytes(b"x" * MOST + b"yz")
    assert tails.ask("w 1", CLAIM, 0) == b"x" * MOST
    assert tails.ask("w 1", CLAIM, MOST) == b"yz"
    assert tails.ask("w 1", CLAIM, MOST + 5) == b""


def test_a_silent_server_has_no_newest_lines(tails: Tails) -> None:
    assert tails.ask("nobody", CLAIM, 0) == b""
