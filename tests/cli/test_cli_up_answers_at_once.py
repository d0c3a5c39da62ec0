"""The address that `lamplighter up` announces can be connected to from that moment on."""

import socket
from pathlib import Path

import pytest

from lamplighter import main
from lamplighter.config import Settings


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_port_takes_connections_before_anything_is_announced(tmp_path: Path, host: str) -> None:
    settings = Settings(data=tmp_path, host=host, port=0)
    with main._listener(settings) as listener, socket.create_connection(listener.getsockname()[:2], 10):
        pass
