"""A real OpenID Connect issuer in a process of its own: configuration, key set, keys that change."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

AUDIENCE = "lamplighter-tests"


class Issuer:
    """Serves what is in a folder, so that the test can change the keys while it goes on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: list[RSAKey | ECKey] = [RSAKey.generate_key(2048, {"use": "sig"}, auto_kid=True)]
        self.url = ""

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(self._folder)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        about = {"issuer": self.url, "jwks_uri": f"{self.url}/keys.json"}
        self._write("configuration.json", about)
        self._publish()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def rotate(self) -> None:
        """Sign with a new key from now on; the one before is not published any more."""
        self._keys = [ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True)]
        self._publish()

    def requests(self) -> int:
        """How often the keys were asked for."""
        log = self._folder / "requests.log"
        return log.read_text().count("keys.json") if log.exists() else 0

    def token(self, key: Any = None, algorithm: str | None = None, **claims: Any) -> str:
        """A token signed with the present key, or with ``key``; a claim that is None is left out."""
        signing = key or self._keys[0]
        algorithm = algorithm or ("RS256" if isinstance(signing, RSAKey) else "ES256")
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "user-1", "exp": 4_000_000_000, **claims}
        header = {"alg": algorithm, "kid": signing.kid}
        return jwt.encode(header, {n: v for n, v in said.items() if v is not None}, signing, [algorithm])

    @property
    def public_key(self) -> bytes:
        """The present key as everybody may have it."""
        return self._keys[0].as_pem(private=False)

    @property
    def kid(self) -> str | None:
        """The id of the present key."""
        return self._keys[0].kid

    def _publish(self) -> None:
        self._write("keys.json", KeySet(list(self._keys)).as_dict(private=False))

    def _write(self, name: str, value: Any) -> None:
        part = self._folder / f"{name}.part"
        part.write_text(json.dumps(value))
        part.rename(self._folder / name)


def serve(folder: Path) -> None:
    """Serve the folder on a free port, whose address is printed."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = {"/.well-known/openid-configuration": "configuration.json", "/keys.json": "keys.json"}
            name = known.get(self.path)
            with lock, (folder / "requests.log").open("a") as log:
                log.write(f"{name}\n")
            if name is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write((folder / name).read_bytes())

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
