"""What programs say when something fails: by which words of an exception or a log a kind of trouble is known.

A text has the first kind whose words are in it, so what is special stands before what is general.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lamplighter.planner.diagnosis.symptoms import Confidence, Symptoms

_KINDS: dict[str, str] = {
    "disk": r"No space left on device|ENOSPC|Disk quota exceeded|database or disk is full",
    "memory": r"MemoryError|OutOfMemoryError|JavaScript heap out of memory|std::bad_alloc|Cannot allocate memory"
    r"|runtime: out of memory|memory allocation of \d+ bytes failed|\bENOMEM\b",
    "browser": r"Executable doesn't exist at|playwright install|Please run the following command to download new"
    r" browsers|cannot find Chrome binary|Unable to obtain driver for|chromedriver.* executable needs to be"
    r"|Could not find Chrome|Failed to launch the browser process",
    "module": r"ModuleNotFoundError|ImportError|No module named|Cannot find module|ERR_MODULE_NOT_FOUND"
    r"|cannot import name|Scrapy is not installed in the agent|can't load the package|cannot load such file",
    "library": r"error while loading shared libraries|cannot open shared object file",
    "program": r"command not found|: not found$|No such file: '|is not recognized as an internal"
    r"|spawn \S+ ENOENT|executable file not found in \$PATH|names an interpreter that does not exist",
    "proxy-credentials": r"Proxy Authentication Required|Tunnel connection failed: 407|\b407\b.{0,40}[Pp]roxy"
    r"|proxy refuses the credentials|ERR_INVALID_AUTH_CREDENTIALS",
    "proxy": r"ProxyError|ProxyConnectionError|ProxyTimeoutError|TunnelError|Tunnel connection failed"
    r"|Could not open CONNECT tunnel|ERR_PROXY_CONNECTION_FAILED|ERR_TUNNEL_CONNECTION_FAILED"
    r"|ERR_SOCKS_CONNECTION|Unable to connect to proxy|CONNECT tunnel failed|curl: \((5|97)\)",
    "dns": r"NameResolutionError|DNSLookupError|CannotResolveHostError|UnknownHostError|ClientConnectorDNSError"
    r"|UnknownHostException|gaierror|getaddrinfo|ENOTFOUND|EAI_AGAIN|Name or service not known"
    r"|Temporary failure in name resolution|nodename nor servname|[Cc]ould not resolve host"
    r"|unable to resolve host|no such host|No address associated with hostname|ERR_NAME_NOT_RESOLVED",
    "certificate": r"SSLCertVerificationError|CERTIFICATE_VERIFY_FAILED|certificate verify failed"
    r"|[Ss]elf[- ]signed certificate|certificate has expired|CERT_HAS_EXPIRED|UNABLE_TO_VERIFY_LEAF_SIGNATURE"
    r"|SSL certificate problem|ERR_CERT_|CertificateError|x509: ",
    "tls": r"SSLError|SSLEOFError|SSLZeroReturnError|SSL routines|SSL_ERROR|OpenSSL\.SSL|\[SSL[:\]]|ERR_SSL_|EPROTO"
    r"|TLSV1_ALERT|handshake failure|WRONG_VERSION_NUMBER|UNEXPECTED_EOF_WHILE_READING|SSLHandshakeException"
    r"|curl: \((35|58|59)\)|tls: (handshake|first record)|VerificationError",
    "refused": r"ConnectionRefusedError|DownloadConnectionRefusedError|ECONNREFUSED|[Cc]onnection refused"
    r"|ERR_CONNECTION_REFUSED|curl: \(7\)",
    "timeout": r"Time[Oo]utError|\w*Timeout\b|TCPTimedOutError|ETIMEDOUT|[Tt]imed out|took longer than"
    r"|ERR_(CONNECTION_)?TIMED_OUT|Timeout \d+ ?ms exceeded|curl: \(28\)|TimeoutException",
    "unreachable": r"No route to host|Network is unreachable|NoRouteError|EHOSTUNREACH|ENETUNREACH"
    r"|ERR_ADDRESS_UNREACHABLE|ERR_INTERNET_DISCONNECTED|ERR_NETWORK_CHANGED",
    "broken": r"ConnectionResetError|ECONNRESET|Connection"
    " reset|ConnectionLost|ConnectionDone|ResponseNeverReceived"
    r"|ResponseFailed|DownloadFailedError|RemoteDisconnected|RemoteProtocolError|IncompleteRead"
    r"|ConnectionAborted|socket hang up|ERR_CONNECTION_(RESET|CLOSED)|ERR_EMPTY_RESPONSE"
    r"|Server disconnected|ServerDisconnectedError|ResponseDataLossError|ReadError|curl: \((52|56)\)",
}
_PATTERNS = {kind: re.compile(words, re.MULTILINE) for kind, words in _KINDS.items()}
_STATUS = re.compile(
    r"\b([45]\d\d) (?:Client|Server) Error|HTTP Error ([45]\d\d)|(?:Client|Server) error '([45]\d\d)"
    r"|returned error: ([45]\d\d)|\bERROR ([45]\d\d): |status code:? ([45]\d\d)|ClientResponseError: ([45]\d\d)",
    re.ASCII,
)
_HOST = re.compile(r"https?://(?:[^/@\s'\"]*@)?(\[[0-9a-fA-F:]+]|[\w.-]+)", re.ASCII)
_NAMED_HOST = re.compile(r"host(?:name)?[:=]? ?['\"]?([\w-]+(?:\.[\w-]+)+)", re.ASCII)

_OURS = "[lamplighter]"  # a line of the server
_LAST_WORDS = 15  # lines at the end of a log that may tell what ended the program


ENDS = "exceptions, the verdict, the end of the log"  # what most rules rest on


class Said(NamedTuple):
    """A text that a failing attempt left; ``host`` is empty when it names none."""

    text: str
    host: str
    times: int
    confidence: Confidence


def kind_of(text: str) -> str | None:
    """The kind of trouble that a text tells of, None when it tells of none that is known."""
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.search(text)), None)


def said_of(s: Symptoms, kind: str) -> list[Said]:
    """What tells of a kind of trouble: requests and exceptions, else the verdict, else the log's last such line."""
    certain = list(_certain(s))
    found = [said for said in certain if kind_of(said.text) == kind]
    if found:
        return found
    is_explained = any(kind_of(said.text) for said in certain)
    if not is_explained and _is_about_agent(s, kind) and kind_of(s.message) == kind:
        return [Said(s.message, host_in(s.message), 1, Confidence.CERTAIN)]
    lines = [(n, line) for n, line in enumerate(s.log) if _OURS not in line and kind_of(line) == kind]
    is_last_word = (
        not s.exceptions and not s.failures and bool(lines) and lines[-1][0] >= len(s.log) - _LAST_WORDS
    )
    sure = Confidence.LIKELY if is_last_word else Confidence.POSSIBLE
    return [Said(line, host_in(line), 1, sure) for _, line in lines[-1:]]


