"""Use cases of agents: save versions, restore, archive, list."""

from collections.abc import Mapping
from typing import Any, BinaryIO

import sqlalchemy as sa

from lamplighter.clock import Clock
from lamplighter.errors import Conflict, InvalidInput, NotFound
from lamplighter.files import Files, content_hash
from lamplighter.manifest import Manifest, read_manifest
from lamplighter.model import Actor, Agent, AgentQuery, AgentVersion, Role
from lamplighter.service import audit
from lamplighter.service.access import agent_of, space_for
from lamplighter.service.requests import AgentRequest, has_control_characters
from lamplighter.store import agents, runs, schedules, sets
from lamplighter.store.database import Database


class Agents:
    """The agents of the installation and their versions."""

    def __init__(self, db: Database, clock: Clock, files: Files) -> None:
        self._db = db
        self._clock = clock
        self._files = files

    def find(
        self, actor: Actor, wanted: AgentQuery, *, skip: int = 0, limit: int | None = None
    ) -> tuple[list[Agent], int]:
        """The agents that are wanted of those that the actor may see, a part of them; and how many there are."""
        seen = actor.spaces
        with self._db.read() as c:
            return agents.find(c, wanted, seen, skip, limit), agents.count(c, wanted, seen)

    def get(self, actor: Actor, agent_id: int) -> Agent:
        """One agent; NotFound."""
        with self._db.read() as c:
            return agent_of(c, actor, agent_id)

    def create(self, actor: Actor, request: AgentRequest, files: Mapping[str, bytes]) -> Agent:
        """Add an agent with its first version."""
        manifest = read_manifest(files)
        name = request.name or manifest.agent.name
        if name is None:
            raise InvalidInput.of("name", "is required: in the request, or as name in [agent] of agent.toml")
        if has_control_characters(name):  # a name that the request says was looked at already
            raise InvalidInput.of("name", f"{name!r} in agent.toml must not contain line breaks or the like")
        bundle = self._files.keep_bundle(files)
        with self._db.write() as c:
            now = self._clock.now()
            space = space_for(c, actor, request.space_id, Role.EDITOR)
            self._check_name_is_free(c, space, name, None)
            agent_id = agents.insert(
                c,
                {
                    "space_id": space,
                    "user_id": actor.user_id,
                    "name": name,
                    "description": manifest.agent.description
                    if request.description is None
                    else request.description,
                    "documentation": request.documentation,
                    "start_url": request.start_url,
                    "config_type": manifest.config_type,
                    "version": 1,
                    "is_archived": False,
                    "created": now,
                    "updated": now,
                },
            )
            self._add_version(c, agent_id, 1, actor, request.comments, bundle, files, manifest)
            agent = agent_of(c, actor, agent_id)
            self._note(c, actor, "agent.create", agent, {"comments": request.comments})
            return agent

    def save(
        self, actor: Actor, agent_id: int, request: AgentRequest, files: Mapping[str, bytes] | None
    ) -> Agent:
        """Save an agent as its next version; without ``files`` the version has those of the one before."""
        with self._db.read() as c:
            agent = agent_of(c, actor, agent_id, Role.EDITOR)
            address, _ = definition(c, agent_id, agent.version)
        files = self._files.bundle_files(address) if files is None else files
        manifest = read_manifest(files)
        bundle = self._files.keep_bundle(files)
        with self._db.write() as c:
            agent = agent_of(c, actor, agent_id, Role.EDITOR)
            changes: dict[str, Any] = {
                column: value
                for column in ("name", "description", "documentation", "start_url")
                if (value := getattr(request, column)) is not None
            }
            if manifest.agent.description is not None:
                changes.setdefault("description", manifest.agent.description)
            self._check_name_is_free(c, agent.space_id, changes.get("name", agent.name), agent_id)
            changes |= {"config_type": manifest.config_type}
            self._next_version(c, agent, actor, request.comments, bundle, files, manifest, changes)
            new = agent_of(c, actor, agent_id)
            self._note(c, actor, "agent.save", new, _difference(agent, new) | {"comments": request.comments})
            return new

    def restore(self, actor: Actor, agent_id: int, version: int, comments: str | None) -> Agent:
        """Save the content of an old version as a new one."""
        with self._db.read() as c:
            agent_of(c, actor, agent_id, Role.EDITOR)
            address, _ = definition(c, agent_id, version)
        files = self._files.bundle_files(address)
        manifest = read_manifest(files)
        with self._db.write() as c:
            agent = agent_of(c, actor, agent_id, Role.EDITOR)
            why = comments or f"version {version} restored"
            changes = {"config_type": manifest.config_type}
            self._next_version(c, agent, actor, why, address, files, manifest, changes)
            new = agent_of(c, actor, agent_id)
            given = {"restored": version, "comments": why}
            self._note(c, actor, "agent.restore", new, _difference(agent, new) | given)
            return new

    def versions(self, actor: Actor, agent_id: int) -> list[AgentVersion]:
        """The versions of an agent, newest first."""
        with self._db.read() as c:
            agent_of(c, actor, agent_id)
            return agents.versions(c, agent_id)

    def manifest(self, actor: Actor, agent_id: int, version: int) -> Manifest:
        """What the agent.toml of a version says; NotFound."""
        with self._db.read() as c:
            agent_of(c, actor, agent_id)
            return definition(c, agent_id, version)[1]

    def files(self, actor: Actor, agent_id: int, version: int) -> dict[str, bytes]:
        """The files of a version by their paths; NotFound."""
        with self._db.read() as c:
            agent_of(c, actor, agent_id)
            address, _ = definition(c, agent_id, version)
        return self._files.bundle_files(address)

    def bundle(self, actor: Actor, agent_id: int, version: int) -> BinaryIO:
        """The files of a version as a zip, to be read and closed; NotFound."""
        with self._db.read() as c:
            agent_of(c, actor, agent_id)
            address, _ = definition(c, agent_id, version)
        return self._files.open_bundle(address)

    def archive(self, actor: Actor, agent_id: int, *, archived: bool) -> None:
        """Put an agent away, or take it back: the fires of an archived one end as Skipped."""
        with self._db.write() as c:
            agent = agent_of(c, actor, agent_id, Role.EDITOR)
            if agent.is_archived is archived:
                return
            agents.update(c, agent_id, {"is_archived": archived, "updated": self._clock.now()})
            self._note(c, actor, "agent.archive" if archived else "agent.unarchive", agent, {})

    def delete(self, actor: Actor, agent_id: int) -> None:
        """Take an agent, its schedules and its runs' files away; Conflict while a run has not ended."""
        with self._db.write() as c:
            agent = agent_of(c, actor, agent_id, Role.EDITOR)
            if sets.any_open(c, agent_id):
                raise Conflict("the agent has runs that have not ended: stop them first")
            now = self._clock.now()
            schedules.delete_of_agent(c, agent_id, now)
            agents.update(c, agent_id, {"deleted": now})
            self._note(c, actor, "agent.delete", agent, {})
            run_ids = runs.ids_of_agent(c, agent_id)
        for run_id in run_ids:
            self._files.put_run_aside(run_id)
        self._files.empty_trash()

    def _note(
        self, c: sa.Connection, actor: Actor, action: str, agent: Agent, changes: Mapping[str, Any]
    ) -> None:
        audit.note(
            c,
            actor,
            self._clock.now(),
            action,
            kind="agent",
            id=agent.id,
            name=agent.name,
            space_id=agent.space_id,
            changes=changes,
        )

    def _check_name_is_free(self, c: sa.Connection, space: int, name: str, own_id: int | None) -> None:
        other = agents.named(c, space, name)
        if other is not None and other.id != own_id:
            raise Conflict(
                f"an agent named {name!r} exists already (id {other.id}): save a version of it instead"
            )

    def _next_version(
        self,
        c: sa.Connection,
        agent: Agent,
        actor: Actor,
        comments: str | None,
        bundle: str,
        files: Mapping[str, bytes],
        manifest: Manifest,
        changes: Mapping[str, Any],
    ) -> None:
        version = agent.version + 1
        self._add_version(c, agent.id, version, actor, comments, bundle, files, manifest)
        agents.update(c, agent.id, {**changes, "version": version, "updated": self._clock.now()})

    def _add_version(
        self,
        c: sa.Connection,
        agent_id: int,
        version: int,
        actor: Actor,
        comments: str | None,
        bundle: str,
        files: Mapping[str, bytes],
        manifest: Manifest,
    ) -> None:
        agents.insert_version(
            c,
            {
                "agent_id": agent_id,
                "version": version,
                "user_id": actor.user_id,
                "created": self._clock.now(),
                "comments": comments,
                "file_size": sum(map(len, files.values())),
                "bundle": bundle,
                "manifest": manifest.model_dump(mode="json", by_alias=True),
                "content_hash": content_hash(files),
            },
        )


def _difference(old: Agent, new: Agent) -> dict[str, Any]:
    return audit.difference(old, new, leave_out=frozenset({"updated", "last_activity", "last_status"}))


def definition(c: sa.Connection, agent_id: int, version: int) -> tuple[str, Manifest]:
    """The bundle's address and the manifest of a version; NotFound."""
    found = agents.definition(c, agent_id, version)
    if found is None:
        raise NotFound(f"agent {agent_id} has no version {version}")
    return found[0], Manifest.model_validate(found[1])


def refuse_archived(agent: Agent) -> None:
    """Raise Conflict when the agent is archived and so cannot be started."""
    if agent.is_archived:
        raise Conflict("the agent is archived: unarchive it to start it")
