"""A server with something of everything on it: for pictures of every page, and for tests that visit every page."""

import json
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from lamplighter.demo.site import BookShop
from lamplighter.store.database import Database
from lamplighter.store.tables import parallel_sets, runs
from running_server import TERMINAL, RunningServer

_PRICES = """from lamplighter import agent

print("INFO fetching the price list")
for row in agent.rows():
    for number in range(1, row.get("products", 240) + 1):
        price = round(3.5 + number * 1.37 % 60, 2)
        agent.emit({"sku": f"P-{number:04}", "name": f"Product {number}", "price": price,
                    "currency": row.get("currency", "EUR"), "stock": None if number % 7 == 0 else number % 40})
print("INFO done")
"""
_NEWS = """import json, sys

def titles(page):
    return [one["headline"] for one in page["items"]]

print("GET https://news.example/latest")
print("WARNING: the answer is smaller than usual")
titles(json.loads('{"items": [{"title": "a"}]}'))
"""
_STOCKS = """import time
from lamplighter import agent

for number in range(100000):
    agent.emit({"symbol": f"S{number % 300}", "bid": 100 + number % 13, "at": number})
    if number % 40 == 0:
        print(f"INFO page {number // 40}: 40 quotes", flush=True)
    if number % 900 == 0:
        print("WARNING slow answer: <script>alert(1)</script> took 4.2 s", flush=True)
    time.sleep(0.05)
"""

# Every page, by the name of its picture; the braces take ids of what the house has.
PAGES_OF_THE_HOUSE = {
    "home": "/",
    "agents": "/agents",
    "agent-new": "/agents/new",
    "agent": "/agents/{prices}",
    "agent-start": "/agents/{prices}/start",
    "agent-versions": "/agents/{prices}/versions",
    "agent-code": "/agents/{prices}/code",
    "schedules": "/agents/{prices}/schedules",
    "schedule-new": "/agents/{prices}/schedules/new",
    "schedule": "/agents/{prices}/schedules/{prices_schedule}",
    "why": "/agents/{news}/schedules/{ledger_schedule}/why",
    "runs": "/runs",
    "run-going": "/runs/{going}",
    "run-failed": "/runs/{bad}",
    "run-set": "/runs/{part}",
    "run-records": "/runs/{good}/records",
    "run-files": "/runs/{shop_run}/files",
    "run-file": "/runs/{shop_run}/files/{snapshot}",
    "run-failure": "/runs/{bad}/failure",
    "calendar": "/calendar",
    "timeline": "/timeline",
    "servers": "/servers",
    "group": "/groups/{group}",
    "proxies": "/proxies",
    "pool-new": "/proxies/new",
    "pool": "/proxies/{pool}",
    "secrets": "/secrets",
    "notifications": "/notifications",
    "notification-new": "/notifications/new",
    "notification": "/notifications/{rule}",
    "usage": "/usage",
    "usage-agent": "/usage/agents/{prices}",
    "spaces": "/spaces",
    "space": "/spaces/{market}",
    "users": "/users",
    "user": "/users/{user}",
    "keys": "/keys",
    "account": "/account",
    "audit": "/audit",
    "settings": "/settings",
}


