"""Who may connect to the broker and what for, as a configuration of nats-server.

A folder has the members: the processes of the control plane, which may do everything, and the workers, each of
which may only use the subjects of its own name and take announcements of its own groups. A member is known by an
nkey: the seed stays with it, the broker gets the public key.
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import nkeys

from lamplighter.bus import subjects
from lamplighter.disk import write_whole
from lamplighter.errors import Conflict, NotFound

CONTROL = "control"
_MEMBERS = "members.conf"
_SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class Member:
    """One who may connect; ``groups`` is None for the control plane."""

    name: str
    public_key: str
    groups: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Rights:
    """The subjects to which a member may publish, and those that it may hear."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def rights_of_worker(name: str, groups: Iterable[str]) -> Rights:
    """What a worker of this name needs that serves these groups; nothing of it is any other worker's."""
    consumers = [subjects.consumer(group) for group in (None, *groups)]
    asks = [f"$JS.API.CONSUMER.{what}.{subjects.STREAM}" for what in ("MSG.NEXT", "INFO")]
    return Rights(
        (
            subjects.control(name, "*"),
            *(f"{ask}.{consumer}" for consumer in consumers for ask in asks),
            *(f"$JS.ACK.{subjects.STREAM}.{consumer}.>" for consumer in consumers),
        ),
        (subjects.worker(name, ">"), f"{subjects.inbox(name)}.>"),
    )


def add(folder: Path, name: str, groups: Sequence[str] | None) -> Path:
    """Make a member (``groups`` None: the control plane) and return the file with its seed, which only we may read.

    A worker that is known gets these groups, and keeps its seed. The broker is to be told to read it again.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    seed_file = _seed_file(folder, name)
    if not seed_file.exists():
        seed = nkeys.encode_seed(os.urandom(_SEED_BYTES), nkeys.PREFIX_BYTE_USER)
        write_whole(seed_file, seed + b"\n")
    public_key = nkeys.from_seed(seed_file.read_bytes().strip()).public_key.decode()
    member = Member(name, public_key, None if groups is None else tuple(dict.fromkeys(groups)))
    write_whole(seed_file.with_suffix(".json"), json.dumps(asdict(member)).encode())
    _write_members(folder)
    return seed_file


def remove(folder: Path, name: str) -> None:
    """Take a member away; NotFound, and Conflict for the control plane."""
    if name == CONTROL:
        raise Conflict("the control plane needs its access: without it, no worker is answered")
    seed_file = _seed_file(folder, name)
    if not seed_file.exists():
        raise NotFound(f"there is no member {name!r} in {folder}")
    seed_file.with_suffix(".json").unlink()
    seed_file.unlink()
    _write_members(folder)


def members(folder: Path) -> list[Member]:
    """All members, by name."""
    found = [json.loads(file.read_bytes()) for file in folder.glob("*.json")]
    made = [
        Member(one["name"], one["public_key"], None if one["groups"] is None else tuple(one["groups"]))
        for one in found
    ]
    return sorted(made, key=lambda member: member.name)


def write_configuration(
    folder: Path, *, listen: str, store: Path, certificate: Path | None, key: Path | None
) -> Path:
    """Write the configuration of nats-server, with the control plane as a member, and return the file.

    With a certificate and its key, connections are encrypted. What workers may do is in a file that it includes.
    """
    add(folder, CONTROL, None)
    lines = [
        f"listen: {json.dumps(listen)}",
        f"jetstream {{ store_dir: {json.dumps(str(store))} }}",
        "max_payload: 8MB",
        f"include {json.dumps(_MEMBERS)}",
    ]
    if certificate is not None and key is not None:
        files = f"cert_file: {json.dumps(str(certificate))}, key_file: {json.dumps(str(key))}"
        lines.append(f"tls {{ {files} }}")
    file = folder / "nats.conf"
    write_whole(file, "".join(f"{line}\n" for line in lines).encode())
    return file


def _write_members(folder: Path) -> None:
    users = "".join(f"    {_user(member)}\n" for member in members(folder))
    text = f"# Written by `lamplighter fleet`.\nauthorization {{\n  users: [\n{users}  ]\n}}\n"
    write_whole(folder / _MEMBERS, text.encode())


def _user(member: Member) -> str:
    if member.groups is None:
        return f"{{ nkey: {member.public_key} }}"
    rights = rights_of_worker(member.name, member.groups)
    permissions = {
        "publish": {"allow": rights.publish},
        "subscribe": {"allow": rights.subscribe},
        # It answers what it is asked, and nothing else.
        "allow_responses": {"max": 1, "expires": "1m"},
    }
    return f"{{ nkey: {member.public_key}, permissions: {json.dumps(permissions)} }}"


def _seed_file(folder: Path, name: str) -> Path:
    return folder / f"{subjects.token(name)}.nk"
