"""Signatures of addresses and webhooks, held against published examples and another implementation."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from lamplighter.signing import HUB_SIGNATURE, Signer, key_of, new_secret, signed_headers, why_not_signed

# Published with Standard Webhooks.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
THEN = datetime.fromtimestamp(1614265330, UTC)
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
# Published by GitHub.
HUB_SECRET = "It's a Secret to Everybody"
HUB = {HUB_SIGNATURE: "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}


def key(secret: str) -> bytes:
    found = key_of(secret)
    assert found is not None
    return found


# --- our own addresses ---


def test_a_signature_is_worth_nothing_for_another_purpose_or_other_numbers() -> None:
    signer = Signer(b"k" * 32)
    signature = signer.sign("webhook", 1, 23)
    assert signer.is_right(signature, "webhook", 1, 23)
    assert not signer.is_right(signature, "download", 1, 23)
    assert not signer.is_right(signature, "webhook", 12, 3)
    assert not signer.is_right(signature, "webhook", 1, 24)
    assert not Signer(b"o" * 32).is_right(signature, "webhook", 1, 23)


@pytest.mark.parametrize("forged", ["", "0", "ä" * 64, "0" * 64])
def test_what_is_no_signature_at_all_is_just_wrong(forged: str) -> None:
    assert not Signer(b"k" * 32).is_right(forged, "webhook", 1, 1)


# --- Standard Webhooks ---


def test_the_published_example_is_signed_alike() -> None:
    assert signed_headers([key(SECRET)], HEADERS["webhook-id"], THEN, BODY) == HEADERS
    assert signed_headers([key(SECRET)], HEADERS["webhook-id"], THEN, [BODY[:5], BODY[5:]]) == HEADERS
    assert why_not_signed(SECRET, HEADERS, BODY, THEN) is None


@given(st.binary(min_size=24, max_size=64), st.text(), st.from_regex(r"[\w-]{1,40}", fullmatch=True))
def test_another_implementation_signs_alike(chance: bytes, text: str, message_id: str) -> None:
    theirs = Webhook(chance).sign(message_id, THEN, text.encode(errors="replace").decode())
    ours = signed_headers([chance], message_id, THEN, text.encode(errors="replace"))
    assert ours["webhook-signature"] == theirs


def test_another_implementation_takes_what_we_sign_also_with_an_old_key_beside_the_new() -> None:
    old, new, now = new_secret(), new_secret(), datetime.now(UTC)
    headers = signed_headers([key(new), key(old)], "msg_1", now, BODY)
    for secret in (old, new):
        assert Webhook(secret).verify(BODY, headers) == {"test": 2432232314}
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, headers)
    assert why_not_signed(old, headers, BODY, now) is None
    assert why_not_signed(new_secret(), headers, BODY, now) is not None


@pytest.mark.parametrize("seconds", [-300, 300])
def test_five_minutes_off_is_near_enough(seconds: int) -> None:
    assert why_not_signed(SECRET, HEADERS, BODY, THEN + timedelta(seconds=seconds)) is None


@pytest.mark.parametrize("seconds", [-301, 301, 10**6])
def test_what_was_signed_long_before_or_after_is_refused(seconds: int) -> None:
    why = why_not_signed(SECRET, HEADERS, BODY, THEN + timedelta(seconds=seconds))
    assert why is not None
    assert "5 minutes" in why


@pytest.mark.parametrize(
    ("changes", "body", "why"),
    [
        ({}, BODY + b" ", "no webhook-signature is that of this body"),
        ({"webhook-id": "msg_other"}, BODY, "no webhook-signature"),
        ({"webhook-id": ""}, BODY, "webhook-id and webhook-timestamp are needed"),
        ({"webhook-timestamp": ""}, BODY, "webhook-id and webhook-timestamp are needed"),
        ({"webhook-timestamp": "1614265331"}, BODY, "no webhook-signature"),
        ({"webhook-timestamp": "1614265330.0"}, BODY, "a number of seconds since 1970"),
        ({"webhook-timestamp": "٣"}, BODY, "a number of seconds since 1970"),
        ({"webhook-timestamp": "9" * 30}, BODY, "a number of seconds since 1970"),
        ({"webhook-signature": ""}, BODY, "no webhook-signature"),
        ({"webhook-signature": "v1,ä"}, BODY, "no webhook-signature"),
        (
            {"webhook-signature": HEADERS["webhook-signature"].replace("v1,", "v2,")},
            BODY,
            "no webhook-signature",
        ),
        ({"webhook-signature": "v1," * 40 + " " + HEADERS["webhook-signature"].lower()}, BODY, "no webhook"),
    ],
)
def test_what_is_not_signed_right_is_told_what_is_wrong(
    changes: dict[str, str], body: bytes, why: str
) -> None:
    assert why in str(why_not_signed(SECRET, HEADERS | changes, body, THEN))


def test_one_right_signature_among_others_is_enough() -> None:
    several = {"webhook-signature": f"v1,AAAA v1a,BBBB {HEADERS['webhook-signature']}"}
    assert why_not_signed(SECRET, HEADERS | several, BODY, THEN) is None


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_" + "ä" * 40]
)
def test_what_is_no_secret_has_no_key(secret: str) -> None:
    assert key_of(secret) is None


def test_a_secret_may_lack_its_padding() -> None:
    padded = new_secret()
    assert padded.endswith("=")
    assert key_of(padded.rstrip("=")) == key_of(padded)
    assert new_secret() != padded


# --- GitHub ---


def test_the_published_example_of_github_is_taken() -> None:
    assert why_not_signed(HUB_SECRET, HUB, b"Hello, World!", THEN) is None
    assert "X-Hub-Signature-256" in str(why_not_signed(HUB_SECRET, HUB, b"Hello, World?", THEN))
    assert "X-Hub-Signature-256" in str(why_not_signed("another secret of them", HUB, b"Hello, World!", THEN))


def test_a_secret_of_another_kind_cannot_sign_by_the_standard() -> None:
    assert "whsec_" in str(why_not_signed(HUB_SECRET, HEADERS, BODY, THEN))


def test_a_wrong_standard_signature_is_not_made_good_by_anything_else() -> None:
    both = HUB | HEADERS
    assert why_not_signed(HUB_SECRET, both, b"Hello, World!", THEN) is not None


def test_what_is_not_signed_is_told_how_it_may_be() -> None:
    why = why_not_signed(SECRET, {}, BODY, THEN)
    assert "webhook-signature" in str(why)
    assert "X-Hub-Signature-256" in str(why)
