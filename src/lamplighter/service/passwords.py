"""Passwords: kept as Argon2id hashes, compared in a time that says nothing."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher()
# What is compared with when there is no password: it takes as long, and nothing fits.
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$KetNJRcD0/ORvzlTUYkDIw$69mlc1gKI4jBz9Wfxf8t1Lq1n0UR40Miy65PzcKkyug"


def hash_of(password: str) -> str:
    """How a password is kept."""
    return _hasher.hash(password)


def fits(password: str, known: str | None) -> bool:
    """Whether it is the password that was kept; False, after the same work, when there is none."""
    try:
        return _hasher.verify(known or _NOBODYS, password) and known is not None
    except (VerificationError, InvalidHashError):
        return False
