"""Real places to deliver to; each serves the tests of one module."""

from collections.abc import Iterator

import pytest
from export_places import Bucket, postgresql_server, s3_server


@pytest.fixture(scope="module")
def s3() -> Iterator[Bucket]:
    """A real S3 server."""
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """The address of an empty database of a real PostgreSQL."""
    with postgresql_server() as address:
        yield address
