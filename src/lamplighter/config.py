"""The settings of a server, checked once when it starts. Every one is documented in docs/operations.md."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from lamplighter.errors import InvalidInput

ROLES = ("api", "scheduler", "runner")
_MOST_DIGITS = 6
_LONGEST_NAME = 200


def _default_concurrency() -> int:
    return max(4, 2 * (os.cpu_count() or 1))


@dataclass(frozen=True, slots=True)
class OpenIdSettings:
    """The OpenID Connect issuer whose tokens are taken, and the audience that they must name."""

    issuer: str
    audience: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "OpenIdSettings | None":
        """The issuer of the environment, or None; InvalidInput when only half of it is there."""
        names = ("LAMPLIGHTER_OIDC_ISSUER", "LAMPLIGHTER_OIDC_AUDIENCE")
        issuer, audience = (environment.get(name) or "" for name in names)
        if not issuer and not audience:
            return None
        for name, value in zip(names, (issuer, audience), strict=True):
            if not value:
                raise InvalidInput.of(name, "is needed too: an issuer and an audience go together")
        if not issuer.startswith(("https://", "http://127.0.0.1", "http://[::1]", "http://localhost")):
            raise InvalidInput.of(names[0], "must begin with https:// (http:// only on this machine)")
        return cls(issuer, audience)


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """The NATS broker of a fleet: its addresses, a file with this process's credentials, one with the authority."""

    urls: tuple[str, ...]
    credentials: Path | None
    ca: Path | None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "BrokerSettings | None":
        """The broker of the environment, or None; InvalidInput."""
        urls = [url.strip() for url in (environment.get("LAMPLIGHTER_NATS_URL") or "").split(",")]
        if urls == [""]:
            return None
        for url in urls:
            if not re.match(r"(nats|tls|ws|wss)://[^\s@/]", url):
                wanted = (
                    "must be addresses such as nats://host:4222 or tls://host:4222, with commas between them"
                )
                raise InvalidInput.of("LAMPLIGHTER_NATS_URL", wanted)
        files = [environment.get(name) for name in ("LAMPLIGHTER_NATS_CREDENTIALS", "LAMPLIGHTER_NATS_CA")]
        credentials, ca = (Path(file).absolute() if file else None for file in files)
        return cls(tuple(urls), credentials, ca)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How a worker is set up: a server that carries out runs, and reaches the others over the broker only.

    ``name`` is that of the server; None: the one that the data folder has. ``files_url`` and ``files_endpoint`` are
    as in ``Settings``.
    """

    data: Path
    broker: BrokerSettings
    name: str | None = None
    concurrency: int = field(default_factory=_default_concurrency)
    groups: tuple[str, ...] = ()
    stop_grace: timedelta = timedelta(seconds=30)
    json_logs: bool = False
    files_url: str | None = None
    files_endpoint: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        environment: Mapping[str, str],
        *,
        data: Path,
        name: str | None = None,
        concurrency: int | None = None,
        groups: Sequence[str] = (),
        labels: Sequence[str] = (),
    ) -> "WorkerSettings":
        """The settings from the command line and the ``LAMPLIGHTER_…`` environment; InvalidInput."""
        broker = BrokerSettings.read(environment)
        if broker is None:
            raise InvalidInput.of(
                "LAMPLIGHTER_NATS_URL", "is needed: a worker reaches its installation over the broker"
            )
        if name is not None and (not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable()):
            raise InvalidInput.of("--name", f"has 1 to {_LONGEST_NAME} characters, not {name!r}")
        return cls(
            data.absolute(),
            broker,
            name,
            concurrency or _default_concurrency(),
            _group_names(groups),
            _stop_grace(environment),
            _wants_json_logs(environment),
            *_file_store(environment, broker),
            _labels(labels),
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """How one server is set up. ``port`` 0 picks a free one; ``groups`` are the names of those it serves.

    ``public_url`` is where clients reach it, without a slash at the end; None: where they say that they do.
    ``vault_key`` is the file with the key of the vault; None: the one in the data folder. ``database_url`` is that
    of PostgreSQL; None: SQLite in the data folder. ``roles`` are the parts that this process is. Workers on other
    machines are reached by ``broker``; None: there are none. ``files_url`` is the address of the store in which
    all of them find the files, None: the data folder; ``files_endpoint`` that of one that is not Amazon's.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 8080
    concurrency: int = field(default_factory=_default_concurrency)
    groups: tuple[str, ...] = ()
    stop_grace: timedelta = timedelta(seconds=30)
    bootstrap_key: str | None = field(default=None, repr=False)
    json_logs: bool = False
    oidc: "OpenIdSettings | None" = None
    rate_limit: int = 100  # requests of one credential in 60 seconds; 0: any number
    public_url: str | None = None
    vault_key: Path | None = None
    database_url: str | None = field(default=None, repr=False)
    roles: tuple[str, ...] = ROLES
    broker: BrokerSettings | None = None
    files_url: str | None = None
    files_endpoint: str | None = None

    @classmethod
    def read(
        cls,
        environment: Mapping[str, str],
        *,
        data: Path,
        host: str = "127.0.0.1",
        port: int = 8080,
        concurrency: int | None = None,
        groups: Sequence[str] = (),
        roles: Sequence[str] = (),
    ) -> "Settings":
        """The settings from the command line and the ``LAMPLIGHTER_…`` environment; InvalidInput."""
        rate_limit = _number(environment, "LAMPLIGHTER_RATE_LIMIT", 100, "requests")
        key_file = environment.get("LAMPLIGHTER_VAULT_KEY_FILE")
        database_url = _database_url(environment.get("LAMPLIGHTER_DATABASE_URL") or None)
        broker = _broker(environment, database_url)
        files_url, files_endpoint = _file_store(environment, broker)
        return cls(
            data=data.absolute(),  # agents are told of files in it, and they run elsewhere
            host=host,
            port=port,
            concurrency=concurrency or _default_concurrency(),
            groups=_group_names(groups),
            stop_grace=_stop_grace(environment),
            bootstrap_key=environment.get("LAMPLIGHTER_BOOTSTRAP_KEY") or None,
            json_logs=_wants_json_logs(environment),
            oidc=OpenIdSettings.read(environment),
            rate_limit=rate_limit,
            public_url=_public_url(environment.get("LAMPLIGHTER_PUBLIC_URL") or None),
            vault_key=Path(key_file).absolute() if key_file else None,
            database_url=database_url,
            roles=_roles(roles, database_url),
            broker=broker,
            files_url=files_url,
            files_endpoint=files_endpoint,
        )


