"""What sites answered, and what that says."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from lamplighter.planner.diagnosis.symptoms import (
    Clue,
    Confidence,
    Rule,
    Symptoms,
    Wall,
    listed,
    many,
    short,
)
from lamplighter.planner.diagnosis.words import host_in, status_in

_MUCH = 0.5  # of the answers of a host: it is what made the attempt fail, most likely
SOME = 0.1  # it may be; what is less is the noise of every crawl
SLOWLY = (
    "Ask for less at a time: in Scrapy `DOWNLOAD_DELAY`, `CONCURRENT_REQUESTS_PER_DOMAIN` or"
    " `AUTOTHROTTLE_ENABLED`; in schedules a smaller `parallelMaxConcurrency`"
)
_STATUSES = "statuses of the answers by host, exceptions of HTTP libraries"


class _Answers(NamedTuple):
    """The answers of a host with the statuses in question. ``named``: the agent failed because of one of them."""

    host: str
    statuses: Counter[int]
    total: int
    named: bool

    @property
    def meant(self) -> int:
        return self.statuses.total()

    @property
    def of_host(self) -> str:
        return f" to {self.host}" if self.host else ""

    @property
    def confidence(self) -> Confidence | None:
        part = self.meant / self.total if self.total else 0
        if self.named or part == 1:
            return Confidence.CERTAIN
        if part < SOME:
            return None
        return Confidence.LIKELY if part >= _MUCH else Confidence.POSSIBLE

    def __str__(self) -> str:
        statuses = listed([str(status) for status, _ in self.statuses.most_common()])
        was = "was" if self.total == 1 else "were"
        return f"{self.meant:,} of {many(self.total, 'request')}{self.of_host} {was} answered with {statuses}"


def _answers(s: Symptoms, is_meant: Callable[[int], bool]) -> _Answers | None:
    """Those of the host where it was the most; what exceptions tell counts where nobody has counted."""
    named = Counter[tuple[str, int]]()
    for raised in s.exceptions:
        status = status_in(str(raised))
        if status is not None and is_meant(status):
            named[host_in(raised.message) or host_in(raised.url or ""), status] += raised.count
    by_host: Mapping[str, Mapping[int, int]] = s.answers or ({"": s.statuses} if s.statuses else {})
    found = [
        _Answers(host, meant, sum(statuses.values()), any(h in (host, "") or not host for h, _ in named))
        for host, statuses in by_host.items()
        if (meant := Counter({status: n for status, n in statuses.items() if is_meant(status)}))
    ]
    if not found and named:
        host = next(iter(named))[0]
        statuses = Counter({status: n for (h, status), n in named.items() if h == host})
        found = [_Answers(host, statuses, statuses.total(), True)]
    if not found:
        found = [
            _Answers(host_in(line), Counter({status: 1}), 1, True)
            for line in s.log[-3:]
            if (status := status_in(line)) is not None and is_meant(status)
        ]
    return max(found, key=lambda answers: (answers.named, answers.meant), default=None)


def named_by_input(s: Symptoms) -> str:
    """Which host is meant, most likely, where the agent does not say it: the only one in its input."""
    return f" (the input names {s.given_host})" if s.given_host else ""


def _with_proxies(s: Symptoms) -> str:
    if s.has_pool:
        return (
            "Look at how the proxies of the pool do (`lamplighter proxy list`); add others of"
            " another kind or country"
        )
    agent = s.command_for_agent("run start", "--proxy-pool", "POOL")
    return f"Go through proxies: make a pool (`lamplighter proxy add`) and try {agent}, then set it on the schedule"


def _look_at_page(s: Symptoms) -> tuple[str, ...]:
    if s.page and s.page.file:
        return (f"Look at the page that was kept: {s.command('run download', '--file', s.page.file)}",)
    again = s.command_for_agent("run start", "--log-mode", "TextAndHtml")
    return (f"See what came: {again} keeps pages among the files of the run",)


def _page_facts(s: Symptoms) -> tuple[str, ...]:
    if s.page is None:
        return ()
    title = f", titled {short(s.page.title, 80)!r}" if s.page.title else ""
    status = f" (status {s.page.status})" if s.page.status else ""
    return (f"the kept page is {s.page.url or s.page.file or 'a page'}{status}{title}",)


def _walls(s: Symptoms) -> list[Wall]:
    if s.walls:
        return sorted(s.walls, key=lambda wall: -wall.count)
    if s.page and s.page.wall:
        return [Wall(host_in(s.page.url or ""), s.page.wall, s.page.status or 200)]
    return []


def _wall(s: Symptoms) -> Clue | None:
    walls = _walls(s)
    if not walls:
        return None
    first = walls[0]
    statuses = s.answers.get(first.host) or s.statuses
    total = max(sum(statuses.values()), first.count)
    answered = statuses.get(first.status, first.count) if first.status >= 400 else first.count
    host = f" to {first.host}" if first.host else ""
    was = "was" if total == 1 else "were"
    told = (
        f"{answered:,} of {many(total, 'request')}{host} {was} answered with {first.status}; the"
        f" page is {first.wall}"
    )
    part = first.count / total
    sure = Confidence.CERTAIN if part >= _MUCH or not s.records else Confidence.LIKELY
    return Clue(
        sure if part >= SOME or not s.records else Confidence.POSSIBLE,
        f"The site turns robots away: {told}",
        (
            _with_proxies(s),
            (
                "Look like a browser: use one (for Scrapy, scrapy-playwright), or send its headers and"
                " keep its cookies"
            ),
            SLOWLY,
            *_look_at_page(s),
        ),
        (
            *(
                f"{wall.host or 'a page'}: {wall.wall}, status {wall.status}, {wall.count:,} seen"
                for wall in walls[:3]
            ),
        ),
    )


def _refused(s: Symptoms) -> Clue | None:
    found = (
        None if any(wall.status == 403 for wall in _walls(s)) else _answers(s, lambda status: status == 403)
    )
    return _status_clue(
        s,
        found,
        "the site refuses the agent (its address, its headers, or for want of a login)",
        (
            _with_proxies(s),
            "Send the headers that a browser sends (`User-Agent`, `Accept-Language`, `Referer`), and keep cookies",
        ),
    )


def _too_many(s: Symptoms) -> Clue | None:
    return _status_clue(
        s,
        _answers(s, lambda status: status == 429),
        "the site takes no more requests at this rate",
        (
            SLOWLY,
            (
                "Wait before the next try, and longer each time: `isWaitOnFailure` of the start or schedule"
                " (`--wait-on-failure --max-retries 3`)"
            ),
            _with_proxies(s),
        ),
    )


def _login(s: Symptoms) -> Clue | None:
    found = _answers(s, lambda status: status == 401)
    clue = _status_clue(
        s,
        found,
        "the site wants credentials, or does not take those of the agent",
        (
            (
                "Check the credentials of the agent; keep them as a secret (`lamplighter secret set"
                " NAME`) and refer to it"
                " in the input: `${secret:NAME}`"
            ),
        ),
    )
    if clue is not None or s.page is None or not s.page.asks_to_log_in or s.records:
        return clue
    address = (s.page.url or "").lower()
    is_login = any(word in address for word in ("login", "log-in", "signin", "sign-in", "auth", "account"))
    return Clue(
        Confidence.LIKELY if is_login else Confidence.POSSIBLE,
        (
            f"The site asks to log in: the kept page{f' {s.page.url}' if s.page.url else ''} has a field"
            " for a password"
        ),
        (
            (
                "Let the agent log in before it asks for pages; keep the password as a secret"
                " (`lamplighter secret set"
                " NAME`) and refer to it in the input: `${secret:NAME}`"
            ),
            *_look_at_page(s),
        ),
        _page_facts(s),
    )


def _gone(s: Symptoms) -> Clue | None:
    return _status_clue(
        s,
        _answers(s, lambda status: status in (404, 410)),
        "the addresses are not there (any more): the site has moved, or they are put together wrongly",
        (
            (
                "Open one of the addresses in a browser, and mend the start addresses, the links"
                " that are followed, or"
                " the input of the schedule"
            ),
        ),
    )


def _server_error(s: Symptoms) -> Clue | None:
    return _status_clue(
        s,
        _answers(s, lambda status: status >= 500),
        "the site itself is in trouble, or is overloaded",
        (
            (
                "Try again later: `isWaitOnFailure` of the start or schedule (`--wait-on-failure"
                " --max-retries 3`) does so"
                " by itself"
            ),
            SLOWLY,
        ),
    )


def _client_error(s: Symptoms) -> Clue | None:
    told = (401, 403, 404, 407, 410, 429)
    return _status_clue(
        s,
        _answers(s, lambda status: 400 <= status < 500 and status not in told),
        "the site does not take the requests as they are",
        ("Compare the requests of the agent (method, parameters, headers) with those that a browser sends",),
    )


def _status_clue(s: Symptoms, found: _Answers | None, means: str, actions: tuple[str, ...]) -> Clue | None:
    if found is None or found.confidence is None:
        return None
    evidence = (str(found), *(_page_facts(s) if s.page and s.page.status in found.statuses else ()))
    host = "" if found.host else named_by_input(s)
    return Clue(found.confidence, f"{found}{host}: {means}", (*actions, *_look_at_page(s)), evidence)


def _robots(s: Symptoms) -> Clue | None:
    if not s.forbidden_by_robots:
        return None
    one = s.forbidden_by_robots == 1
    pages = "1 request was" if one else f"{s.forbidden_by_robots:,} requests were"
    sure = Confidence.POSSIBLE if s.records else Confidence.LIKELY
    return Clue(
        sure if s.answers else Confidence.CERTAIN,
        f"{pages} not made because the site's robots.txt forbids {'it' if one else 'them'} to robots",
        (
            (
                "Ask the operator of the site, or take pages that it allows; `ROBOTSTXT_OBEY ="
                " False` in the project's"
                " settings (or the spider's `custom_settings`) does not ask robots.txt"
            ),
        ),
        (f"robotstxt/forbidden: {s.forbidden_by_robots:,}",),
    )


RULES = (
    Rule(
        "blocked.wall", "the site shows a page against robots", "marks of known pages, the kept page", _wall
    ),
    Rule("http.429", "too many requests", _STATUSES, _too_many),
    Rule("http.403", "the site refuses the agent", _STATUSES, _refused),
    Rule(
        "login.required", "the site wants a login", "status 401; the kept page has a password field", _login
    ),
    Rule("http.404", "the addresses are gone or wrong", _STATUSES, _gone),
    Rule("http.5xx", "the site is in trouble", _STATUSES, _server_error),
    Rule("http.4xx", "the site does not take the requests", _STATUSES, _client_error),
    Rule("robots.forbidden", "robots.txt forbids pages", "Scrapy's statistic `robotstxt/forbidden`", _robots),
)
