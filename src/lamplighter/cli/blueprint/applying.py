"""``lamplighter apply``: from the content of a file to what is to be changed, and the changes."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from lamplighter.cli.blueprint.carrying_out import CarryingOut
from lamplighter.cli.blueprint.checks import Looked, look
from lamplighter.cli.blueprint.diff import Line, lines_of, summary, title_of
from lamplighter.cli.blueprint.document import read_document
from lamplighter.cli.blueprint.planning import Verb, plan
from lamplighter.cli.blueprint.server import Interest, read_current
from lamplighter.cli.blueprint.state import Thing
from lamplighter.cli.blueprint.wanted import load, resolve
from lamplighter.cli.output import counted, hint, say
from lamplighter.client import Client
from lamplighter.errors import LamplighterError

_DONE = {Verb.ADD: "Added", Verb.CHANGE: "Changed", Verb.REMOVE: "Took away"}


class Preparation:
    """A file that was checked by itself, to be compared with a server."""

    def __init__(self, content: str, name: str, base: Path) -> None:
        """``name`` is what the file is called in messages, ``base`` the folder it is in; InvalidInput."""
        self._loaded = load(read_document(content, name), base, os.environ)

    def look(self, client: Client, *, prune: bool) -> Looked:
        """What is to be changed; InvalidInput tells all that would go wrong."""
        spaces = client.spaces.every()
        wanted = resolve(self._loaded, {space["name"]: space["id"] for space in spaces})
        interest = Interest(wanted.proxies.keys(), wanted.whole, wanted.codes.keys())
        current = read_current(client, spaces, interest)
        the_plan = plan(wanted.things, current.things, wanted.whole, prune=prune)
        return look(client, self._loaded.blueprint, the_plan, wanted, current)

    @staticmethod
    def lines(looked: Looked) -> Iterator[Line]:
        """The changes for people, each line with its style."""
        return lines_of(looked)

    @staticmethod
    def titles(things: Sequence[Thing]) -> list[str]:
        """What things are called."""
        return [title_of(one) for one in things]

    @staticmethod
    def summary(looked: Looked) -> str:
        """How much is to be changed."""
        return summary(looked.plan.changes)

    @staticmethod
    def losses(looked: Looked) -> int:
        """How many of the changes take something away."""
        return sum(one.verb is Verb.REMOVE for one in looked.plan.changes)


def carry_out(client: Client, looked: Looked, comment: str) -> None:
    """Make the changes and tell of each; what went wrong tells how far it came."""
    out, changes = CarryingOut(client, looked, comment), looked.plan.changes
    for number, change in enumerate(changes):
        title = title_of(change.thing)
        try:
            out.make(change)
        except LamplighterError:
            hint(
                f"{number} of {counted(len(changes), 'change')} were made, then this went wrong: {title}."
                " When it is mended, apply the file again for the rest."
            )
            raise
        say(f"{_DONE[change.verb]} {title}")
    say(f"{counted(len(changes), 'change')} made.")
