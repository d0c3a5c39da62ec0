"""Sessions of browsers: how they begin and end, and what protects them."""

import re

import httpx
import pytest

from browsing import Reader, text_of
from lamplighter.service.rate_limits import FAILURES
from running_server import RunningServer

SESSION = "lamplighter_session"
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def robin(server: RunningServer) -> int:
    """A user with a password."""
    user = int(server.http.post("/users", json={"name": "robin"}).json()["id"])
    assert server.http.put(f"/users/{user}/password", json={"password": PASSWORD}).status_code == 204
    return user


def test_who_is_not_signed_in_is_led_to_where_that_is_done_and_back(stranger: Reader) -> None:
    answer = stranger.http.get("/agents?q=books")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fagents%3Fq%3Dbooks")
    assert 'value="/agents?q=books"' in stranger.look("/sign-in?next=%2Fagents%3Fq%3Dbooks")
    assert stranger.http.get("/").headers["location"] == "/sign-in"


def test_a_key_signs_in(stranger: Reader) -> None:
    answer = stranger.sign_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Path=/"))
    assert "admin" in stranger.look("/")


def test_a_password_signs_in(stranger: Reader, robin: int) -> None:
    assert stranger.sign_in(name="robin", password=PASSWORD, next="/agents").headers["location"] == "/agents"
    assert "robin" in stranger.look("/account")


def test_wrong_credentials_say_nothing_of_what_was_wrong(stranger: Reader, robin: int) -> None:
    known = stranger.sign_in(name="robin", password="wrong")
    unknown = stranger.sign_in(name="nobody", password="wrong")
    for answer in (known, unknown):
        assert answer.status_code == 401
        assert "The name or the password is wrong." in answer.text
        assert SESSION not in answer.cookies
    assert "This API key is not known." in stranger.sign_in(key="sk-nothing").text


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"]
)
def test_nobody_is_sent_elsewhere_after_signing_in(stranger: Reader, target: str) -> None:
    assert stranger.sign_in(key="sk-test-administrator", next=target).headers["location"] == "/"


def test_signing_out_ends_the_session_and_not_only_the_cookie(admin: Reader) -> None:
    token = admin.http.cookies[SESSION]
    assert admin.send("/sign-out").headers["location"] == "/sign-in"
    admin.http.cookies.set(SESSION, token)
    assert admin.http.get("/").status_code == 303


def test_signing_out_everywhere_ends_every_session(server: RunningServer, robin: int) -> None:
    browsers = [Reader(server), Reader(server)]
    for browser in browsers:
        browser.sign_in(name="robin", password=PASSWORD)
        browser.look("/")
    assert browsers[0].send(f"/users/{robin}/sign-out").headers["location"] == "/sign-in"
    for browser in browsers:
        assert browser.http.get("/").status_code == 303
        browser.close()


def test_another_password_ends_every_session(server: RunningServer, stranger: Reader, robin: int) -> None:
    stranger.sign_in(name="robin", password=PASSWORD)
    wrong = stranger.send(
        f"/users/{robin}/password", {"currentPassword": "no", "password": "another good one"}
    )
    assert "the password that you have now" in wrong.text
    right = {"currentPassword": PASSWORD, "password": PASSWORD}
    assert stranger.send(f"/users/{robin}/password", right).status_code == 303
    assert stranger.http.get("/").status_code == 303


def test_a_session_ends_with_the_key_that_it_was_begun_with(server: RunningServer, stranger: Reader) -> None:
    key = server.http.post("/api-keys", json={"description": "for a browser"}).json()
    stranger.sign_in(key=key["key"])
    stranger.look("/")
    server.http.delete(f"/api-keys/{key['id']}")
    assert stranger.http.get("/").status_code == 303


def test_a_session_may_do_no_more_than_its_key(server: RunningServer, stranger: Reader) -> None:
    key = server.http.post("/api-keys", json={"isReadOnly": True}).json()
    stranger.sign_in(key=key["key"])
    assert "Add a space" not in stranger.look("/spaces")
    refused = stranger.send("/spaces", {"name": "no"})
    assert refused.status_code == 403
    assert "may only read" in refused.text


