"""Delivery to an object store, against a real S3 server."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from export_places import BOOKS, Receiver, Told, a_delivery, to

from lamplighter.export.delivery import DeliveryFailed
from lamplighter.export.parcel import Limits
from real_s3 import Bucket, s3_server
from running_server import free_port


@pytest.fixture(scope="module")
def s3() -> Iterator[Bucket]:
    """A real S3 server."""
    with s3_server() as server:
        yield server


def test_the_objects_get_names_of_agent_day_and_run_below_the_prefix(tmp_path: Path, s3: Bucket) -> None:
    s3.make("books")
    delivery, told = a_delivery(tmp_path, BOOKS), Told()
    told.deliver(delivery, to("s3://books/raw/shop", **s3.options))
    folder = "raw/shop/prices/2026-11-22/run-7"
    assert s3.names("books") == [f"{folder}/records.{kind}" for kind in ("csv", "jsonl", "parquet")]
    for kind, file in delivery.files.items():
        assert s3.content("books", f"{folder}/records.{kind}") == file.read_bytes()
    assert told.lines == [f"delivered 2 records to s3://books/{folder}/records.parquet"]


def test_name_and_formats_can_be_chosen(tmp_path: Path, s3: Bucket) -> None:
    s3.make("chosen")
    section = to("s3://chosen", name="ä {agent}.jsonl", formats=["jsonl"], **s3.options)
    Told().deliver(a_delivery(tmp_path, BOOKS), section)
    assert s3.names("chosen") == ["ä prices.jsonl"]


def test_a_large_file_arrives_whole(tmp_path: Path, s3: Bucket) -> None:
    s3.make("large")
    delivery = a_delivery(tmp_path, [{"n": number, "text": "x" * 100_000} for number in range(80)])
    Told().deliver(delivery, to("s3://large", name="x", formats=["jsonl"], **s3.options))
    assert s3.content("large", "x") == delivery.files["jsonl"].read_bytes()


def test_without_records_there_is_an_empty_object(tmp_path: Path, s3: Bucket) -> None:
    s3.make("empty")
    Told().deliver(a_delivery(tmp_path, []), to("s3://empty", name="x.{format}", **s3.options))
    assert s3.names("empty") == ["x.jsonl"]
    assert s3.content("empty", "x.jsonl") == b""


def test_a_bucket_that_is_not_there_is_told_at_once(tmp_path: Path, s3: Bucket) -> None:
    told = Told()
    sentence = "not delivered to s3://nowhere/p: there is no such bucket (404 NoSuchBucket)"
    with pytest.raises(DeliveryFailed, match=f"^{re.escape(sentence)}$"):
        told.deliver(a_delivery(tmp_path, BOOKS), to("s3://nowhere/p", **s3.options))
    assert told.waits == []


@pytest.mark.parametrize("status", [500, 503])
def test_a_store_in_trouble_is_tried_four_times(tmp_path: Path, status: int) -> None:
    told = Told()
    with Receiver(status) as receiver:
        options = {"endpoint": receiver.url, "access_key": "user", "secret_key": "not-told"}
        with pytest.raises(DeliveryFailed, match=rf": it answered {status} [\w ]+ \(tried 4 times\)$"):
            told.deliver(a_delivery(tmp_path, BOOKS), to("s3://b", formats=["jsonl"], **options))
    assert len(receiver.requests) == 4
    assert sum(told.waits) == 7


def test_a_store_that_is_away_is_tried_again(tmp_path: Path) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    section = to("s3://b", endpoint=endpoint, access_key="user", secret_key="not-told")
    message = r"^not delivered to s3://b: the connection was refused \(tried 4 times\)$"
    with pytest.raises(DeliveryFailed, match=message):
        Told().deliver(a_delivery(tmp_path, BOOKS), section)


def test_a_host_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    section = to("s3://b", endpoint="http://nobody.invalid:9", access_key="user", secret_key="not-told")
    message = r"^not delivered to s3://b: there is no such host \(tried 4 times\)$"
    with pytest.raises(DeliveryFailed, match=message):
        Told().deliver(a_delivery(tmp_path, BOOKS), section)


def test_a_store_that_does_not_answer_is_told_in_a_sentence(tmp_path: Path) -> None:
    with Receiver(0) as receiver:
        section = to("s3://b", endpoint=receiver.url, access_key="user", secret_key="not-told")
        with pytest.raises(DeliveryFailed, match=r"^not delivered to s3://b: no answer in time$"):
            Told().deliver(a_delivery(tmp_path, BOOKS), section, limits=Limits(whole=0.5, waits=()))


def test_a_refusal_of_a_request_is_not_tried_again(tmp_path: Path) -> None:
    told = Told()
    with Receiver(400) as receiver:
        options = {"endpoint": receiver.url, "access_key": "user", "secret_key": "not-told"}
        with pytest.raises(DeliveryFailed, match=r"it answered 400 Bad Request$"):
            told.deliver(a_delivery(tmp_path, BOOKS), to("s3://b", **options))
    assert told.waits == []


def test_a_refusal_of_the_credentials_is_not_tried_again(tmp_path: Path) -> None:
    told = Told()
    with Receiver(403) as receiver:
        options = {"endpoint": receiver.url, "access_key": "user", "secret_key": "not-told"}
        with pytest.raises(DeliveryFailed, match=r"access is denied \(403 Forbidden\)$"):
            told.deliver(a_delivery(tmp_path, BOOKS), to("s3://b", **options))
    assert told.waits == []
