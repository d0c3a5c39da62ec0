"""Pure: the names of subjects and consumers. Names of groups and workers are any text; a token of it is safe.

::

    run.<group>                     announcements of runs that are ready, in the stream RUNS
    control.<worker>.<method>       what a worker asks of the control plane
    worker.<worker>.<what>          what the control plane tells or asks a worker
    _INBOX.<name>.>                 answers to whoever asked

The broker lets a worker publish only with its own token in ``control``, so the token in the subject of
a message says who it is from.
"""

import hashlib
import re

STREAM = "RUNS"
ALL_RUNS = "run.>"

_ANY = "*"
_NOBODY = "_"  # no token of a name: there, two digits come after each underscore
_LONGEST_CONSUMER = 200  # signs; the broker takes 255


def token(name: str) -> str:
    """The name as letters, digits and hyphens; each other byte of its UTF-8 as ``_`` and two hexadecimal digits."""
    return "".join(
        chr(byte) if re.match(rb"[A-Za-z0-9-]", bytes([byte])) else f"_{byte:02x}" for byte in name.encode()
    )


def name_of(text: str) -> str:
    """The name of which ``token`` made this text; ValueError when it made no such text."""
    if not re.fullmatch(r"(?:[A-Za-z0-9-]|_[0-9a-f]{2})+", text):
        raise ValueError(f"{text!r} is no token")
    plain = re.sub(rb"_(..)", lambda found: bytes([int(found[1], 16)]), text.encode())
    return plain.decode()


def run(group: str | None) -> str:
    """Where runs for this server group are announced; None: runs without a group."""
    return f"run.{_token_of_group(group)}"


def consumer(group: str | None) -> str:
    """The name of the durable consumer of this group; of a long name its hash, since the broker sets a limit."""
    text = _token_of_group(group)
    if len(text) > _LONGEST_CONSUMER:
        text = "_" + hashlib.sha256(text.encode()).hexdigest()
    return text


def control(worker: str | None, method: str) -> str:
    """Where this worker asks the control plane for this method; None: where it is served for all of them."""
    return f"control.{_ANY if worker is None else token(worker)}.{method}"


def worker(name: str, what: str) -> str:
    """Where this worker is told to ``look`` at what is asked of its runs, or asked for a run's ``log``."""
    return f"worker.{token(name)}.{what}"


def inbox(name: str) -> str:
    """What the subjects of answers to this process begin with, without the dot."""
    return f"_INBOX.{token(name)}"


def worker_of(subject: str) -> str:
    """The worker that sent a message on a subject of ``control``; ValueError for other subjects."""
    kind, _, rest = subject.partition(".")
    if kind != "control":
        raise ValueError(f"{subject!r} names no sender")
    return name_of(rest.partition(".")[0])


def may_answer(subject: str, reply: str) -> bool:
    """Whether an answer may go to ``reply``: to an inbox, and of what a worker asks to its own.

    A worker can make the broker deliver a message of its groups to any subject, and name any inbox for the answer.
    """
    if subject.startswith("control."):
        return reply.startswith(f"_INBOX.{subject.split('.')[1]}.")
    return reply.startswith("_INBOX.")


def _token_of_group(group: str | None) -> str:
    return _NOBODY if group is None else token(group)
