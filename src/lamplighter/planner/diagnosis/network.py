"""What proxies and the network between did to the agent."""

from collections.abc import Callable
from typing import NamedTuple

from lamplighter.planner.diagnosis.answers import SLOWLY, SOME, named_by_input
from lamplighter.planner.diagnosis.symptoms import (
    Clue,
    Confidence,
    Rule,
    Symptoms,
    listed,
    many,
    short,
)
from lamplighter.planner.diagnosis.words import said_of

_ERRORS = "requests that failed, exceptions, the verdict, the end of the log"


def _proxy_credentials(s: Symptoms) -> Clue | None:
    sums, said = s.proxies, said_of(s, "proxy-credentials")
    refused = [error for error in sums.errors if "407" in error] if sums else []
    if not said and not refused:
        return None
    about = (
        short(said[0].text)
        if said
        else f"{many(sums.at_proxy if sums else 0, 'request')}: {short(refused[0])}"
    )
    return Clue(
        Confidence.CERTAIN,
        f"A proxy refuses its user name and password: {about}",
        (
            "See which proxies refuse: `lamplighter proxy check POOL`",
            (
                "Give the pool addresses with the right user name and password: `lamplighter proxy"
                " set POOL --from FILE"
                " --replace`; or renew the plan at their provider"
            ),
        ),
        (*(short(one.text) for one in said[:3]), *map(short, refused)),
    )


def _proxy_down(s: Symptoms) -> Clue | None:
    if _proxy_credentials(s):
        return None
    sums, said = s.proxies, said_of(s, "proxy")
    at_proxy = sums.at_proxy if sums else 0
    if sums and at_proxy and at_proxy >= SOME * sums.requests:
        used = (
            f"{at_proxy:,} of {many(sums.requests, 'request')} through"
            f" {many(sums.used, 'proxy').replace('proxys', 'proxies')}"
        )
        cause = (
            f"{used} failed at the proxy itself: {short(sums.errors[0]) if sums.errors else 'no connection'}"
        )
        sure = Confidence.CERTAIN if at_proxy == sums.requests else Confidence.LIKELY
    elif said:
        cause, sure = f"A proxy could not be used: {short(said[0].text)}", said[0].confidence
    else:
        return None
    return Clue(
        sure,
        cause,
        (
            (
                "See which proxies answer: `lamplighter proxy check POOL`; `lamplighter proxy show POOL`"
                " has their last errors"
            ),
            "Take out those that do not and add others: `lamplighter proxy set POOL --drop ID --proxy URL`",
        ),
        (*(short(one.text) for one in said[:3]), *(map(short, sums.errors) if sums else ())),
    )


def _no_proxies(s: Symptoms) -> Clue | None:
    if "there is no proxy pool" not in s.message:
        return None
    return Clue(
        Confidence.CERTAIN,
        f"The run was to go through proxies and had none: {short(s.message)}",
        (
            (
                "Make a pool (`lamplighter proxy add POOL --from FILE`) and name it in the schedule or start:"
                " `--proxy-pool POOL`; or take the schedule off its pool: `--proxy-pool none`"
            ),
        ),
        (short(s.message),),
    )


class _Trouble(NamedTuple):
    """A kind of trouble with connections: what it says of hosts, and what to do about it."""

    says: str
    actions: tuple[str, ...]


_RETRY = (
    "Try again: {restart}; `isWaitOnFailure` of the start or schedule (`--wait-on-failure"
    " --max-retries 3`) does so by"
    " itself"
)


_TROUBLES = {
    "dns": _Trouble(
        "has no address: the name could not be resolved",
        (
            "Check the spelling of the host in the start addresses and in the input",
            "If it is right, ask for it on the server's machine (`getent hosts NAME`): its DNS may be at fault",
        ),
    ),
    "certificate": _Trouble(
        "shows a certificate that is not trusted",
        (
            "Look at the site in a browser: its certificate may have expired, or be for another name",
            (
                "If you trust it, give the agent its authority's file (`SSL_CERT_FILE`, `verify=` of"
                " requests); the clock of"
                " the machine must be right, too"
            ),
        ),
    ),
    "tls": _Trouble(
        "could not be spoken to over TLS",
        (
            "Check that the address has the right scheme and port: https:// at a port without TLS ends so",
            "Some walls against robots break off the handshake: try through proxies, or with a browser",
        ),
    ),
    "refused": _Trouble(
        "refuses connections",
        ("Check the host and the port of the address; nothing listens there now, or a firewall refuses",),
    ),
    "timeout": _Trouble(
        "did not answer in time",
        (
            "Give it longer: in Scrapy `DOWNLOAD_TIMEOUT`, in other programs the `timeout` of their HTTP client",
            SLOWLY,
            "A site may keep robots waiting instead of refusing them: try through proxies (`--proxy-pool POOL`)",
        ),
    ),
    "unreachable": _Trouble(
        "cannot be reached from the server's machine",
        ("Check the network of the server's machine: `lamplighter doctor`, its routes and its firewall",),
    ),
    "broken": _Trouble(
        "broke connections off",
        ("A site or a firewall between may do so to robots: ask for less at a time, or go through proxies",),
    ),
}


def _network(kind: str) -> Callable[[Symptoms], Clue | None]:
    def look(s: Symptoms) -> Clue | None:
        said = said_of(s, kind)
        if not said:
            return None
        hosts = list(dict.fromkeys(one.host for one in said if one.host))
        count, trouble = sum(one.times for one in said), _TROUBLES[kind]
        answered = s.statuses or s.pages
        sure = said[0].confidence if not (answered and s.records) else Confidence.POSSIBLE
        times = f" ({many(count, 'request')})" if s.failures else ""
        host = listed(hosts) if hosts else f"A host{named_by_input(s)}"
        retry = _RETRY.format(restart=s.command("run restart"))
        return Clue(
            sure,
            f"{host} {trouble.says}{times}: {short(said[0].text)}",
            (*trouble.actions, *([retry] if kind not in ("dns", "certificate") else [])),
            tuple(short(one.text) for one in said[:3]),
        )

    return look


RULES = (
    Rule(
        "proxy.credentials",
        "a proxy refuses its credentials",
        "status 407 of a proxy, exceptions, what the agent reports of proxies",
        _proxy_credentials,
    ),
    Rule(
        "proxy.failing",
        "proxies do not work",
        "what the agent reports of proxies, exceptions, the end of the log",
        _proxy_down,
    ),
    Rule("proxy.none", "the pool is gone or empty", "the verdict", _no_proxies),
    Rule("network.dns", "a host name does not resolve", _ERRORS, _network("dns")),
    Rule("network.certificate", "a certificate is not trusted", _ERRORS, _network("certificate")),
    Rule("network.tls", "TLS fails", _ERRORS, _network("tls")),
    Rule("network.refused", "connections are refused", _ERRORS, _network("refused")),
    Rule("network.timeout", "a site does not answer in time", _ERRORS, _network("timeout")),
    Rule("network.unreachable", "there is no way to a host", _ERRORS, _network("unreachable")),
    Rule("network.broken", "connections are broken off", _ERRORS, _network("broken")),
)
