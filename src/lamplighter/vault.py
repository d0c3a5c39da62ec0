"""What must be readable again and by nobody else: secrets, and credentials of proxies and destinations.

The key is a file of its own beside the database, never in it: a copy of the database alone opens nothing.
"""

import hashlib
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from lamplighter.errors import Conflict, LamplighterError


class CannotUnseal(LamplighterError):
    """A sealed text was written with another key, or damaged."""

    code = "cannot_unseal"


class Vault:
    """Seals texts with one key: AES-128 in CBC mode, authenticated with HMAC-SHA256."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)
        # Tells one installation from another, without telling anything of the key.
        self.fingerprint = hashlib.sha256(b"fingerprint " + key).hexdigest()[:16]

    @classmethod
    def in_folder(cls, data: Path) -> "Vault":
        """The vault of a data folder; its key is made on the first start. Conflict when it is damaged."""
        file = data / "vault.key"
        if not file.exists():
            temporary = file.with_suffix(".part")
            temporary.unlink(missing_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                out.write(Fernet.generate_key())
                out.flush()
                os.fsync(out.fileno())
            temporary.replace(file)
        try:
            return cls(file.read_bytes().strip())
        except ValueError as problem:
            raise Conflict(
                f"{file} is damaged: put it back from a backup, or remove it and enter all secrets again"
            ) from problem

    def seal(self, text: str) -> str:
        """``text`` in a form that may be stored anywhere."""
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def unseal(self, sealed: str) -> str:
        """The text that was sealed; CannotUnseal when it was with another key."""
        try:
            return self._fernet.decrypt(sealed.encode("ascii")).decode()
        except InvalidToken as problem:
            raise CannotUnseal(
                "a secret cannot be read: vault.key is not the one that it was stored with"
            ) from problem
