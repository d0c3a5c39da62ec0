"""Starting a server, finding it, checking it."""

import signal
import subprocess
from pathlib import Path

from cli_support import Cli, end_of


def first_lines(process: subprocess.Popen[str]) -> str:
    """What the server says until it has said all."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "lamplighter --help" in line:
            break
    return "".join(lines)


def test_a_newcomer_needs_no_key_and_no_settings(tmp_path: Path) -> None:
    cli = Cli("", LAMPLIGHTER_API_KEY="", LAMPLIGHTER_DATA=str(tmp_path / "data"))
    with cli.start("up", "--port", 0) as server:
        said = first_lines(server)
        url = said.splitlines()[0].removeprefix("Lamplighter is ready at ")
        key = (tmp_path / "data" / "admin.key").read_text().strip()
        assert (tmp_path / "data" / "admin.key").stat().st_mode & 0o777 == 0o600
        assert said.count(key) == 2
        assert f"  {url}/sign-in#{key}\n" in said  # which signs in a browser
        assert f"export LAMPLIGHTER_URL={url}" in said
        cli.environment["LAMPLIGHTER_URL"] = url
        cli.ok("agent", "list")
        doctor = {row[0]: row[1] for row in cli.ok("doctor").rows}
        assert set(doctor.values()) == {"ok"}
        check_that_one_folder_has_one_server(cli)
        server.send_signal(signal.SIGTERM)
        end_of(server)
    assert server.returncode == 0


def check_that_one_folder_has_one_server(cli: Cli) -> None:
    second = cli.really("up", "--port", 0)
    assert second.status == 6
    assert "another server is running on the data folder" in second.err


def test_the_second_start_does_not_show_the_key_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    cli = Cli("", LAMPLIGHTER_DATA=str(tmp_path))
    for number in (1, 2):
        with cli.start("up", "--port", 0) as server:
            assert server.stdout is not None
            assert server.stdout.readline().startswith("Lamplighter is ready at http://127.0.0.1:")
            server.send_signal(signal.SIGINT)
            rest, err = end_of(server)
        assert server.returncode == 0
        assert ("sk-" in rest) == (number == 1)
        assert "Traceback" not in err


def test_the_doctor_says_what_to_do_when_nothing_answers(tmp_path: Path) -> None:
    cli = Cli("http://127.0.0.1:9", LAMPLIGHTER_DATA=str(tmp_path / "none"))
    result = cli("doctor")
    assert result.status == 1
    assert ["server", "wrong"] in [row[:2] for row in result.rows]
    assert "lamplighter up" in result.err
    assert [check["state"] for check in cli("doctor", "--json").json if check["what"] == "server"] == [
        "wrong"
    ]


def test_settings_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    cli = Cli("", LAMPLIGHTER_DATA=str(tmp_path), LAMPLIGHTER_STOP_GRACE_SECONDS="soon")
    result = cli("up", "--port", 0)
    assert (result.status, "LAMPLIGHTER_STOP_GRACE_SECONDS" in result.err) == (2, True)
