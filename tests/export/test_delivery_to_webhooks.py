"""Delivery to a web address: what arrives there, and how often it is tried."""

import hashlib
import hmac
from datetime import UTC, datetime
from pathlib import Path

import pytest
from export_places import BOOKS, Receiver, Told, a_delivery, to
from standardwebhooks.webhooks import Webhook

from lamplighter.export.delivery import DeliveryFailed
from lamplighter.export.parcel import Limits
from lamplighter.signing import new_secret
from running_server import free_port


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_the_records_arrive_with_what_is_to_know_of_them(tmp_path: Path) -> None:
    delivery = a_delivery(tmp_path, BOOKS, agent_name="Bücher")
    with Receiver() as receiver:
        Told().deliver(delivery, to(receiver.url, headers={"X-Team": "prices"}))
    [request] = receiver.requests
    assert request.body == delivery.files["jsonl"].read_bytes()
    wanted = {
        "Content-Type": "application/x-ndjson",
        "X-Team": "prices",
        "X-Lamplighter-Agent": "B%C3%BCcher",
        "X-Lamplighter-Run": "7",
        "X-Lamplighter-Attempt": "1",
        "X-Lamplighter-Records": "2",
        "X-Lamplighter-Scheduled-Time": "2026-11-22T12:00:00Z",
    }
    assert wanted.items() <= request.headers.items()
    assert request.headers["Idempotency-Key"] == request.headers["X-Lamplighter-Delivery"]
    assert request.headers["Idempotency-Key"].startswith("run-7-1-")


def test_another_format_may_be_sent(tmp_path: Path) -> None:
    delivery = a_delivery(tmp_path, BOOKS)
    with Receiver() as receiver:
        Told().deliver(delivery, to(receiver.url, formats=["csv"]))
    assert receiver.requests[0].body == delivery.files["csv"].read_bytes()
    assert receiver.requests[0].headers["Content-Type"] == "text/csv; charset=utf-8"


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_no_records_are_told_too(tmp_path: Path, kind: str) -> None:
    with Receiver() as receiver:
        Told().deliver(a_delivery(tmp_path, []), to(receiver.url, formats=[kind]))
    assert receiver.requests[0].headers["X-Lamplighter-Records"] == "0"
    assert receiver.requests[0].body == b""


def test_the_signature_is_over_time_and_body(tmp_path: Path) -> None:
    with Receiver() as receiver:
        Told().deliver(a_delivery(tmp_path, BOOKS), to(receiver.url, secret="s3cret"))
    [request] = receiver.requests
    parts = dict(part.split("=") for part in request.headers["X-Lamplighter-Signature"].split(","))
    signed = parts["t"].encode() + b"." + request.body
    assert parts["v1"] == hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()


def test_a_secret_of_the_standard_signs_by_the_standard_too(tmp_path: Path) -> None:
    secret = new_secret()
    with Receiver() as receiver:
        Told().deliver(a_delivery(tmp_path, BOOKS), to(receiver.url, secret=secret))
        Told().deliver(a_delivery(tmp_path / "other", BOOKS), to(receiver.url, secret="s3cret"))
    first, second = receiver.requests
    headers = dict(first.headers.items())
    seconds = int(headers["webhook-timestamp"])
    # The time of these deliveries is that of their clock, so the signature is compared, not its age.
    then = datetime.fromtimestamp(seconds, UTC)
    assert headers["webhook-id"] == headers["Idempotency-Key"]
    signed = Webhook(secret).sign(headers["webhook-id"], then, first.body.decode())
    assert headers["webhook-signature"] == signed
    assert "X-Lamplighter-Signature" in headers
    assert "webhook-signature" not in second.headers


def test_a_receiver_that_is_not_ready_gets_the_same_delivery_again(tmp_path: Path) -> None:
    told = Told()
    with Receiver(500, 503, 200) as receiver:
        told.deliver(a_delivery(tmp_path, BOOKS), to(receiver.url))
    assert told.waits == [1, 2]
    assert len({request.headers["Idempotency-Key"] for request in receiver.requests}) == 1
    assert [len(request.body) for request in receiver.requests] == [len(receiver.requests[0].body)] * 3
    assert told.lines[0].endswith(
        "failed, the next one is in 1 s: it answered 500 Internal Server Error: what the receiver says"
    )


def test_after_four_tries_it_fails_and_says_what_was_answered(tmp_path: Path) -> None:
    told = Told()
    with Receiver(500) as receiver:
        with pytest.raises(DeliveryFailed) as failed:
            told.deliver(a_delivery(tmp_path, BOOKS), to(f"{receiver.url}/T0KEN"))
        host = receiver.url.removesuffix("/hook")
    assert str(failed.value) == (
        f"not delivered to {host}: it answered 500 Internal Server Error: what the receiver says (tried 4 times)"
    )
    assert len(receiver.requests) == 4
    assert sum(told.waits) == 7


@pytest.mark.parametrize("status", [302, 400, 401, 404, 410])
def test_a_refusal_is_not_tried_again(tmp_path: Path, status: int) -> None:
    with Receiver(status) as receiver, pytest.raises(DeliveryFailed, match=f"it answered {status} "):
        Told().deliver(a_delivery(tmp_path, BOOKS), to(receiver.url))
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(("asked", "waited"), [("3", 3), ("3600", 10), ("tomorrow", 1)])
def test_it_waits_as_long_as_it_is_asked_to_within_reason(tmp_path: Path, asked: str, waited: int) -> None:
    told = Told()
    with Receiver(429, 200, headers={"Retry-After": asked}) as receiver:
        told.deliver(a_delivery(tmp_path, BOOKS), to(receiver.url))
    assert sum(told.waits) == waited


def test_a_receiver_that_never_answers_costs_no_more_than_the_time_of_a_try(tmp_path: Path) -> None:
    limits = Limits(whole=0.2, waits=(1,))
    with (
        Receiver(0) as receiver,
        pytest.raises(DeliveryFailed, match=r"no answer in time .*\(tried 2 times\)"),
    ):
        Told().deliver(a_delivery(tmp_path, BOOKS), to(receiver.url), limits=limits)
    assert len(receiver.requests) == 2


def test_nobody_there_is_tried_again_and_told_without_the_path(tmp_path: Path) -> None:
    told = Told()
    with pytest.raises(DeliveryFailed, match=r"refused \(tried 4 times\)") as failed:
        told.deliver(a_delivery(tmp_path, BOOKS), to(f"http://127.0.0.1:{free_port()}/T0KEN"))
    assert "T0KEN" not in str(failed.value) + "".join(told.lines)


def test_a_large_file_is_sent_whole(tmp_path: Path) -> None:
    delivery = a_delivery(tmp_path, [{"n": number, "text": "x" * 100} for number in range(20_000)])
    with Receiver() as receiver:
        Told().deliver(delivery, to(receiver.url))
    assert receiver.requests[0].body == delivery.files["jsonl"].read_bytes()