def test_a_cookie_that_is_made_up_is_worth_nothing(stranger: Reader) -> None:
    stranger.http.cookies.set(SESSION, "made-up")
    assert stranger.http.get("/").status_code == 303


def test_the_api_takes_no_cookie_for_a_credential(admin: Reader) -> None:
    answer = admin.http.get("/api/v1/agent/all")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ],
)
def test_a_form_of_another_site_is_refused(admin: Reader, headers: dict[str, str]) -> None:
    for path in ("/spaces", "/sign-out", "/preferences", "/sign-in"):
        answer = admin.http.post(
            path, data={"name": "stolen", "key": "sk-test-administrator"}, headers=headers
        )
        assert answer.status_code == 403, path
        assert "another site" in answer.text
    assert "stolen" not in admin.look("/spaces")


def test_an_older_browser_says_by_its_origin_where_a_form_comes_from(
    admin: Reader, server: RunningServer
) -> None:
    headers = {"Origin": server.url}
    assert admin.http.post("/preferences", data={"theme": "dark"}, headers=headers).status_code == 303


def test_every_form_is_protected(server: RunningServer, admin: Reader) -> None:
    from fastapi.routing import APIRoute

    from lamplighter.http.pages import PAGES

    posts = [
        route.path
        for router in PAGES
        for route in router.routes
        if isinstance(route, APIRoute) and "POST" in (route.methods or ())
    ]
    assert len(posts) > 30
    for path in posts:
        address = re.sub(r"\{\w+\}", "1", path)
        answer = admin.http.post(address, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403, path


def test_guessing_is_slowed_down(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("limited") / "data"
    with RunningServer(data, environment={"LAMPLIGHTER_RATE_LIMIT": "5"}) as limited:
        reader = Reader(limited)
        wrong = [reader.sign_in(key=f"sk-guess-{number}") for number in range(FAILURES)]
        refused = reader.sign_in(name="admin", password="guess")
        reader.close()
    assert {answer.status_code for answer in wrong} == {401}
    assert refused.status_code == 429
    assert "too many" in text_of(refused.text).lower() or "more than" in text_of(refused.text).lower()


def test_pages_load_nothing_from_elsewhere_and_run_no_code_of_their_own(admin: Reader) -> None:
    answer = admin.http.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "style=" not in answer.text
    assert "onclick" not in answer.text
    assert "http://" not in answer.text.replace("http://www.w3.org", "")


def test_static_files_are_kept_for_ever_and_pages_never(admin: Reader) -> None:
    page = admin.http.get("/")
    assert page.headers["cache-control"] == "no-store"
    address = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
    style = admin.http.get(address)
    assert style.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert style.headers["content-type"].startswith("text/css")
    assert admin.http.get(address.replace("style.css", "none.css")).status_code == 404
    assert admin.http.get("/static/000000000000/style.css").status_code == 404
    assert admin.http.get("/static/x/..%2Fview.py").status_code == 404


def test_what_is_not_there_is_a_page_for_a_person_and_a_document_for_a_program(
    admin: Reader, server: RunningServer
) -> None:
    assert "Not found" in admin.look("/agents/999999", 404)
    assert "Not found" in admin.look("/nothing", 404)
    assert httpx.get(f"{server.url}/nothing").headers["content-type"] == "application/problem+json"


def test_preferences_are_kept_as_far_as_there_are_such(admin: Reader) -> None:
    admin.send("/preferences", {"zone": "Asia/Kathmandu", "theme": "dark"})
    assert 'data-theme="dark"' in admin.look("/")
    assert "Asia/Kathmandu" in admin.look("/")
    admin.send("/preferences", {"zone": "Nowhere/Town", "theme": "pink"})
    assert "Asia/Kathmandu" in admin.look("/")
    assert 'data-theme="dark"' in admin.look("/")
