"""A real S3 server in a process of its own, for tests."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from running_server import eventually, free_port


class Bucket:
    """A bucket of a real S3 server in a process of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.options = {
            "endpoint": url,
            "region": "us-east-1",
            "access_key": "user",
            "secret_key": "not-told",
        }

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to use it."""
        return {
            "LAMPLIGHTER_FILES_ENDPOINT": self.url,
            "AWS_ACCESS_KEY_ID": "user",
            "AWS_SECRET_ACCESS_KEY": "not-told",
            "AWS_REGION": "us-east-1",
        }

    @property
    def _client(self) -> Any:
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="user",
            aws_secret_access_key="not-told",
        )

    def make(self, name: str) -> None:
        """Make the bucket ``name``."""
        self._client.create_bucket(Bucket=name)

    def names(self, bucket: str) -> list[str]:
        """The names of the objects in a bucket."""
        return [one["Key"] for one in self._client.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def content(self, bucket: str, name: str) -> bytes:
        """The content of an object."""
        content: bytes = self._client.get_object(Bucket=bucket, Key=name)["Body"].read()
        return content


@contextmanager
def s3_server() -> Iterator[Bucket]:
    """A real S3 server."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: _listens(port))
        yield Bucket(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait()


def _listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0
