"""``lamplighter webhook …``"""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from lamplighter.cli.options import RunOptions, option, takes
from lamplighter.cli.output import as_json, facts, hint, say, table, title
from lamplighter.cli.secrets import secret_value
from lamplighter.cli.session import (
    AgentWord,
    Json,
    Yes,
    confirm,
    connect,
    keep_said,
    named_or_id,
    quoted,
    the_agent,
)
from lamplighter.cli.settings import settings_of
from lamplighter.cli.times import parse_moment, shown, zone_of
from lamplighter.client import Agent, Client
from lamplighter.client.webhooks import Webhook
from lamplighter.clock import SystemClock
from lamplighter.errors import InvalidInput

app = typer.Typer()
WebhookWord = Annotated[
    str, typer.Argument(metavar="WEBHOOK", help="Id, name, or the beginning of a name that fits only one.")
]


@dataclass(frozen=True)
class WebhookOptions(RunOptions):
    """The settings of the runs that a webhook starts, and what it takes from whom."""

    accept_input: Annotated[
        bool | None,
        option("--accept-input/--ignore-input", help="Lay an object that is posted over the input."),
    ]
    expires: Annotated[
        str | None, option("--expires", metavar="TIME", help="Good until then, such as '2026-12-31 18:00'.")
    ]
    secret_from: Annotated[
        str | None,
        option("--secret-from", metavar="FILE", help="Senders must sign with what is in this file, or -."),
    ]

    def body(self, client: Client) -> dict[str, Any]:
        """What was given, as the API names it; times are UTC."""
        expires = self.expires
        if expires is not None:
            expires = parse_moment(expires, zone_of("UTC"), SystemClock().now(), "--expires")
        secret = None if self.secret_from is None else secret_value("secret", self.secret_from)
        return self.settings(client) | keep_said(
            acceptsInput=self.accept_input, expires=expires, secret=secret
        )


@app.command()
@takes(WebhookOptions)
def add(
    agent: AgentWord,
    name: Annotated[str, typer.Argument(help="What to call it.")],
    options: WebhookOptions,
    json: Json = False,
) -> None:
    """Let others start an agent: prints the address that does it. Who knows it needs no key."""
    with connect() as client:
        owner = the_agent(client, agent)
        made = client.webhooks.create(owner["id"], {"name": name, **options.body(client)})
    _tell(owner, made, json=json)


@app.command()
@takes(WebhookOptions)
def edit(
    agent: AgentWord,
    webhook: WebhookWord,
    options: WebhookOptions,
    name: Annotated[str | None, option("--name", help="Its new name.")] = None,
    enabled: Annotated[bool | None, option("--enable/--disable", help="Switch it on or off.")] = None,
    no_secret: Annotated[bool, typer.Option("--no-secret", help="Senders need not sign.")] = False,
    json: Json = False,
) -> None:
    """Change a webhook: what is not said keeps its value, and so does the address."""
    if no_secret and options.secret_from is not None:
        raise InvalidInput.of("", "--no-secret and --secret-from exclude each other: give one of them")
    with connect() as client:
        owner = the_agent(client, agent)
        old = _the_webhook(client, owner, webhook)
        said = keep_said(name=name, isEnabled=enabled, secret="" if no_secret else None)
        body = options.body(client) | said
        if not body:
            raise InvalidInput.of("", "say what to change, such as --disable or --log-level error")
        changed = client.webhooks.update(owner["id"], old["id"], body)
    _tell(owner, changed, json=json)


@app.command("list")
def list_(agent: AgentWord, json: Json = False) -> None:
    """Show the webhooks of an agent."""
    with connect() as client:
        owner = the_agent(client, agent)
        found = client.webhooks.of_agent(owner["id"])
    if json:
        as_json(found)
        return
    rows = [[w["id"], w["name"], _state(w), shown(w["lastUsed"]), w["lastResult"]] for w in found]
    table(["ID>", "NAME", "STATE", "LAST USED", "WHAT CAME OF IT"], rows, wraps=["NAME", "WHAT CAME OF IT"])
    if not found:
        hint(f"No webhooks yet. `lamplighter webhook add {quoted(owner['name'])} NAME` makes one.")


@app.command()
def show(agent: AgentWord, webhook: WebhookWord, json: Json = False) -> None:
    """Show a webhook, its address, and what came of its last delivery."""
    with connect() as client:
        owner = the_agent(client, agent)
        found = _the_webhook(client, owner, webhook)
        if json:
            as_json(found)
            return
        title(f"{owner['name']} › {found['name']}")
        facts(
            [
                ("Id", found["id"]),
                ("Address", found["url"] or "only for those who may start the agent"),
                ("State", _state(found)),
                ("Expires", shown(found["expires"])),
                ("Takes input", "yes" if found["acceptsInput"] else None),
                ("Senders must sign", "yes" if found["hasSecret"] else None),
                *settings_of(client, found),
                ("Last used", shown(found["lastUsed"])),
                ("What came of it", found["lastResult"]),
                ("Created", shown(found["created"])),
                ("Changed", shown(found["updated"])),
            ]
        )


@app.command()
def rotate(agent: AgentWord, webhook: WebhookWord, yes: Yes = False, json: Json = False) -> None:
    """Give a webhook another address; the one before ends at once."""
    with connect() as client:
        owner = the_agent(client, agent)
        found = _the_webhook(client, owner, webhook)
        confirm(f"End the address of webhook {found['id']} ({found['name']}) and make another?", yes=yes)
        changed = client.webhooks.rotate(owner["id"], found["id"])
    _tell(owner, changed, json=json)


@app.command()
def remove(agent: AgentWord, webhook: WebhookWord, yes: Yes = False) -> None:
    """Take a webhook away; its address ends at once."""
    with connect() as client:
        owner = the_agent(client, agent)
        found = _the_webhook(client, owner, webhook)
        confirm(f"Remove webhook {found['id']} ({found['name']}) of {owner['name']}?", yes=yes)
        client.webhooks.delete(owner["id"], found["id"])
    say(f"Webhook {found['id']} of {owner['name']} ({found['name']}) is removed.")


def _the_webhook(client: Client, agent: Agent, word: str) -> Webhook:
    where = f"`lamplighter webhook list {quoted(agent['name'])}` shows what there is"
    return named_or_id(client.webhooks.of_agent(agent["id"]), word, f"webhook of {agent['name']}", where)


def _tell(agent: Agent, webhook: Webhook, *, json: bool) -> None:
    if json:
        as_json(webhook)
        return
    say(f"Webhook {webhook['id']} of {agent['name']} ({webhook['name']}): {_state(webhook)}")
    if webhook["url"] is not None:
        say(f"Address: {webhook['url']}")
        hint("Who posts there starts the agent: treat the address as a password.")


def _state(webhook: Webhook) -> str:
    return "enabled" if webhook["isEnabled"] else "disabled"
