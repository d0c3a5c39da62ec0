"""What an installation is known by and what it keeps secret: its name, the key of its vault, the key it signs with.

An embedded installation has them in files of its data folder. On a shared database all processes must have the
same: name and signing key are in it, the latter sealed, and the key of the vault is a file that each is given.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path

import structlog

from lamplighter.disk import write_whole
from lamplighter.errors import Conflict
from lamplighter.store import installation, sealed
from lamplighter.store.database import Database
from lamplighter.vault import CannotUnseal, Vault

log = structlog.get_logger()

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Installation:
    """The vault, whose ``fingerprint`` is the installation's name, and the key that signs addresses and tokens."""

    vault: Vault
    secret: bytes


def open_installation(data: Path, vault_key: Path | None, db: Database) -> Installation:
    """What is there, or is made on the first start; Conflict when a file is damaged or of another installation.

    When the file of the vault has several keys, all that is sealed is brought under the first one.
    """
    file = vault_key or data / "vault.key"
    vault = Vault.in_file(file)
    own_name = data / "installation"
    if not own_name.exists():  # it stays when the key changes
        write_whole(own_name, f"{vault.fingerprint}\n".encode())
    vault.fingerprint = own_name.read_text().strip()
    secret = _shared(db, vault, data, file) if not db.is_sqlite else _own_secret(data)
    if vault.has_older_keys:
        _reseal(db, vault, file)
    return Installation(vault, secret)


def _shared(db: Database, vault: Vault, data: Path, file: Path) -> bytes:
    with db.write() as c:
        known = installation.get(c)
        if known is None:
            secret = _own_secret(data)
            installation.insert(c, vault.fingerprint, vault.seal(secret.hex()))
            return secret
    vault.fingerprint = known.name
    try:
        return bytes.fromhex(vault.unseal(known.sealed_secret))
    except CannotUnseal as problem:
        raise Conflict(
            f"{file} is not the key of this installation's vault: put the one of its other servers in its place,"
            " or name it in LAMPLIGHTER_VAULT_KEY_FILE"
        ) from problem


def _own_secret(data: Path) -> bytes:
    file = data / "secret.key"
    if not file.exists():
        write_whole(file, secrets.token_bytes(_SECRET_BYTES))
    secret = file.read_bytes()
    if len(secret) < _SECRET_BYTES:
        raise Conflict(
            f"{file} is damaged: put it back from a backup, or remove it and a new one is made"
            " (addresses of downloads and webhooks then change)"
        )
    return secret


def _reseal(db: Database, vault: Vault, file: Path) -> None:
    lost = 0

    def change(text: str) -> str:
        nonlocal lost
        try:
            return vault.resealed(text)
        except CannotUnseal:
            lost += 1
            return text

    with db.write() as c:
        changed = sealed.change_all(c, change)
    told = "all secrets are sealed with the first key of the vault: the others can be taken out of its file"
    log.info(told, file=str(file), resealed=changed, unreadable=lost)
