"""Delivery to a bucket that speaks the S3 protocol; an object is there whole or not at all."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from lamplighter.export.parcel import CONTENT_TYPES, PASSING, Delivery, Limits, TryFailed
from lamplighter.manifest.destination import DestinationSection

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Store

_STATUS = re.compile(r"non-2xx status code: (?P<status>\d{3})(?P<reason>[^:\n]*)")
_CODE = re.compile(r"<Code>(?P<code>\w+)</Code>")
_ATTEMPT = re.compile(r"^.*? in [\d.]+\S+ - ")
_LONGEST = 200
_METADATA = "http://169.254."
_NO_CREDENTIALS = (
    "there are no credentials: give access_key and secret_key, or the server AWS_ACCESS_KEY_ID and"
    " AWS_SECRET_ACCESS_KEY"
)
# What stands in an error of obstore, and what that means.
_SIGNS: Mapping[str, str] = {
    "ConnectionRefused": "the connection was refused",
    "dns error": "there is no such host",
    "kind: Timeout": "no answer in time",
    "certificate": "its certificate cannot be trusted",
    "BareRedirect": "it sends elsewhere, which a wrong region may be the cause of",
    "Connect,": "no connection could be made",
}


def to_object_store(section: DestinationSection, delivery: Delivery, limits: Limits) -> str:
    """Put the files; returns the address of the last one. Raises ``TryFailed``."""
    import obstore  # here, because it is an extra
    from obstore import exceptions

    told = section.title
    try:
        store = _store(section, limits)
        for kind, file in delivery.files_for(section):
            name = delivery.name_of(section.name, kind)
            obstore.put(store, name, file, attributes={"Content-Type": CONTENT_TYPES[kind]})
            told = f"{section.title.rstrip('/')}/{name}"
    except (exceptions.GenericError, exceptions.JoinError) as problem:
        raise _failed(str(problem), can_pass=True) from problem
    except (exceptions.BaseError, OSError, ValueError) as problem:
        raise _failed(str(problem), can_pass=False) from problem
    return told


def _failed(text: str, *, can_pass: bool) -> TryFailed:
    """What an error of obstore is in a sentence; its own text is a page."""
    answer = _STATUS.search(text)
    if _METADATA in text:  # where the machines of Amazon have credentials; others have none there
        return TryFailed(_NO_CREDENTIALS, can_pass=can_pass)
    if answer is None:
        known = next((sentence for sign, sentence in _SIGNS.items() if sign in text), None)
        return TryFailed(known or _bare(text), can_pass=can_pass)
    status, code = int(answer["status"]), _CODE.search(text)
    word = code["code"] if code else answer["reason"].strip()
    if word == "NoSuchBucket":
        return TryFailed(f"there is no such bucket ({status} {word})")
    if status in (401, 403):
        return TryFailed(f"access is denied ({status} {word})")
    return TryFailed(f"it answered {status} {word}", can_pass=status >= 500 or status in PASSING)


def _bare(text: str) -> str:
    """An error that is not known, without where it was and what only its makers understand."""
    plain = " ".join(text.partition("Debug source")[0].split())
    return _ATTEMPT.sub("", plain)[:_LONGEST]


def _store(section: DestinationSection, limits: Limits) -> "S3Store":
    from obstore.store import S3Store

    options = {
        "endpoint": section.endpoint,
        "region": section.region,
        "access_key_id": section.access_key,
        "secret_access_key": section.secret_key,
    }
    given = {name: value for name, value in options.items() if value is not None}
    return S3Store(
        section.address.netloc,
        prefix=section.address.path.strip("/") or None,
        config=cast("S3Config", given),
        client_options={
            "timeout": timedelta(seconds=limits.whole),
            "connect_timeout": timedelta(seconds=limits.connect),
            "allow_http": True,
        },
        retry_config={"max_retries": 0, "retry_timeout": timedelta(0)},  # the tries are counted by us
    )
