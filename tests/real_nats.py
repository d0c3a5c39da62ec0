"""A real NATS server, from a wheel, for the tests of the bus and the fleet."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from running_server import eventually, free_port


class RealNats:
    """``nats-server`` with JetStream on a free port of this machine; ``kill`` and ``start`` as often as wanted.

    ``configuration`` is the file of a configuration to go by, which then says where it stores. ``host`` is the
    address of this machine at which it listens.
    """

    def __init__(
        self, folder: Path, *, configuration: Path | None = None, tls: bool = False, host: str = "127.0.0.1"
    ) -> None:
        self.port = free_port()
        self.url = f"{'tls' if tls else 'nats'}://{host}:{self.port}"
        self._host = host
        self.store = folder / "store"
        self._folder = folder
        self._configuration = configuration
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it with what is stored, and return when it serves."""
        configuration = self._configuration or self._plain()
        command = [program(), "-c", str(configuration), "-a", self._host, "-p", str(self.port)]
        command += [] if self._configuration else ["-sd", str(self.store)]
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "nats.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        eventually(self._serves)
        return self

    def kill(self) -> None:
        """End it as kill -9 does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def wipe(self) -> None:
        """Take away all that it stored; it must not be running."""
        shutil.rmtree(self.store)

    def freeze(self) -> None:
        """Let it stand still, as a machine does that swaps or is cut off."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.signal(signal.SIGCONT)

    def reload(self) -> None:
        """Let it read its configuration anew."""
        self.signal(signal.SIGHUP)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.thaw()
        self.kill()

    def _plain(self) -> Path:
        file = self._folder / "plain.conf"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("jetstream {}\nmax_payload: 8MB\n")
        return file

    def _serves(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "nats.log").read_text()
        try:
            with socket.create_connection((self._host, self.port), timeout=5) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False


def program() -> str:
    """The path of nats-server."""
    return os.path.join(os.path.dirname(sys.executable), "nats-server")


class Authority:
    """An authority that signs certificates, and one for an address; each in a file."""

    def __init__(self, folder: Path, address: str = "127.0.0.1") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ca, self.certificate, self.key = folder / "ca.pem", folder / "server.pem", folder / "server.key"
        ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        ca_name = _named("Test authority")
        signed = _certificate(ca_name, ca_name, ca_key.public_key(), ca_key, address, is_ca=True)
        self.ca.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        own = _certificate(_named("nats"), ca_name, server_key.public_key(), ca_key, address, is_ca=False)
        self.certificate.write_bytes(own.public_bytes(serialization.Encoding.PEM))
        self.key.write_bytes(
            server_key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    address: str,
    *,
    is_ca: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
