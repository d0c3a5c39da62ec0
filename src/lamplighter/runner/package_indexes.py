"""Where uv gets packages from on this machine.

uv does not read pip's configuration, but a machine whose packages come from a mirror often has nothing else. So
what pip was told is told to uv in its own words, unless somebody has told uv itself: by a ``UV_…`` variable that
names an index, or by a ``uv.toml`` that does.
"""

import configparser
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# What uv needs of the server's environment: to find programs and its own settings, and to reach the indexes.
_PASSED_ON = frozenset(
    {
        *("HOME", "LANG", "LC_ALL", "LC_CTYPE", "NETRC", "PATH", "SSH_AUTH_SOCK", "TMPDIR", "USER"),
        *("SSL_CERT_DIR", "SSL_CERT_FILE", "SSL_CLIENT_CERT", "XDG_CONFIG_DIRS", "XDG_CONFIG_HOME"),
        *("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"),
    }
)
_SAYS_WHERE = frozenset(
    {"UV_CONFIG_FILE", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INDEX", "UV_INDEX_URL"}
)
_KEYS_THAT_SAY_WHERE = frozenset({"index", "index-url", "extra-index-url", "find-links", "no-index"})
# These would change which environment is made, and where.
_OURS = frozenset({"UV_CACHE_DIR", "UV_PROJECT", "UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_WORKING_DIR"})


@dataclass(frozen=True, slots=True)
class Sources:
    """What uv is started with: its whole environment, and options for ``uv pip install``."""

    environment: dict[str, str] = field(repr=False)  # addresses of indexes may hold passwords
    options: list[str]


def sources(environment: Mapping[str, str]) -> Sources:
    """What uv is to be told on this machine; ``environment`` is the server's own."""
    passed_on = {name: value for name, value in environment.items() if value and _is_passed_on(name)}
    pip = _pip_configuration(environment)
    if _is_told_itself(environment):
        pip = {name: pip[name] for name in ("cert", "proxy") if name in pip}
    return Sources(_in_uvs_words(pip) | passed_on, ["--no-index"] if _is_yes(pip.get("no-index")) else [])


def _is_passed_on(name: str) -> bool:
    # What builds a package is somebody else's program, and needs nobody's right to publish one.
    is_uvs = name.startswith("UV_") and not name.startswith("UV_PUBLISH_")
    return (is_uvs or name.upper() in _PASSED_ON) and name not in _OURS


def _in_uvs_words(pip: Mapping[str, str]) -> dict[str, str]:
    extra, links = pip.get("extra-index-url", "").split(), pip.get("find-links", "").split()
    words = {
        "UV_DEFAULT_INDEX": pip.get("index-url", ""),
        "UV_INDEX": " ".join(extra),
        # For pip all indexes are equal. uv would take a package from the first one that has any version of it.
        "UV_INDEX_STRATEGY": "unsafe-best-match" if extra else "",
        "UV_FIND_LINKS": ",".join(map(_expanded, links)),
        "UV_INSECURE_HOST": " ".join(pip.get("trusted-host", "").split()),
        "UV_HTTP_TIMEOUT": pip.get("timeout", pip.get("default-timeout", "")),
        "SSL_CERT_FILE": _expanded(pip.get("cert", "")),
        "ALL_PROXY": pip.get("proxy", ""),
    }
    return {name: value for name, value in words.items() if value}


def _expanded(path: str) -> str:
    return str(Path(path).expanduser()) if path.startswith("~") else path


def _is_yes(value: str | None) -> bool:
    return (value or "").lower() in ("1", "on", "true", "y", "yes", "t")


# -- what pip was told ---------------------------------------------------------------------------------------


def _pip_configuration(environment: Mapping[str, str]) -> dict[str, str]:
    """pip's options by their long names: its files in their order, then the variables ``PIP_…``."""
    general: dict[str, str] = {}
    of_install: dict[str, str] = {}
    for path in _pip_files(environment):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path)
        except (OSError, configparser.Error, UnicodeDecodeError):
            continue  # pip itself says what is wrong with it
        for section, options in (("global", general), ("install", of_install)):
            if parser.has_section(section):
                options.update({_option(name): value for name, value in parser.items(section)})
    given = {
        _option(name.removeprefix("PIP_")): value
        for name, value in environment.items()
        if name.startswith("PIP_")
    }
    merged: dict[str, str] = {}
    for options in (general, of_install, given):
        merged.update({name: value.strip() for name, value in options.items() if value and value.strip()})
    return merged


def _option(name: str) -> str:
    return name.lower().replace("_", "-").removeprefix("--")


def _pip_files(environment: Mapping[str, str]) -> Iterator[Path]:
    named = environment.get("PIP_CONFIG_FILE")
    if named == os.devnull:  # pip's way of saying: none at all
        return
    yield from (Path(folder, "pip", "pip.conf") for folder in _system_folders(environment))
    yield Path("/etc/pip.conf")
    if not (named and Path(named).exists()):
        yield Path(environment.get("HOME", "/"), ".pip", "pip.conf")
        yield _user_folder(environment) / "pip" / "pip.conf"
    yield Path(sys.prefix, "pip.conf")
    if named:
        yield Path(named)


# -- what uv was told ----------------------------------------------------------------------------------------


def _is_told_itself(environment: Mapping[str, str]) -> bool:
    if any(environment.get(name) for name in _SAYS_WHERE):
        return True
    if _is_yes(environment.get("UV_NO_CONFIG")):
        return False
    folders = [_user_folder(environment), *_system_folders(environment), Path("/etc")]
    return any(_says_where(folder / "uv" / "uv.toml") for folder in folders)


def _says_where(path: Path) -> bool:
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return False
    of_pip = document.get("pip")
    keys = document.keys() | (of_pip.keys() if isinstance(of_pip, dict) else set())
    return not _KEYS_THAT_SAY_WHERE.isdisjoint(keys)


def _user_folder(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME", "/"), ".config"))


def _system_folders(environment: Mapping[str, str]) -> list[Path]:
    named = environment.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    return [Path(folder) for folder in reversed(named.split(os.pathsep)) if folder]
