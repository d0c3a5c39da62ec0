"""A small package index on loopback, with packages made for the test."""

import base64
import hashlib
import io
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


def wheel(name: str, version: str, *, needs: str = "", size: int = 0) -> bytes:
    """A pure Python package: one module that knows its ``version``, and ``size`` bytes that do not compress."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        f"{name}/__init__.py": f"version = {version!r}\n".encode(),
        f"{name}/ballast": b"".join(
            hashlib.sha256(bytes([n % 256, n // 256])).digest() for n in range(size // 32)
        ),
        f"{info}/METADATA": (metadata + (f"Requires-Dist: {needs}\n" if needs else "")).encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{path},sha256={_digest(content)},{len(content)}" for path, content in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return packed.getvalue()


def source(name: str, version: str, *, backend: str) -> bytes:
    """A package that has to be built; ``backend`` is a module with the hook ``build_wheel(folder, *_)``."""
    build = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    files = {
        "PKG-INFO": f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n",
        "pyproject.toml": f'{build}[project]\nname = "{name}"\nversion = "{version}"\n',
        "backend.py": backend,
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{path}")
            entry.size = len(content.encode())
            archive.addfile(entry, io.BytesIO(content.encode()))
    return packed.getvalue()


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


class PackageIndex:
    """Serves packages while its block lasts.

    ``asked`` holds the paths that were asked for, in order. While ``open`` is cleared, nothing is answered.
    """

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.open = threading.Event()
        self.open.set()
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.asked.append(self.path)
                index.open.wait()
                found = index.answer(self.path)
                self.send_response(200 if found else 404)
                kind = "application/zip" if self.path.endswith(".whl") else "text/html"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(found or b"")))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(found or b"")

            do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that was killed
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/simple"

    def add(self, name: str, version: str, *, needs: str = "", size: int = 0) -> None:
        """Publish one version of a package."""
        self._files[f"{name}-{version}-py3-none-any.whl"] = wheel(name, version, needs=needs, size=size)

    def add_source(self, name: str, version: str, *, backend: str) -> None:
        """Publish a version that has to be built where it is installed."""
        self._files[f"{name}-{version}.tar.gz"] = source(name, version, backend=backend)

    def answer(self, path: str) -> bytes | None:
        """What is at this path; None if there is nothing."""
        kind, _, name = path.strip("/").partition("/")
        if kind == "files":
            return self._files.get(name)
        files = [file for file in self._files if file.startswith(f"{name}-")]
        return "".join(f'<a href="/files/{file}">{file}</a>\n' for file in files).encode() or None

    def pages_asked(self, name: str) -> int:
        """How often somebody wanted to know which versions of a package there are."""
        return self.asked.count(f"/simple/{name}/")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
