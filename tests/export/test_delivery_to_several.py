"""Deliveries to several places: each gets the records once, however often it is begun anew."""

from pathlib import Path

import pytest
from export_places import BOOKS, Receiver, Told, a_delivery, to

from lamplighter.export.delivery import DeliveryFailed


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_one_that_fails_does_not_keep_the_records_from_the_others(tmp_path: Path) -> None:
    with Receiver(404) as receiver, pytest.raises(DeliveryFailed) as failed:
        Told().deliver(a_delivery(tmp_path / "run", BOOKS), to(receiver.url), to(tmp_path / "out"))
    host = receiver.url.removesuffix("/hook")
    assert str(failed.value) == (
        f"not delivered to {host}: it answered 404 Not Found: what the receiver says; delivered to {tmp_path}/out"
    )
    assert list((tmp_path / "out").rglob("records.jsonl"))


def test_a_redelivery_goes_only_to_those_that_have_not_got_it(tmp_path: Path) -> None:
    delivery = a_delivery(tmp_path / "run", BOOKS)
    with Receiver(200) as first, Receiver(400, 200) as second:
        places = (to(first.url), to(second.url))
        with pytest.raises(DeliveryFailed):
            Told().deliver(delivery, *places)
        told = Told()
        told.deliver(delivery, *places)
    assert (len(first.requests), len(second.requests)) == (1, 2)
    assert len({request.headers["Idempotency-Key"] for request in second.requests}) == 1
    assert told.lines[0].endswith("has the records already")


def test_a_new_password_does_not_make_it_another_destination(tmp_path: Path) -> None:
    delivery = a_delivery(tmp_path, BOOKS)
    with Receiver(200) as receiver:
        for password in ("old", "new"):
            Told().deliver(delivery, to(receiver.url.replace("//", f"//me:{password}@"), secret=password))
    assert len(receiver.requests) == 1


def test_other_records_under_the_same_key_are_another_delivery(tmp_path: Path) -> None:
    with Receiver(200) as receiver:
        Told().deliver(a_delivery(tmp_path, [{"a": 1}]), to(receiver.url))
        Told().deliver(a_delivery(tmp_path, [{"a": 2}]), to(receiver.url))
    keys = [request.headers["Idempotency-Key"] for request in receiver.requests]
    assert len(set(keys)) == 2


@pytest.mark.parametrize("note", [b"{", b"[]", b"", b'{"delivery": 3}', b"\xff"])
def test_a_damaged_note_only_means_that_it_is_delivered_again(tmp_path: Path, note: bytes) -> None:
    delivery = a_delivery(tmp_path, BOOKS)
    (tmp_path / "delivered.json").write_bytes(note)
    with Receiver(200) as receiver:
        Told().deliver(delivery, to(receiver.url))
        Told().deliver(delivery, to(receiver.url))
    assert len(receiver.requests) == 1


def test_a_note_that_cannot_be_written_does_not_make_it_a_failure(tmp_path: Path) -> None:
    told = Told()
    with Receiver(200) as receiver:
        told.deliver(a_delivery(tmp_path, BOOKS, notes=tmp_path / "nowhere"), to(receiver.url))
    assert "could not be noted" in told.lines[-1]


def test_a_stop_ends_the_waiting(tmp_path: Path) -> None:
    told = Told()
    told.keeps_going = lambda: len(told.waits) < 1
    with Receiver(500) as receiver, pytest.raises(DeliveryFailed, match="a stop was asked for"):
        told.deliver(a_delivery(tmp_path, BOOKS), to(receiver.url), to(tmp_path / "out"))
    assert len(receiver.requests) == 1
    assert not (tmp_path / "out").exists()


def test_a_format_that_the_records_have_not_is_told(tmp_path: Path) -> None:
    delivery = a_delivery(tmp_path / "run", [{f"c{number}": 1 for number in range(1001)}])
    with pytest.raises(DeliveryFailed, match="there is no csv of these records: they have too many columns"):
        Told().deliver(delivery, to(tmp_path / "out", formats=["csv"]))


def test_a_secret_that_was_not_filled_in_is_told(tmp_path: Path) -> None:
    with pytest.raises(DeliveryFailed, match="its address is a secret that was not filled in"):
        Told().deliver(a_delivery(tmp_path, BOOKS), to("${secret:WHERE}"))
