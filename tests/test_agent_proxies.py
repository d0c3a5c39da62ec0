"""What the module for authors of Python agents tells of proxies, in programs of their own."""

import json
from pathlib import Path
from typing import Any

import pytest

from test_agent_module import run

MODULE = Path(__file__).parents[1] / "src" / "lamplighter" / "agent.py"
URLS = ("http://ada:p%40ss@host:1", "socks5://t0ken@host:2", "http://host:3")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A folder with a copy of the module, and what a run with a pool is given."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "agent.py").write_bytes(MODULE.read_bytes())
    (folder / "proxies.txt").write_text("".join(f"{url}\n" for url in URLS))
    plan = {"proxies": [{"id": 7 + place, "url": url, "rested": {}} for place, url in enumerate(URLS)]}
    (folder / "proxies.json").write_text(json.dumps(plan))
    return folder


def told(bundle: Path, code: str, status: int = 0) -> list[dict[str, Any]]:
    """What the final report of a program says of its proxies."""
    report = bundle / "report.json"
    run(
        bundle,
        f"one, two, three = agent.proxies()\nuse = agent.proxy_used\n{code}",
        status=status,
        LAMPLIGHTER_REPORT=str(report),
        LAMPLIGHTER_PROXIES=str(bundle / "proxies.txt"),
        LAMPLIGHTER_PROXY_PLAN=str(bundle / "proxies.json"),
    )
    document = json.loads(report.read_bytes()) if report.exists() else {}
    found: list[dict[str, Any]] = document.get("proxies", [])
    return found


def test_uses_are_added_up_by_proxy_and_host(bundle: Path) -> None:
    code = (
        "for n in range(3): use(one, 'https://Shop.test:8443/a?b', traffic=10)\n"
        "use(one, 'http://other.test/', ok=False, traffic=1, error=OSError('no luck'))\n"
        "use(three, ok=False, at_proxy=True)"
    )
    same = {"failures": 0, "failuresInRow": 0, "atProxy": False}
    failed = {"requests": 1, "failures": 1, "failuresInRow": 1}
    assert told(bundle, code) == [
        {"id": 7, "host": "shop.test", "requests": 3, "traffic": 30, **same},
        {"id": 7, "host": "other.test", "traffic": 1, "lastError": "no luck", "atProxy": False, **failed},
        {"id": 9, "host": "", "traffic": 0, "lastError": "failed", "atProxy": True, **failed},
    ]


def test_a_success_ends_the_failures_in_a_row(bundle: Path) -> None:
    code = "for ok in (False, False, True, False): use(one, 'http://shop.test/', ok=ok)"
    [entry] = told(bundle, code)
    assert (entry["requests"], entry["failures"], entry["failuresInRow"]) == (4, 3, 1)


def test_an_address_may_be_given_without_its_credentials(bundle: Path) -> None:
    assert [entry["id"] for entry in told(bundle, "use('http://host:1')\nuse('socks5://host:2')")] == [7, 8]


def test_other_addresses_are_passed_over(bundle: Path) -> None:
    assert told(bundle, "use('http://mine:1')\nuse('')\nuse('http://host:4')") == []


def test_errors_are_told_without_credentials(bundle: Path) -> None:
    code = (
        "use(one, ok=False, error='p@ss and p%40ss of ada at http://ada:other@host')\n"
        "use(two, ok=False, error='t0ken' + 'x' * 999)"
    )
    first, second = (entry["lastError"] for entry in told(bundle, code))
    assert not any(secret in first + second for secret in ("p@ss", "p%40ss", "ada", "other", "t0ken"))
    assert len(second) == 200


def test_very_many_hosts_leave_the_report_small(bundle: Path) -> None:
    entries = told(bundle, "for n in range(5000): use(one, f'http://h{n}.test/', ok=False, error='x' * 999)")
    assert len(entries) == 2001
    assert sum(entry["requests"] for entry in entries) == 5000
    assert (bundle / "report.json").stat().st_size < 1024**2


def test_what_was_told_is_not_lost_when_the_program_breaks_off(bundle: Path) -> None:
    code = "for n in range(50): use(one)\nraise SystemExit(3)"
    assert told(bundle, code, status=3)[0]["requests"] == 50


def test_outside_lamplighter_nothing_happens(bundle: Path) -> None:
    run(bundle, "agent.proxy_used('http://host:1', 'http://shop.test/', ok=False)")
    assert not (bundle / "report.json").exists()
