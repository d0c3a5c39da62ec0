"""The receiver that docs/webhooks.md shows takes what we send, and nothing else."""

import os
import re
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from lamplighter.signing import key_of, new_secret, signed_headers
from running_server import eventually

PAGE = (Path(__file__).parents[2] / "docs/webhooks.md").read_text(encoding="utf-8")
BODY = b'{"event": "failure", "title": "prices (agent) failed"}'


def test_the_receiver_of_the_documents_takes_what_is_signed_once_and_refuses_the_rest(tmp_path: Path) -> None:
    [code] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    program, secret = tmp_path / "receiver.py", new_secret()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    program.write_text(code)
    key, now = key_of(secret), datetime.now(UTC)
    assert key is not None
    right = signed_headers([key], "msg_1", now, BODY)
    old = signed_headers([key], "msg_2", now - timedelta(minutes=10), BODY)
    other = signed_headers([b"o" * 32], "msg_3", now, BODY)
    two = signed_headers([b"o" * 32, key], "msg_4", now, BODY)
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, str(program), str(port)],
            env={**os.environ, "WEBHOOK_SECRET": secret},
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
        try:

            def post(headers: dict[str, str]) -> int | None:
                try:
                    return httpx.post(f"http://127.0.0.1:{port}/", content=BODY, headers=headers).status_code
                except httpx.TransportError:
                    return None

            assert eventually(lambda: post({})) == 403
            answers = [post(headers) for headers in (right, right, old, other, two)]
            told = "failure prices (agent) failed\n"
            eventually(lambda: len((tmp_path / "out").read_text()) >= 2 * len(told))
        finally:
            process.kill()
            process.wait()
    assert answers == [204, 204, 403, 403, 204]
    assert (tmp_path / "out").read_text() == told * 2
