"""Carrying a request out once, however often it is sent with the same Idempotency-Key.

The key is noted in the transaction that makes the change, together with the answer: a server that is killed at any
moment leaves both or neither. What acts outside of the database cannot be taken back like that, so its key is noted
before it begins; whether it was done is not known when the server was killed in between.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from lamplighter.clock import Clock
from lamplighter.errors import LamplighterError
from lamplighter.store import idempotency
from lamplighter.store.database import Database
from lamplighter.vault import Vault


@dataclass(frozen=True, slots=True)
class Claim:
    """A user's key, and the fingerprint of the request that came with it."""

    user_id: int
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it went out; ``body`` is its text."""

    status: int
    headers: list[tuple[str, str]]
    body: str


class KeyProblem(LamplighterError):
    """What is wrong with a key itself, and says nothing of the request."""


class KeyReused(KeyProblem):
    """The key came with another request before."""

    code = "idempotency_key_reused"
    status = 422
    title = "Idempotency key reused"


class KeyInUse(KeyProblem):
    """The first request with the key is still being carried out."""

    code = "idempotency_key_in_use"
    status = 409
    title = "Conflict"
    retryable = True
    retry_after = 1


class OutcomeUnknown(KeyProblem):
    """The server ended while it carried the request out, and cannot say whether it was done."""

    code = "outcome_unknown"
    status = 409
    title = "Conflict"


class _Taken(Exception):
    """Another request with the key was quicker."""


class Idempotency:
    """Keys of requests and their answers. ``on_change`` is called when a request was carried out and committed."""

    def __init__(self, db: Database, clock: Clock, vault: Vault, on_change: Callable[[], None]) -> None:
        self._db = db
        self._clock = clock
        self._vault = vault
        self._on_change = on_change
        self._process = uuid.uuid4().hex

    def known(self, claim: Claim) -> Answer | None:
        """The first answer to the request; KeyReused, KeyInUse, OutcomeUnknown."""
        with self._db.read() as c:
            found = self._find(c, claim)
        if found is None:
            return None
        kept = json.loads(self._vault.unseal(found.sealed))
        if kept["fingerprint"] != claim.fingerprint:
            raise KeyReused(
                "this Idempotency-Key came with another request, or with other rights, before: use a new key"
                " for each request"
            )
        if found.going_in == self._process:
            raise KeyInUse(
                "the first request with this Idempotency-Key is still being carried out: wait for it"
            )
        if found.going_in is not None:
            raise OutcomeUnknown(
                f"the server ended while it carried out this request of {found.created:%Y-%m-%d %H:%M:%S} UTC:"
                " look whether it was done, and use a new Idempotency-Key to do it again"
            )
        answer = kept["answer"]
        return Answer(answer["status"], [(name, value) for name, value in answer["headers"]], answer["body"])

    def carry_out(self, claim: Claim, work: Callable[[], Answer]) -> tuple[Answer, bool]:
        """The answer to the request, and whether it was carried out before.

        What ``work`` writes is one transaction with the key and the answer; its errors leave nothing. Of requests
        with one key that come at the same time, one is carried out, and the others wait for its answer.
        """
        while True:
            known = self.known(claim)
            if known is not None:
                return known, True
            try:
                with self._db.as_one(lambda c: self._insert(c, claim, None)):
                    answer = work()
                    with self._db.write() as c:
                        idempotency.settle(c, claim.user_id, claim.key, self._sealed(claim, answer))
            except _Taken:
                continue
            self._on_change()
            return answer, False

    def begin(self, claim: Claim) -> Answer | None:
        """Note the key before the request is carried out, or return the first answer; errors as of ``known``.

        To be followed by ``keep``, ``free`` or ``lose``.
        """
        while True:
            known = self.known(claim)
            if known is not None:
                return known
            try:
                with self._db.write() as c:
                    self._insert(c, claim, self._process)
            except _Taken:
                continue
            return None

    def keep(self, claim: Claim, answer: Answer) -> None:
        """Note the answer to a request that has changed nothing, or that was begun; the first one stays."""
        with self._db.write() as c:
            found = self._find(c, claim)
            if found is None:
                self._insert(c, claim, None)
            elif found.going_in is None:
                return
            idempotency.settle(c, claim.user_id, claim.key, self._sealed(claim, answer))

    def free(self, claim: Claim) -> None:
        """Let the key of a request be used again: nothing was done."""
        with self._db.write() as c:
            idempotency.delete(c, claim.user_id, claim.key)

    def lose(self, claim: Claim) -> None:
        """Note that a request that was begun has failed, nobody knows how."""
        with self._db.write() as c:
            idempotency.lose(c, claim.user_id, claim.key)

    def _find(self, c: sa.Connection, claim: Claim) -> idempotency.KnownKey | None:
        found = idempotency.find(c, claim.user_id, claim.key)
        return None if found is None or found.created <= self._clock.now() - idempotency.KEPT_FOR else found

    def _insert(self, c: sa.Connection, claim: Claim, going_in: str | None) -> None:
        if self._find(c, claim) is not None:
            raise _Taken
        idempotency.delete(c, claim.user_id, claim.key)  # one that is too old
        try:
            idempotency.insert(
                c, claim.user_id, claim.key, self._sealed(claim, None), self._clock.now(), going_in
            )
        except IntegrityError as problem:
            raise _Taken from problem

    def _sealed(self, claim: Claim, answer: Answer | None) -> str:
        # All of it is sealed, whatever it is: an answer may show a new API key, and the fingerprint of a body with
        # a password in it would let that be guessed.
        kept = {"fingerprint": claim.fingerprint, "answer": None if answer is None else asdict(answer)}
        return self._vault.seal(json.dumps(kept))
