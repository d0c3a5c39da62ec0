"""Real messages to real receivers on this machine, and what comes of targets that hang, fail or are none."""

import importlib.util
import json
import os
import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from lamplighter.messenger import Messenger, NotInstalled
from lamplighter.model import MessageKind
from receivers import HttpReceiver, MailServer, texts_of
from running_server import eventually


def test_a_message_arrives_by_http() -> None:
    with HttpReceiver() as receiver:
        assert Messenger().send(receiver.url("my/hook"), "The tïtle", "a line\nanother: <b>") is None
    [post] = receiver.posts
    assert (post["title"], post["message"]) == ("The tïtle", "a line\nanother: <b>")
    assert post["path"] == "/my/hook"


def test_a_message_arrives_by_mail() -> None:
    with MailServer() as server:
        assert Messenger().send(server.url(), "The tïtle", "a line\nanother: <b>") is None
    [mail] = server.mails
    assert mail["subject"] == "The tïtle"
    assert mail["to"] == "person@example.com"
    assert texts_of(mail)["text/plain"].splitlines() == ["a line", "another: <b>"]


def test_a_mail_in_html_shows_the_text_as_it_is() -> None:
    with MailServer() as server:
        body = "<script>alert(1)</script> & :smile: \\n"
        assert Messenger().send(f"{server.url()}&format=html", "t", body) is None
    html = texts_of(server.mails[0])["text/html"]
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert ":smile:" in html


def test_an_answer_that_is_not_good_is_an_error() -> None:
    with HttpReceiver() as receiver:
        receiver.statuses = [500]
        error = Messenger().send(receiver.url(), "t", "b")
    assert error is not None
    assert "error=500" in error


def test_a_target_where_nobody_listens_is_an_error() -> None:
    with HttpReceiver() as receiver:
        url = receiver.url()
    error = Messenger().send(url, "t", "b")
    assert error is not None
    assert "onnection error" in error


def test_a_target_that_hangs_is_given_up_after_its_time() -> None:
    with HttpReceiver(hangs=True) as receiver:
        # Apprise itself would wait longer for the answer.
        error = Messenger(2).send(f"{receiver.url()}?rto=50", "t", "b")
    assert error == "no answer within 2 seconds"


def test_a_slow_target_has_longer_than_apprise_gives_it_and_is_told_as_such() -> None:
    with HttpReceiver(hangs=True) as receiver:
        error = Messenger(9).send(receiver.url(), "t", "b")  # Apprise itself: 4 seconds, "Connection error"
    assert error == "no answer within 6 seconds"


def test_a_time_out_of_the_address_is_kept() -> None:
    with HttpReceiver(hangs=True) as receiver:
        error = Messenger().send(f"{receiver.url()}?rto=0.5", "t", "b")
    assert error == "no answer within 0.5 seconds"


def test_a_mail_server_that_hangs_is_told_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"mailto://127.0.0.1:{deaf.getsockname()[1]}/?from=a@b.cc&to=c@d.ee&mode=insecure&cto=0.5"
        assert Messenger().send(address, "t", "b") == "no answer within 0.5 seconds"


@pytest.mark.parametrize("kind", ["info", "success", "warning", "failure"])
def test_services_are_told_how_grave_it_is(kind: MessageKind) -> None:
    with HttpReceiver() as receiver:
        assert Messenger().send(receiver.url(), "t", "b", kind) is None
    assert [post["type"] for post in receiver.posts] == [kind]


