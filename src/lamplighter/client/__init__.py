"""A small typed client of Lamplighter's HTTP API, for programs that wait and for ``async`` ones.

::

    with Client("http://127.0.0.1:8080", "sk-…") as client:
        run = client.start(1, {"inputParameters": '{"pages": 3}'})
        for line in client.follow_log(1, run["id"]):
            print(line)

    async with AsyncClient("http://127.0.0.1:8080", "sk-…") as client:
        run = await client.start(1)
        async for line in client.follow_log(1, run["id"]):
            print(line)

Every route is one method. Answers are the API's JSON as it is, with its camelCase names; the classes beside the
routes of a noun (``lamplighter.client.runs.Run``) say what is in them. A refusal of the server raises
``ApiError``, a server that cannot be reached raises ``CannotConnect``.

A request is sent again, at most three times, where that can do no harm: when no connection was made, when the
server says 429 and after how many seconds, and also when the connection broke off if it was a GET or a POST
(which carries an ``Idempotency-Key``), or when a GET was answered with 503.

**How to add a route.** The asynchronous half is written, the other one is made from it:

1. In ``client/<noun>.py``, write a ``TypedDict`` for what is answered and a method of ``Async<Noun>`` that is one
   ``await self._ask(Kind, method, path, …)``, or ``await self._tell(…)`` when there is no answer.
2. For a new noun only, name its group in ``client/client.py``: ``self.<noun> = Async<Noun>(sender)``.
3. Run ``make client``, which writes ``client/generated``. A test fails when that is out of date.
"""

from lamplighter.client.agents import Agent, Version
from lamplighter.client.api_keys import Key, NewKey
from lamplighter.client.client import AsyncClient
from lamplighter.client.generated.client import Client
from lamplighter.client.health import Health
from lamplighter.client.problems import ApiError, CannotConnect, is_local
from lamplighter.client.runs import ENDED, STATUS_NAMES, SUCCEEDED, WAITS, Run, RunFile
from lamplighter.client.schedules import Fire, PlannedFire, Preview, Previewed, Schedule

__all__ = [
    "ENDED",
    "STATUS_NAMES",
    "SUCCEEDED",
    "WAITS",
    "Agent",
    "ApiError",
    "AsyncClient",
    "CannotConnect",
    "Client",
    "Fire",
    "Health",
    "Key",
    "NewKey",
    "PlannedFire",
    "Preview",
    "Previewed",
    "Run",
    "RunFile",
    "Schedule",
    "Version",
    "is_local",
]