class SampleHouse:
    """Fills a running server; ``ids`` are those of what was made, by short names."""

    def __init__(self, server: RunningServer, shop: BookShop) -> None:
        self._server = server
        self._shop = shop
        self.ids: dict[str, int] = {}

    def fill(self) -> None:
        """Make all of it, and wait until the runs that end have ended."""
        ids = self.ids
        ids["market"] = self._make("/spaces", {"name": "Market data", "description": "Prices and quotes"})
        group = self._make("/server-groups", {"name": "browsers", "description": "Servers with Chromium"})
        ids["group"] = group
        ids["pool"] = self._make(
            "/proxy-pools",
            {
                "name": "Residential EU",
                "rotation": "Sticky",
                "proxies": [f"http://user:secret-word@127.0.0.1:{port}" for port in (9, 10, 11)],
            },
        )
        self._call("PUT", "/secrets/SHOP_TOKEN", {"value": "a-very-secret-token"})
        ids["user"] = self._make("/users", {"name": "Robin", "email": "robin@example.com"})
        self._call("PUT", f"/spaces/{ids['market']}/members/{ids['user']}", {"role": "editor"})
        self._call(
            "PUT",
            "/billing/rates",
            {"rates": [{"type": "Server Time", "rate": 0.36}, {"type": "Export CPM", "rate": 0.5}]},
        )
        self._call("POST", "/billing/credits", {"amount": 500, "message": "budget of November"})
        self._agents()
        self._schedules()
        ids["rule"] = self._make(
            "/notifications",
            {
                "name": "Tell the team",
                "events": ["failure", "recovery"],
                "targets": ["json://127.0.0.1:9/hook"],
            },
        )
        ids["good"] = self._run("prices", {"inputParameters": json.dumps({"products": 400})})
        ids["bad"] = self._run("news", {})
        ids["shop_run"] = self._run(
            "bookshop",
            {"inputParameters": json.dumps({"start_url": self._shop.url}), "logMode": "TextAndHtml"},
        )
        rows = [{"products": number} for number in (20, 30, 40)]
        ids["part"] = self._run("prices", {"inputParameters": json.dumps(rows), "parallelism": 3})
        files = self._server.http.get(f"/agent/{ids['bookshop']}/run/{ids['shop_run']}/files").json()
        ids["snapshot"] = next(one["id"] for one in files if one["fileType"] == "Snapshot")
        ids["going"] = self._start("stocks", {})
        self._past()

    def _agents(self) -> None:
        root = Path(__file__).parents[1] / "src/lamplighter/demo/bookshop"
        shop = {
            str(file.relative_to(root)): file.read_text()
            for file in root.rglob("*")
            if file.is_file() and file.suffix in (".py", ".cfg", ".toml")
        }
        self.ids["bookshop"] = self._make("/agent", {"name": "bookshop", "files": shop})
        toml = (
            '[agent]\nname = "prices"\nrun = ["python", "main.py"]\n'
            'description = "The price list of the wholesale market"\n'
            '[inputs.products]\ntype = "integer"\ndefault = 240\ndescription = "How many products to read"\n'
            '[inputs.currency]\ntype = "string"\ndefault = "EUR"\n'
            '[inputs.fresh]\ntype = "boolean"\ndefault = true\ndescription = "Leave the cache aside"\n'
            '[success]\nmin_records = 10\nrequired_fields = ["sku", "price"]\n'
        )
        files = {"agent.toml": toml, "main.py": _PRICES}
        self.ids["prices"] = self._make("/agent", {"files": files, "spaceId": self.ids["market"]})
        better = {
            **files,
            "main.py": _PRICES.replace('"INFO done"', '"INFO all prices are read"'),
        }
        self._call(
            "PUT", f"/agent/{self.ids['prices']}", {"files": better, "comments": "Say more at the end"}
        )
        for name, text in (("news", _NEWS), ("stocks", _STOCKS)):
            files = {
                "agent.toml": f'[agent]\nname = "{name}"\nrun = ["python", "main.py"]\n',
                "main.py": text,
            }
            self.ids[name] = self._make("/agent", {"files": files})

    def _schedules(self) -> None:
        wanted: list[tuple[str, dict[str, Any]]] = [
            (
                "bookshop",
                {"name": "every morning", "cronExpression": "30 2 * * *", "timezone": "Europe/Berlin"},
            ),
            (
                "prices",
                {
                    "name": "working hours",
                    "cronExpression": "0 9-17 * * 1-5",
                    "timezone": "America/New_York",
                    "isExclusive": True,
                },
            ),
            ("prices", {"name": "every quarter of an hour", "cronExpression": "*/15 * * * *"}),
            ("news", {"name": "hourly", "runEveryCount": 1, "runEveryPeriod": 2}),
            (
                "stocks",
                {"name": "nightly", "cronExpression": "0 1 * * *", "serverGroupId": self.ids["group"]},
            ),
        ]
        inputs = json.dumps({"start_url": self._shop.url})
        for agent, body in wanted:
            if agent == "bookshop":
                body["inputParameters"] = inputs
            made = self._make(f"/agent/{self.ids[agent]}/schedules", body)
            self.ids.setdefault(f"{agent}_schedule", made)
        self.ids["ledger_schedule"] = self._schedule_with_a_ledger()

    def _schedule_with_a_ledger(self) -> int:
        """One that fires while one looks, and that was edited a little after a due time."""
        soon = (datetime.now(UTC) + timedelta(seconds=2)).isoformat().replace("+00:00", "Z")
        body = {"name": "every minute", "runEveryCount": 1, "runEveryPeriod": 1, "startTime": soon}
        path = f"/agent/{self.ids['news']}/schedules"
        made = self._make(path, {**body, "timezone": "Asia/Tokyo"})
        until = time.monotonic() + 60
        while not self._server.http.get(f"{path}/{made}/fires").json():
            assert time.monotonic() < until, "the schedule does not fire"
            time.sleep(0.2)
        self._call("POST", f"{path}/{made}/disable", {})
        return made

    def _past(self) -> None:
        """Two weeks of runs, as if the server had been there: rows only, without files."""
        now = datetime.now(UTC)
        with closing(Database.embedded(self._server.data / "lamplighter.db")) as db, db.write() as c:
            latest = c.execute(sa.select(sa.func.max(runs.c.id))).scalar_one()
            sample = c.execute(sa.select(runs).where(runs.c.id == self.ids["good"])).mappings().one()
            its_set = (
                c.execute(sa.select(parallel_sets).where(parallel_sets.c.id == sample["set_id"]))
                .mappings()
                .one()
            )
            for hour in range(14 * 24):
                for name, minutes, every in (("prices", 4, 1), ("bookshop", 11, 6), ("stocks", 34, 12)):
                    if hour % every:
                        continue
                    began = now - timedelta(hours=hour, minutes=50 - minutes)
                    failed = (hour * 7 + minutes) % 23 == 0
                    number = latest + 1 + (14 * 24 - hour) * 3 + ("prices", "bookshop", "stocks").index(name)
                    took = timedelta(minutes=minutes, seconds=(hour * 37) % 90)
                    agent = self.ids[name]
                    set_values = {
                        **its_set,
                        "id": number,
                        "agent_id": agent,
                        "agent_version": 1,
                        "created": began,
                    }
                    c.execute(parallel_sets.insert().values(set_values))
                    c.execute(
                        runs.insert().values(
                            {
                                **sample,
                                "id": number,
                                "set_id": number,
                                "agent_id": agent,
                                "status": 6 if failed else 10,
                                "message": "exit status 1" if failed else "met all success criteria",
                                "created": began,
                                "start_time": began,
                                "end_time": began + took,
                                "data_count": 0 if failed else 200 + (hour * 61) % 300,
                            }
                        )
                    )

    # --- over the API ---

    def _call(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        answer = self._server.http.request(method, path, json=body)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def _make(self, path: str, body: Mapping[str, Any]) -> int:
        return int(self._call("POST", path, body)["id"])

    def _start(self, agent: str, body: Mapping[str, Any]) -> int:
        return self._make(f"/agent/{self.ids[agent]}/start", body)

    def _run(self, agent: str, body: Mapping[str, Any]) -> int:
        run = self._start(agent, body)
        until = time.monotonic() + 120
        while (
            self._server.http.get(f"/agent/{self.ids[agent]}/run/{run}/status").json()["status"]
            not in TERMINAL
        ):
            assert time.monotonic() < until, f"run {run} of {agent} does not end"
            time.sleep(0.2)
        return run
