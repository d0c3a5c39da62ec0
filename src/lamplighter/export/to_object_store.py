"""Delivery to a bucket that speaks the S3 protocol; an object is there whole or not at all."""

from datetime import timedelta
from typing import TYPE_CHECKING, cast

from lamplighter.destination import DestinationSection
from lamplighter.export.parcel import CONTENT_TYPES, Delivery, Limits, TryFailed

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Store


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
        raise TryFailed(str(problem), can_pass=True) from problem
    except (exceptions.BaseError, OSError, ValueError) as problem:
        raise TryFailed(str(problem)) from problem
    return told


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
