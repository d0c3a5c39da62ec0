"""What must be readable again and by nobody else: secrets, and credentials of proxies and destinations.

The key is a file of its own, never in the database: a copy of the database alone opens nothing. The file may have
several keys, a line each: the first one seals, all of them open. That is how a key is changed.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from lamplighter.errors import Conflict, LamplighterError


class CannotUnseal(LamplighterError):
    """A sealed text was written with another key, or damaged."""

    code = "cannot_unseal"


class Vault:
    """Seals texts with its first key: AES-128 in CBC mode, authenticated with HMAC-SHA256."""

    def __init__(self, key: bytes, older: Sequence[bytes] = ()) -> None:
        self._first = Fernet(key)
        self._all = MultiFernet([self._first, *map(Fernet, older)])
        self.has_older_keys = bool(older)
        # Tells one installation from another, without telling anything of the key.
        self.fingerprint = hashlib.sha256(b"fingerprint " + key).hexdigest()[:16]

    @classmethod
    def in_folder(cls, data: Path) -> "Vault":
        """The vault of a data folder; its key is made on the first start. Conflict when it is damaged."""
        return cls.in_file(data / "vault.key")

    @classmethod
    def in_file(cls, file: Path) -> "Vault":
        """The vault whose keys are in ``file``, which is made when it does not exist; Conflict."""
        try:
            if not file.exists():
                _make_key(file)
            keys = file.read_bytes().split()
        except OSError as problem:
            raise Conflict(f"the key of the vault cannot be read or made: {problem}") from problem
        try:
            return cls(keys[0], keys[1:])
        except (IndexError, ValueError) as problem:
            raise Conflict(
                f"{file} is damaged: put it back from a backup, or remove it and enter all secrets again"
            ) from problem

    def seal(self, text: str) -> str:
        """``text`` in a form that may be stored anywhere."""
        return self._first.encrypt(text.encode()).decode("ascii")

    def unseal(self, sealed: str) -> str:
        """The text that was sealed; CannotUnseal when it was with another key."""
        try:
            return self._all.decrypt(sealed.encode("ascii")).decode()
        except InvalidToken as problem:
            raise CannotUnseal(
                "a secret cannot be read: vault.key is not the one that it was stored with"
            ) from problem

    def resealed(self, sealed: str) -> str:
        """The same text sealed with the first key, which it may be already; CannotUnseal."""
        try:
            self._first.decrypt(sealed.encode("ascii"))
        except InvalidToken:
            return self.seal(self.unseal(sealed))
        return sealed


def _make_key(file: Path) -> None:
    temporary = file.with_suffix(".part")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(Fernet.generate_key())
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(file)
