"""Which server is meant, with which key, and which agent, schedule or run a word on the command line names."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from lamplighter.client import Agent, Client, Run, Schedule, is_local
from lamplighter.client.proxy_pools import ProxyPool, ProxyPoolSums
from lamplighter.client.server_groups import Server, ServerGroup
from lamplighter.client.spaces import Space
from lamplighter.client.users import User
from lamplighter.client.webhooks import Webhook
from lamplighter.errors import InvalidInput, NotFound

DEFAULT_URL = "http://127.0.0.1:8080"
Named = TypeVar("Named", Agent, Schedule, ProxyPoolSums, Server, ServerGroup, Space, User, Webhook)

AgentWord = Annotated[
    str, typer.Argument(metavar="AGENT", help="Id, name, or the beginning of a name that fits only one.")
]
ScheduleWord = Annotated[
    str, typer.Argument(metavar="SCHEDULE", help="Id, name, or the beginning of a name that fits only one.")
]
RunNumber = Annotated[
    int | None, typer.Argument(metavar="RUN", help="Id of the run; the agent's newest run when left out.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the API's answer as JSON.")]
InSpace = Annotated[
    str | None,
    typer.Option("--space", metavar="SPACE", help="In this space: id or name.", show_default=False),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@dataclass(frozen=True, slots=True)
class FoundKey:
    """An API key and where it came from."""

    key: str | None
    source: str


def default_data() -> Path:
    """The data folder when none is said: LAMPLIGHTER_DATA, else in the user's folder for data."""
    said = os.environ.get("LAMPLIGHTER_DATA")
    if said:
        return Path(said).expanduser()
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path("~/.local/share").expanduser()) / "lamplighter"


def server_url() -> str:
    """The address of the server."""
    return os.environ.get("LAMPLIGHTER_URL") or DEFAULT_URL


def find_key(url: str) -> FoundKey:
    """The key of the environment; for a server on this machine else the one its first start wrote down."""
    key = os.environ.get("LAMPLIGHTER_API_KEY")
    if key:
        return FoundKey(key.strip(), "LAMPLIGHTER_API_KEY")
    file = default_data() / "admin.key"
    if is_local(url) and file.is_file():
        return FoundKey(file.read_text(encoding="utf-8").strip(), str(file))
    return FoundKey(None, f"LAMPLIGHTER_API_KEY is not set and there is no {file}")


def connect() -> Client:
    """A client for the server and key of the environment."""
    url = server_url()
    return Client(url, find_key(url).key)


def the_agent(client: Client, word: str) -> Agent:
    """The agent that ``word`` names; NotFound, or InvalidInput when it names several."""
    if _is_id(word):
        return client.agent(int(word))
    agents = client.agents(name=word)
    return _named(agents, word, "agent", "`lamplighter agent list` shows what there is")


def the_schedule(client: Client, agent: Agent, word: str) -> Schedule:
    """The schedule of the agent that ``word`` names."""
    if _is_id(word):
        return client.schedule(agent["id"], int(word))
    where = f"`lamplighter schedule list {quoted(agent['name'])}` shows what there is"
    return _named(client.schedules(agent["id"]), word, f"schedule of {agent['name']}", where)


def the_run(client: Client, agent: Agent, number: int | None) -> Run:
    """The run with this id, or the newest one."""
    if number is not None:
        return client.run(agent["id"], number)
    newest = client.runs(agent["id"], 1)
    if not newest:
        name = agent["name"]
        raise NotFound(f"{name} has never run; `lamplighter run start {quoted(name)} --follow` starts it")
    return newest[0]


def the_pool(client: Client, word: str) -> ProxyPool:
    """The proxy pool that ``word`` names."""
    where = "`lamplighter proxy list` shows what there is"
    return client.proxy_pools.get(named_or_id(client.proxy_pools.every(), word, "proxy pool", where)["id"])


def the_group(client: Client, word: str) -> ServerGroup:
    """The server group that ``word`` names."""
    where = "`lamplighter group list` shows what there is"
    return named_or_id(client.server_groups.every(), word, "server group", where)


def the_server(client: Client, word: str) -> Server:
    """The server that ``word`` names."""
    return named_or_id(
        client.server_groups.servers(), word, "server", "`lamplighter server list` shows what there is"
    )


def the_space(client: Client, word: str) -> Space:
    """The space that ``word`` names."""
    return named_or_id(client.spaces.every(), word, "space", "`lamplighter space list` shows what there is")


def space_id(client: Client, word: str | None) -> int | None:
    """The id of the space that ``word`` names; None when nothing was said."""
    return None if word is None else the_space(client, word)["id"]


def the_user(client: Client, word: str) -> User:
    """The user that ``word`` names; only administrators and owners of spaces may know them by name."""
    if _is_id(word):
        return client.users.get(int(word))
    return _named(client.users.every(), word, "user", "`lamplighter user list` shows who there is")


def quoted(name: str) -> str:
    """``name`` as it is typed in a shell."""
    return shlex.quote(name)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is lost; without a terminal to ask on, --yes is needed."""
    if yes:
        return
    if not os.isatty(0):
        raise InvalidInput.of("--yes", f"is needed where nobody can be asked: {question}")
    typer.confirm(question, abort=True, err=True)


def _is_id(word: str) -> bool:
    return word.isascii() and word.isdigit()


def named_or_id(things: Sequence[Named], word: str, kind: str, where: str) -> Named:
    """The one with this id or name, or beginning of a name; NotFound, InvalidInput when there are several."""
    by_id = [thing for thing in things if str(thing["id"]) == word]
    return by_id[0] if by_id else _named(things, word, kind, where)


def _named(things: Sequence[Named], word: str, kind: str, where: str) -> Named:
    found = [thing for thing in things if thing["name"] == word]
    if not found:
        found = [thing for thing in things if thing["name"].lower().startswith(word.lower())]
    if not found:
        raise NotFound(f"there is no {kind} named {word!r}; {where}")
    if len(found) > 1:
        names = ", ".join(f"{thing['name']} ({thing['id']})" for thing in found[:6])
        raise InvalidInput.of("", f"{word!r} may be any of: {names}; write more of the name, or the id")
    return found[0]


def keep_said(**values: Any) -> dict[str, Any]:
    """Those of the values that were given."""
    return {name: value for name, value in values.items() if value is not None}