def _is_about_agent(s: Symptoms, kind: str) -> bool:
    """Deliveries and environments are the server's: their verdicts say nothing of what the agent met."""
    return not s.undelivered and (kind == "disk" or not s.message.startswith("could not be carried out"))


def _certain(s: Symptoms) -> Iterator[Said]:
    for failed in s.failures:
        yield Said(str(failed), failed.host, failed.count, Confidence.CERTAIN)
    told = {kind_of(str(failed)) for failed in s.failures}
    for raised in s.exceptions:
        text = str(raised)
        if (kind := kind_of(text)) and kind in told:  # the same again, or what it came from
            continue
        yield Said(text, host_in(text) or host_in(raised.url or ""), raised.count, Confidence.CERTAIN)


def status_in(text: str) -> int | None:
    """The HTTP status, 400 or more, that a library complains of."""
    found = _STATUS.search(text)
    return int(next(filter(None, found.groups()))) if found else None


def hosts_in(text: str) -> list[str]:
    """The hosts of all addresses in a text."""
    return [found[1] for found in _HOST.finditer(text)]


def host_in(text: str) -> str:
    """The host of the first address in a text, or one that it names as a host; empty when there is none."""
    found = _HOST.search(text) or _NAMED_HOST.search(text)
    return found[1] if found else ""


def started(s: Symptoms, words: str) -> bool:
    """Whether the verdict begins so."""
    return s.message.startswith(words)