def _file_store(
    environment: Mapping[str, str], broker: BrokerSettings | None
) -> tuple[str | None, str | None]:
    url = environment.get("LAMPLIGHTER_FILES_URL") or None
    endpoint = environment.get("LAMPLIGHTER_FILES_ENDPOINT") or None
    if url is not None and not re.match(r"(s3|gs|az)://[^\s/]|file:///[^\s]", url):
        wanted = (
            "must be an address such as s3://bucket/folder, or file:///folder for one that all servers share"
        )
        raise InvalidInput.of("LAMPLIGHTER_FILES_URL", f"{wanted}, not {url!r}")
    if url is None and broker is not None:
        raise InvalidInput.of(
            "LAMPLIGHTER_FILES_URL", "is needed with a broker: where all servers of a fleet find the files"
        )
    if endpoint is not None and not re.match(r"https?://[^\s/]", endpoint):
        raise InvalidInput.of(
            "LAMPLIGHTER_FILES_ENDPOINT", f"must begin with https:// or http://, not {endpoint!r}"
        )
    return url, endpoint


def _stop_grace(environment: Mapping[str, str]) -> timedelta:
    return timedelta(seconds=_number(environment, "LAMPLIGHTER_STOP_GRACE_SECONDS", 30, "seconds"))


def _wants_json_logs(environment: Mapping[str, str]) -> bool:
    style = environment.get("LAMPLIGHTER_LOG_FORMAT", "console")
    if style not in ("console", "json"):
        raise InvalidInput.of("LAMPLIGHTER_LOG_FORMAT", f"must be console or json, not {style!r}")
    return style == "json"


def _broker(environment: Mapping[str, str], database_url: str | None) -> BrokerSettings | None:
    broker = BrokerSettings.read(environment)
    if broker is not None and database_url is None:
        raise InvalidInput.of(
            "LAMPLIGHTER_NATS_URL", "needs PostgreSQL, which a fleet shares: set LAMPLIGHTER_DATABASE_URL"
        )
    return broker


def _group_names(given: Sequence[str]) -> tuple[str, ...]:
    """The names in texts such as ``eu,us``, each once."""
    names = [name.strip() for text in given for name in text.split(",")]
    for name in names:
        if not name or len(name) > _LONGEST_NAME or "\0" in name:
            raise InvalidInput.of("--group", f"a name has 1 to 200 characters, not {name!r}")
    return tuple(dict.fromkeys(names))


def _labels(given: Sequence[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for text in given:
        name, mark, value = text.partition("=")
        if not (mark and name.strip() and len(text) <= _LONGEST_NAME and text.isprintable()):
            raise InvalidInput.of("--label", f"has the form NAME=VALUE, 200 characters at most, not {text!r}")
        labels[name.strip()] = value.strip()
    return labels


def _roles(given: Sequence[str], database_url: str | None) -> tuple[str, ...]:
    """The roles in texts such as ``api,scheduler``, each once; all of them when none is said."""
    roles = {name.strip() for text in given for name in text.split(",")} or set(ROLES)
    for name in roles - set(ROLES):
        raise InvalidInput.of("--role", f"must be {', '.join(ROLES[:-1])} or {ROLES[-1]}, not {name!r}")
    if len(roles) < len(ROLES) and database_url is None:
        raise InvalidInput.of(
            "--role",
            "needs PostgreSQL, which several processes can share: set LAMPLIGHTER_DATABASE_URL",
        )
    return tuple(role for role in ROLES if role in roles)


def _database_url(text: str | None) -> str | None:
    if text is not None and not re.match("postgres(ql)?://", text):
        # What it is may hold a password.
        raise InvalidInput.of(
            "LAMPLIGHTER_DATABASE_URL", "must be an address such as postgresql://user:password@host:5432/name"
        )
    return text


def _public_url(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        is_right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # of the port
        is_right = False
    if not is_right or re.search(r"[?#@\s\\]", text):
        wanted = (
            "must be an address such as https://lamplighter.example or https://intranet.example/lamplighter"
        )
        raise InvalidInput.of("LAMPLIGHTER_PUBLIC_URL", f"{wanted}, not {text!r}")
    return text.rstrip("/")


def _number(environment: Mapping[str, str], name: str, default: int, what: str) -> int:
    text = environment.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise InvalidInput.of(name, f"must be a whole number of {what}, not {text!r}")
    return int(text)
