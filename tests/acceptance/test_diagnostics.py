"""What failed runs are diagnosed with: real agents that fail against real sites, one for each cause."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from local_sites import Certificate, Site
from running_server import RunningServer

FAILURE = 6
WIRE = [
    *("runId", "agentId", "agentName", "status", "errorMessage", "startTime", "endTime", "runtimeSeconds"),
    *("stats", "possibleCauses", "suggestedActions"),
]
CHALLENGE = "<html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"
SPIDER = """
import scrapy


class Shop(scrapy.Spider):
    name = "shop"
    custom_settings = {{"RETRY_ENABLED": False, "CONCURRENT_REQUESTS": 1, "DOWNLOAD_TIMEOUT": 2, {settings}}}

    async def start(self):
        for url in self.urls.split():
            yield scrapy.Request(url)

    def parse(self, response):
        for title in response.css("li.book b::text"):
            yield {{"title": title.get(), "price": response.css("i::text").get()}}
        {more}
"""
FETCH = """
import urllib.request
from lamplighter import agent
for url in agent.input()["urls"].split():
    agent.emit({"text": urllib.request.urlopen(url, timeout=2).read().decode()})
"""
SHOP = "<title>Books</title><ul><li class='book'><b>One</b></li><li class='book'><b>Two</b></li></ul><i>5</i>"
SITE: dict[str, tuple[int, str]] = {
    "/403": (403, "<title>Forbidden</title>"),
    "/429": (429, "slow down"),
    "/401": (401, "who are you"),
    "/404": (404, "gone"),
    "/503": (503, "overloaded"),
    "/406": (406, "not like this"),
    "/challenge": (403, CHALLENGE),
    "/captcha": (200, "<title>Robot or human?</title><div class='g-recaptcha'></div>"),
    "/login": (200, "<title>Sign in</title><form><input type='password' name='p'></form>"),
    "/app": (200, "<title>Shop</title><div id=\"root\"></div><script src='a.js'></script>"),
    "/robots.txt": (200, "User-agent: *\nDisallow: /private\n"),
    "/private": (200, SHOP),
    "/shop": (200, SHOP),
    "/redesigned": (200, "<title>Books, new</title><article><h2>One</h2></article>"),
    "/no-price": (200, SHOP.replace("<i>5</i>", "")),
    "/words": (200, SHOP.replace("<i>5</i>", "<i>five</i>")),
}


@dataclass
class Web:
    """Where the sites are: a shop, one that hangs, one with a certificate of its own, one that nobody serves."""

    shop: str
    hanging: str
    untrusted: str
    silent: str
    breaking: str


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    certificate = Certificate(tmp_path_factory.mktemp("certificate"), "127.0.0.1")
    with ExitStack() as stack:
        shop = stack.enter_context(Site(lambda path: SITE.get(path.partition("?")[0], (404, "no such page"))))
        untrusted = stack.enter_context(Site(lambda path: (200, SHOP), certificate.for_server()))
        hanging = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=50))
        nobody = stack.enter_context(socket.socket())
        nobody.bind(("127.0.0.1", 0))  # bound, and not listening: connections are refused
        breaking = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        threading.Thread(target=break_off, args=(breaking,), daemon=True).start()
        yield Web(
            f"http://127.0.0.1:{shop.port}",
            f"http://127.0.0.1:{hanging.getsockname()[1]}",
            f"https://127.0.0.1:{untrusted.port}",
            f"http://127.0.0.1:{nobody.getsockname()[1]}",
            f"http://127.0.0.1:{breaking.getsockname()[1]}",
        )


def break_off(listener: socket.socket) -> None:
    """Take every connection and end it when something has been asked for."""
    with suppress(OSError):
        while True:
            with listener.accept()[0] as connection:
                connection.recv(1000)


@dataclass
class Case:
    """An agent that fails for one reason, and what must be said of it first."""

    code: str
    says: list[str]
    files: dict[str, str]
    does: list[str] = field(default_factory=list)
    urls: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    confidence: str = "certain"


def spider(
    *, settings: str = "", more: str = "pass", toml: str = "[success]\nmin_records = 1\n"
) -> dict[str, str]:
    return {
        "agent.toml": f'[agent]\nspider = "shop"\n{toml}',
        "shop.py": SPIDER.format(settings=settings, more=more),
    }


def script(main: str, toml: str = "") -> dict[str, str]:
    return {"agent.toml": f'[agent]\nrun = ["python", "main.py"]\n{toml}', "main.py": main}


def shell(command: str) -> dict[str, str]:
    return {"agent.toml": f'[agent]\nrun = ["sh", "-c", {json.dumps(command)}]\n'}


CASES: dict[str, Case] = {
    # --- answers, as spiders report them ---
    "a challenge": Case(
        "blocked.wall",
        ["2 of 3 requests to 127.0.0.1 were answered with 403; the page is a Cloudflare challenge"],
        spider(),
        ["proxy", "run download 'a challenge'"],
        "{shop}/challenge {shop}/challenge?2 {shop}/redesigned",
    ),
    "a captcha as a good page": Case(
        "blocked.wall", ["1 of 1 request", "200", "a captcha"], spider(), [], "{shop}/captcha"
    ),
    "403": Case(
        "http.403", ["1 of 1 request to 127.0.0.1 was answered with 403"], spider(), ["proxy"], "{shop}/403"
    ),
    "429": Case(
        "http.429", ["answered with 429"], spider(), ["DOWNLOAD_DELAY", "isWaitOnFailure"], "{shop}/429"
    ),
    "401": Case("login.required", ["answered with 401"], spider(), ["lamplighter secret set"], "{shop}/401"),
    "404": Case("http.404", ["answered with 404"], spider(), [], "{shop}/404 {shop}/nothing"),
    "503": Case("http.5xx", ["answered with 503"], spider(), ["isWaitOnFailure"], "{shop}/503"),
    "406": Case("http.4xx", ["answered with 406"], spider(), [], "{shop}/406"),
    "a page to log in": Case(
        "login.required", ["asks to log in"], spider(), ["secret"], "{shop}/login", confidence="likely"
    ),
    "robots.txt": Case(
        "robots.forbidden",
        ["1 request was not made because the site's robots.txt forbids it"],
        spider(settings='"ROBOTSTXT_OBEY": True'),
        ["ROBOTSTXT_OBEY"],
        "{shop}/private",
    ),
    # --- the same, of a program whose only word is its traceback ---
    "403 of a script": Case(
        "http.403", ["answered with 403 (the input names 127.0.0.1)"], script(FETCH), [], "{shop}/403"
    ),
    "429 of a script": Case("http.429", ["answered with 429"], script(FETCH), [], "{shop}/429"),
    # --- the network ---
    "no such host": Case(
        "network.dns", ["shop.invalid has no address"], spider(), [], "http://shop.invalid/"
    ),
    "no such host of a script": Case(
        "network.dns",
        ["A host (the input names shop.invalid) has no address"],
        script(FETCH),
        [],
        "http://shop.invalid/",
    ),
    "refused": Case(
        "network.refused", ["127.0.0.1 refuses connections (1 request)"], spider(), [], "{silent}/"
    ),
    "refused for a script": Case("network.refused", ["refuses connections"], script(FETCH), [], "{silent}/"),
    "hanging": Case(
        "network.timeout",
        ["127.0.0.1 did not answer in time (1 request)"],
        spider(),
        ["DOWNLOAD_TIMEOUT"],
        "{hanging}/",
    ),
    "hanging for a script": Case(
        "network.timeout", ["did not answer in time"], script(FETCH), [], "{hanging}/"
    ),
    "broken off": Case("network.broken", ["127.0.0.1 broke connections off"], spider(), [], "{breaking}/"),
    "untrusted": Case(
        "network.certificate", ["certificate"], script(FETCH), ["SSL_CERT_FILE"], "{untrusted}/"
    ),
    "no TLS there": Case("network.tls", ["over TLS"], script(FETCH), ["https://"], "{plain_tls}/"),
    "no TLS there for a spider": Case("network.tls", ["over TLS"], spider(), [], "{plain_tls}/"),
    # --- records ---
    "redesigned": Case(
        "records.none",
        ["1 page was fetched without an error, and no record came of it"],
        spider(),
        ["run download redesigned", "evidence/failing-page.html"],
        "{shop}/redesigned",
        confidence="likely",
    ),
    "made by JavaScript": Case(
        "page.needs-script",
        ["JavaScript"],
        spider(),
        ["scrapy-playwright"],
        "{shop}/app",
        confidence="likely",
    ),
    "a required field": Case(
        "records.field",
        ["no record has the field 'price', which is required"],
        spider(toml='[success]\nrequired_fields = ["price"]\n'),
        ["run records"],
        "{shop}/no-price",
        confidence="likely",
    ),
    "a schema": Case(
        "records.schema",
        ["2 of 2 records do not match", "price"],
        spider(toml='[success]\nschema = {properties = {price = {pattern = "^[0-9]+$"}}}\n'),
        ["schema"],
        "{shop}/words",
    ),
    "too many errors": Case(
        "errors.max",
        ["2 errors, at most 1 allowed"],
        script(
            "from lamplighter import agent\nagent.emit({'n': 1})\nagent.report(errors=2)\n",
            "[success]\nmax_errors = 1\n",
        ),
        ["max_errors"],
    ),
    "too few records": Case(
        "records.min",
        ["0 records, at least 3 wanted"],
        script("print('done')\n", "[success]\nmin_records = 3\n"),
        ["min_records"],
    ),
    "undelivered": Case(
        "delivery.failed",
        ["could not be delivered", "Not a directory"],
        script(
            "from lamplighter import agent\nagent.emit({'n': 1})\n",
            '[export]\ndestination = "/dev/null/nowhere"\n',
        ),
        ["run restart undelivered"],
    ),
    # --- the machine and the process ---
    "out of memory": Case(
        "memory.limit",
        ["reached its memory limit (`memory_mb` = 64)"],
        script("x = [bytearray(1 << 20) for _ in range(1000)]\n", "[limits]\nmemory_mb = 64\n"),
        ["memory_mb"],
    ),
    "killed": Case("process.signal", ["killed by SIGKILL"], script("import os\nos.kill(os.getpid(), 9)\n")),
    "crashed": Case("process.signal", ["SIGSEGV"], shell("kill -SEGV $$")),
    "a time-out": Case(
        "run.timeout",
        ["not finished when its time-out came after 1 second"],
        script("import signal\nsignal.pause()\n"),
        ["timeoutSeconds", "run logs 'a time-out'"],
        settings={"timeoutSeconds": 1},
    ),
    "a missing module": Case(
        "dependency.module", ["'bs99' is not there"], script("import bs99.soup\n"), ['"bs99"', "requirements"]
    ),
    "a missing module of a spider": Case(
        "dependency.module",
        ["'bs99' is not there"],
        {
            "agent.toml": '[agent]\nspider = "shop"\n',
            "shop.py": "import bs99\n" + SPIDER.format(settings="", more="pass"),
        },
    ),
    "a missing program": Case(
        "dependency.program", ["nodejs99"], {"agent.toml": '[agent]\nrun = ["nodejs99", "x.js"]\n'}
    ),
    "a missing program of a shell": Case("dependency.program", ["nodejs99"], shell("nodejs99 x.js")),
    "a missing library": Case(
        "dependency.library",
        ["libnss99.so.3"],
        shell(
            "echo './x: error while loading shared libraries: libnss99.so.3: cannot open shared"
            " object file' >&2; exit 1"
        ),
        confidence="likely",
    ),
    "not to be executed": Case(
        "process.not-started",
        ["Not executable"],
        {"agent.toml": '[agent]\nrun = ["./x.sh"]\n', "x.sh": "echo x"},
    ),
    # --- the code ---
    "a mistake": Case("code.mistake", ["SyntaxError", "main.py, line 2"], script("x = 1\nx = (\n")),
    "a page that is other": Case(
        "page.unexpected",
        ["AttributeError", "shop.py, line 16, in parse", "/redesigned"],
        spider(more="response.css('i::text').get().strip()"),
        ["run download 'a page that is other'"],
        "{shop}/redesigned",
    ),
    "an exception": Case(
        "exception.raised",
        ["RuntimeError: the moon is full", "main.py, line 2, in howl"],
        script("def howl():\n    raise RuntimeError('the moon is full')\nhowl()\n"),
        ["run evidence 'an exception'"],
    ),
    "no such spider": Case(
        "spider.unknown",
        ["'shp'", "Did you mean 'shop'"],
        spider() | {"agent.toml": '[agent]\nspider = "shp"\n'},
    ),
    "cut off": Case(
        "spider.cut-off",
        ["before it was closed"],
        spider(more="__import__('os')._exit(0)", toml=""),
        [],
        "{shop}/shop",
    ),
    "a problem": Case(
        "agent.problem",
        ["the shop is closed on Sundays"],
        script("from lamplighter import agent\nagent.report(problem='the shop is closed on Sundays')\n"),
    ),
    "a status": Case("exit.status", ["exit status 3", "'giving up'"], shell("echo giving up; exit 3")),
}


def diagnosis(server: RunningServer, agent: int, run: int) -> dict[str, Any]:
    found: dict[str, Any] = server.call("GET", f"/analytics/agents/{agent}/runs/{run}/diagnostics")
    return found


def failed(server: RunningServer, name: str, case: Case, web: Web) -> dict[str, Any]:
    """What is said of the failure of the case."""
    agent = server.call("POST", "/agent", {"name": name, "files": case.files}, expect=201)["id"]
    urls = case.urls.format(**vars(web), plain_tls=web.shop.replace("http:", "https:"))
    given = {"inputParameters": json.dumps({"urls": urls})} if urls else {}
    run = server.run(agent, **given, **case.settings)
    assert run["status"] == FAILURE, run["message"]
    return diagnosis(server, agent, run["id"])


@pytest.mark.parametrize("name", CASES)
def test_the_cause_is_told_first_with_its_facts_and_what_to_do(
    server: RunningServer, web: Web, name: str
) -> None:
    case = CASES[name]
    found = failed(server, name, case, web)
    first = found["findings"][0]
    assert (first["code"], first["confidence"]) == (case.code, case.confidence), found["findings"]
    assert first["cause"] == found["possibleCauses"][0]
    for words in case.says:
        assert words in first["cause"]
    actions = "\n".join(first["actions"])
    assert actions
    for words in case.does:
        assert words in actions