def test_closing_ends_what_is_being_sent() -> None:
    messenger = Messenger()
    errors: list[str | None] = []
    with HttpReceiver(hangs=True) as receiver:
        address = f"{receiver.url()}?rto=50"
        thread = threading.Thread(target=lambda: errors.append(messenger.send(address, "t", "b")))
        thread.start()
        eventually(lambda: receiver.asked)
        messenger.close()
        thread.join()
    assert errors == ["the server is stopping"]
    assert messenger.send("json://localhost/x", "t", "b") == "the server is stopping"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("json://user:hunter22@example.com:8000/token/x?a=b", "json://example.com"),
        ("mailtos://user:hunter22@example.com?to=a@example.org", "mailtos://example.com"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/", "slack://…"),
        ("tgram://123456789:abcdefg_hijklmnop/12315544/", "tgram://…"),
    ],
)
def test_only_scheme_and_host_are_shown(address: str, shown: str) -> None:
    [checked] = Messenger().check([address])
    assert (checked.shown, checked.error) == (shown, None)


@pytest.mark.parametrize(
    "address",
    [
        "nothing",
        "nobody://user:hunter22@example.com/hunter22",
        "json://",
        "slack://hunter22",
        "mailto://user:hunter22@",
        "json://user:hunter22@exa mple/%",
        "",
    ],
)
def test_what_is_no_target_is_told_without_its_secrets(address: str) -> None:
    [checked] = Messenger().check([address])
    assert checked.error
    assert "hunter22" not in json.dumps([checked.shown, checked.error])


def test_an_error_of_sending_shows_no_secret() -> None:
    with HttpReceiver() as receiver:
        url = f"json://user:hunter22@127.0.0.1:{receiver.port}/s3cret-path?token=t0ken"
        receiver.statuses = [403]
        refused = Messenger().send(url, "t", "b")
    away = Messenger().send(url.replace("json", "mailto") + "&from=a@b.cc&to=x@y.zz&mode=insecure", "t", "b")
    for error in (refused, away):
        assert error
        assert not any(secret in error for secret in ("hunter22", "s3cret", "t0ken", "x@y.zz"))


def test_without_apprise_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "lamplighter.messenger.find_spec", lambda name: None if name == "apprise" else find(name)
    )
    with pytest.raises(NotInstalled, match=r"pip install 'lamplighter\[notifications\]'"):
        Messenger().check(["json://localhost"])
    assert "pip install" in str(Messenger().send("json://localhost", "t", "b"))


def test_what_sends_has_none_of_the_servers_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMPLIGHTER_BOOTSTRAP_KEY", "sk-of-the-server")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        messenger = Messenger()
        address = f"json://127.0.0.1:{silent.getsockname()[1]}"
        sending = threading.Thread(target=messenger.send, args=(address, "t", "b"))
        sending.start()
        connection, _ = silent.accept()
        [child] = children_of_this_process()
        environment = (child / "environ").read_bytes()
        messenger.close()
        sending.join()
        connection.close()

    assert b"NO_PROXY=127.0.0.1" in environment
    assert b"LAMPLIGHTER_" not in environment


def children_of_this_process() -> list[Path]:
    """The folders in /proc of processes that send messages for this one."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"lamplighter.messenger.child" in (folder / "cmdline").read_bytes():
                found.append(folder)
    return found


def test_a_post_arrives_with_its_headers_and_needs_no_apprise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with HttpReceiver() as receiver:
        url = f"http://127.0.0.1:{receiver.port}/my/hook"
        assert Messenger().post(url, {"X-Mine": "1"}, '{"tïtle": "t"}') is None
    assert receiver.posts == [{"tïtle": "t", "path": "/my/hook"}]
    assert receiver.headers[0]["x-mine"] == "1"


def test_a_post_that_is_never_answered_is_given_up() -> None:
    with HttpReceiver(hangs=True) as receiver:
        error = Messenger(2).post(f"http://127.0.0.1:{receiver.port}/", {}, "{}")
    assert error in ("no answer within 1 seconds", "no answer within 2 seconds")


def test_a_post_ends_when_the_server_does() -> None:
    messenger = Messenger()
    answers: list[str | None] = []
    with HttpReceiver(hangs=True) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/"
        thread = threading.Thread(target=lambda: answers.append(messenger.post(url, {}, "{}")))
        thread.start()
        eventually(lambda: receiver.asked)
        messenger.close()
        thread.join()
    assert answers == ["the server is stopping"]
