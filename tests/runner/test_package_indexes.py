"""What uv is told of indexes: pip's configuration, in uv's words."""

import os
from pathlib import Path

import pytest

from lamplighter.runner.package_indexes import sources


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment whose configuration files are in a folder of the test."""
    return {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "system"), "PATH": "/bin"}


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_every_source_that_pip_knows_is_told_to_uv(home: dict[str, str], tmp_path: Path) -> None:
    file = write(
        tmp_path / "pip.conf",
        "[global]\nindex-url = https://mirror.test/simple\n"
        "extra-index-url =\n    https://one.test/simple\n    https://two.test/simple\n"
        "find-links = /wheels ~/more\ntrusted-host = one.test two.test\ntimeout = 99\n"
        "cert = ~/ca.pem\nproxy = http://proxy.test:3128\n",
    )
    told = sources({**home, "PIP_CONFIG_FILE": file}).environment
    assert {name: value for name, value in told.items() if name not in home} == {
        "UV_DEFAULT_INDEX": "https://mirror.test/simple",
        "UV_INDEX": "https://one.test/simple https://two.test/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": f"/wheels,{Path('~/more').expanduser()}",
        "UV_INSECURE_HOST": "one.test two.test",
        "UV_HTTP_TIMEOUT": "99",
        "SSL_CERT_FILE": str(Path("~/ca.pem").expanduser()),
        "ALL_PROXY": "http://proxy.test:3128",
    }


def test_variables_beat_files_and_install_beats_global(home: dict[str, str], tmp_path: Path) -> None:
    text = "[install]\nindex_url = https://install.test\nfind-links = /i\n[global]\nindex-url = https://global.test\n"
    file = write(tmp_path / "pip.conf", text)
    told = sources({**home, "PIP_CONFIG_FILE": file, "PIP_FIND_LINKS": "/v"}).environment
    assert (told["UV_DEFAULT_INDEX"], told["UV_FIND_LINKS"]) == ("https://install.test", "/v")


def test_the_user_file_beats_the_one_of_the_system(home: dict[str, str], tmp_path: Path) -> None:
    write(tmp_path / "system" / "pip" / "pip.conf", "[global]\nindex-url = https://system.test\n")
    write(tmp_path / ".config" / "pip" / "pip.conf", "[global]\nindex-url = https://user.test\n")
    assert sources(home).environment["UV_DEFAULT_INDEX"] == "https://user.test"


def test_no_index_is_an_option(home: dict[str, str]) -> None:
    given = {**home, "PIP_CONFIG_FILE": os.devnull}
    assert sources({**given, "PIP_NO_INDEX": "1"}).options == ["--no-index"]
    assert sources({**given, "PIP_NO_INDEX": "false"}).options == []


def test_no_file_is_read_when_pip_is_told_so(home: dict[str, str], tmp_path: Path) -> None:
    write(tmp_path / ".config" / "pip" / "pip.conf", "[global]\nindex-url = https://user.test\n")
    assert sources({**home, "PIP_CONFIG_FILE": os.devnull}).environment == home


def test_a_damaged_file_is_passed_over(home: dict[str, str], tmp_path: Path) -> None:
    write(tmp_path / ".config" / "pip" / "pip.conf", "index-url = no section\n")
    assert "UV_DEFAULT_INDEX" not in sources({**home}).environment


@pytest.mark.parametrize("variable", ["UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "UV_INDEX_URL"])
def test_who_has_told_uv_itself_is_not_contradicted(home: dict[str, str], variable: str) -> None:
    pip = {
        "PIP_INDEX_URL": "https://mirror.test",
        "PIP_EXTRA_INDEX_URL": "https://one.test",
        "PIP_CERT": "/ca.pem",
    }
    told = sources({**home, **pip, variable: "https://uv.test"}).environment
    assert {name: value for name, value in told.items() if name not in home} == {
        variable: "https://uv.test",
        "SSL_CERT_FILE": "/ca.pem",
    }


@pytest.mark.parametrize(
    ("toml", "of_pip"),
    [
        ('[[index]]\nurl = "https://uv.test"\n', False),
        ('[pip]\nfind-links = ["/wheels"]\n', False),
        ("offline = true\n", True),
    ],
)
def test_a_uv_toml_counts_when_it_names_a_source(
    home: dict[str, str], tmp_path: Path, toml: str, of_pip: bool
) -> None:
    write(tmp_path / ".config" / "uv" / "uv.toml", toml)
    told = sources({**home, "PIP_INDEX_URL": "https://mirror.test"}).environment
    assert ("UV_DEFAULT_INDEX" in told) == of_pip


def test_nothing_else_of_the_server_is_passed_on(home: dict[str, str]) -> None:
    given = {
        **home,
        "LAMPLIGHTER_BOOTSTRAP_KEY": "sk-secret",
        "PIP_CONFIG_FILE": os.devnull,
        "UV_PYTHON": "3.9",
        "UV_OFFLINE": "1",
        "https_proxy": "http://proxy.test",
    }
    assert sources(given).environment == {**home, "UV_OFFLINE": "1", "https_proxy": "http://proxy.test"}


def test_no_password_is_shown(home: dict[str, str]) -> None:
    assert "oil" not in repr(sources({**home, "UV_DEFAULT_INDEX": "https://keeper:oil@uv.test"}))


def test_rights_to_publish_are_not_passed_on(home: dict[str, str]) -> None:
    given = {**home, "UV_PUBLISH_TOKEN": "t", "UV_PUBLISH_PASSWORD": "p", "UV_HTTP_TIMEOUT": "9"}

    assert sources(given).environment.keys() & given.keys() >= {"UV_HTTP_TIMEOUT"}
    assert not any(name.startswith("UV_PUBLISH_") for name in sources(given).environment)
