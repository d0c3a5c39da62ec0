"""Pages of what runs need and of people: everything is made, changed and taken away; nothing secret is shown."""

import httpx
import pytest

from browsing import Reader, text_of, wrong_at
from running_server import RunningServer


def number_in(answer: httpx.Response) -> int:
    assert answer.status_code == 303, text_of(answer.text)
    return int(answer.headers["location"].split("/")[-1])


def test_a_proxy_pool_is_made_checked_changed_and_deleted(admin: Reader, server: RunningServer) -> None:
    form = {
        "name": "pool",
        "rotation": "Sticky",
        "proxies": "http://u:s3cret-word@127.0.0.1:9\r\nhttp://127.0.0.1:10",
    }
    pool = number_in(admin.send("/proxies/new", form))
    page = admin.look(f"/proxies/{pool}")
    assert "s3cret-word" not in page
    assert "http://***@127.0.0.1:9" in page
    checked = admin.send(f"/proxies/{pool}/check").text
    assert checked.count("check failed") == 2
    form["proxies"] = "http://***@127.0.0.1:9"
    assert admin.send(f"/proxies/{pool}", form).status_code == 303
    [kept] = server.http.get(f"/proxy-pools/{pool}").json()["proxies"]
    assert kept["url"] == "http://***@127.0.0.1:9"
    assert admin.send(f"/proxies/{pool}/delete").headers["location"] == "/proxies"
    admin.look(f"/proxies/{pool}", 404)


def test_what_is_wrong_with_a_pool_stands_at_its_field(admin: Reader) -> None:
    answer = admin.send("/proxies/new", {"name": "x", "proxies": "http://127.0.0.1:9\r\nnonsense"})
    assert answer.status_code == 400
    assert wrong_at(answer.text, "proxies").startswith("line 2: ")
    assert "at least one proxy" in wrong_at(admin.send("/proxies/new", {"name": "x"}).text, "proxies")
    assert "is required" in wrong_at(
        admin.send("/proxies/new", {"proxies": "http://127.0.0.1:9"}).text, "name"
    )


def test_a_group_is_made_changed_and_deleted_and_a_server_drains(
    admin: Reader, server: RunningServer
) -> None:
    assert "--group slow" in admin.send("/groups/new", {"name": "slow"}).headers.get(
        "set-cookie", ""
    ).replace("%20", " ")
    group = next(one for one in server.http.get("/server-groups").json() if one["name"] == "slow")["id"]
    assert "must have no comma" in wrong_at(admin.send("/groups/new", {"name": "a,b"}).text, "name")
    assert admin.send(f"/groups/{group}", {"name": "slower", "description": "x"}).status_code == 303
    assert "slower" in admin.look("/servers")
    assert admin.send(f"/groups/{group}/delete").status_code == 303
    [one] = server.http.get("/servers").json()
    admin.send(f"/servers/{one['id']}/drain", {"on": "yes"})
    assert "drains" in admin.look("/servers")
    admin.send(f"/servers/{one['id']}/drain", {"on": "no"})
    assert "live" in admin.look("/servers")


def test_a_secret_goes_in_and_never_comes_out(admin: Reader) -> None:
    form = {"space": "1", "name": "TOKEN", "value": "very-secret-value"}
    assert admin.send("/secrets", form).headers["location"] == "/secrets?space=1"
    page = admin.look("/secrets?space=1")
    assert '<td class="mono">TOKEN</td>' in page
    assert "very-secret-value" not in page
    wrong = admin.send("/secrets", {**form, "name": "not a name"})
    assert wrong.status_code == 400
    assert wrong_at(wrong.text, "name")
    assert "very-secret-value" not in wrong.text
    admin.send("/secrets/TOKEN/delete", {"space": "1"})
    assert '<td class="mono">TOKEN</td>' not in admin.look("/secrets?space=1")


def test_spaces_and_members(admin: Reader, server: RunningServer) -> None:
    space = number_in(admin.send("/spaces", {"name": "team", "description": "ours"}))
    user = server.http.post("/users", json={"name": "member"}).json()["id"]
    admin.send(f"/spaces/{space}/members", {"user": str(user), "role": "editor"})
    page = text_of(admin.look(f"/spaces/{space}"))
    assert "member editor" in page
    admin.send(f"/spaces/{space}/members/{user}/remove")
    assert server.http.get(f"/spaces/{space}/members").json() == []
    assert admin.send("/spaces", {"name": "team"}).status_code == 409
    assert "is required" in wrong_at(admin.send("/spaces", {"name": ""}).text, "name")
    admin.send(f"/spaces/{space}", {"name": "team two", "isDefaultAccess": "on"})
    assert server.http.get(f"/spaces/{space}").json()["isDefaultAccess"] is True
    assert admin.send(f"/spaces/{space}/delete").headers["location"] == "/spaces"


def test_users(admin: Reader, server: RunningServer) -> None:
    short = admin.send("/users", {"name": "kim", "password": "short"})
    assert "at least 10 characters" in wrong_at(short.text, "password")
    assert all(one["name"] != "kim" for one in server.http.get("/users").json())
    admin.send("/users", {"name": "kim", "email": "kim@example.com", "password": "long enough word"})
    kim = next(one for one in server.http.get("/users").json() if one["name"] == "kim")["id"]
    reader = Reader(server)
    assert reader.sign_in(name="kim", password="long enough word").status_code == 303
    admin.send(f"/users/{kim}/switch", {"on": "no"})
    assert reader.http.get("/").status_code == 303
    reader.close()
    admin.send(f"/users/{kim}", {"name": "kim k", "email": "", "isAdmin": "on"})
    assert "administrator" in admin.look(f"/users/{kim}")
    admin.send(f"/users/{kim}/password", {"password": "another long word"})
    admin.send(f"/users/{kim}/delete")
    admin.look(f"/users/{kim}", 404)
    last = admin.send("/users/1", {"name": "admin"})
    assert last.status_code == 409
    assert "is the last administrator" in text_of(last.text)


def test_a_key_is_shown_once(admin: Reader, server: RunningServer) -> None:
    page = admin.send(
        "/keys", {"description": "for a script", "isReadOnly": "on", "expires": "2199-01-01"}
    ).text
    key = page.split('id="new-key">')[1].split("<")[0]
    answer = httpx.get(f"{server.url}/api/v1/agent/all", headers={"Authorization": f"ApiKey {key}"})
    assert answer.status_code == 200
    assert key not in admin.look("/keys")
    assert "expires" in admin.send("/keys", {"expires": "1999-01-01"}).text
    found = next(one for one in server.http.get("/api-keys").json() if one["description"] == "for a script")
    admin.send(f"/keys/{found['id']}/revoke")
    assert "revoked" in admin.look("/keys")


def test_notifications(admin: Reader, server: RunningServer) -> None:
    form = {"name": "team", "scope": "space 1", "events": ["failure", "didNotRun"], "isEnabled": "on"}
    wrong = admin.send("/notifications/new", {**form, "targets": "nonsense"})
    assert "number 1 is no target" in wrong_at(wrong.text, "targets")
    assert "is required" in text_of(
        admin.send("/notifications/new", {"targets": "webhook+http://127.0.0.1:9/h"}).text
    )
    made = admin.send("/notifications/new", {**form, "targets": "webhook+http://127.0.0.1:9/hook"})
    assert made.status_code == 200  # its secret is shown this once
    secret = made.text.split('class="once">')[1].split("<")[0]
    assert secret.startswith("whsec_")
    [rule] = server.http.get("/notifications").json()
    page = admin.look(f"/notifications/{rule['id']}")
    assert secret not in page
    tested = admin.send(f"/notifications/{rule['id']}/test").text
    assert "127.0.0.1" in tested
    same = {**form, "name": "renamed", "targets": rule["targets"][0], "withinSeconds": "60"}
    assert admin.send(f"/notifications/{rule['id']}", same).status_code == 303
    [rule] = server.http.get("/notifications").json()
    assert (rule["name"], rule["withinSeconds"]) == ("renamed", 60)
    admin.send(f"/notifications/{rule['id']}/delete")
    assert server.http.get("/notifications").json() == []


def test_usage_and_credits(admin: Reader, server: RunningServer) -> None:
    assert admin.send("/usage/rates", {"Server Time": "0.5", "Export CPM": "2"}).status_code == 303
    assert admin.send("/usage/credits", {"amount": "1,000", "message": "budget"}).status_code == 303
    said = text_of(admin.look("/usage"))
    assert "Credit: budget +1000.00 1000.00" in said
    assert admin.send("/usage/credits", {"amount": "much"}).status_code == 400
    agent = server.agent("costly", "from lamplighter import agent\nagent.emit({'n': 1})\n")
    server.run(agent)
    assert "costly" in admin.look("/usage?days=7")
    assert "Agent Inputs" in admin.look(f"/usage/agents/{agent}?days=x")


def test_the_audit_log_tells_what_was_done_here(admin: Reader) -> None:
    admin.send("/groups/new", {"name": "audited"})
    said = text_of(admin.look("/audit?kind=serverGroup"))
    assert "serverGroup.create audited" in said
    assert "No change is like that." in admin.look("/audit?until=1999-01-01")
    admin.look("/audit?kind=x&user=x&until=x&page=x")


def test_retention(admin: Reader, server: RunningServer) -> None:
    assert (
        admin.send("/settings/retention", {"space": "1", "logsDays": "30", "runsCount": "500"}).status_code
        == 303
    )
    kept = server.http.get("/retention").json()
    assert (kept["logsDays"], kept["runsCount"], kept["filesDays"]) == (30, 500, None)
    wrong = admin.send("/settings/retention", {"space": "1", "logsDays": "0"})
    assert "at least 1" in wrong_at(wrong.text, "logsDays")
    admin.send("/settings/retention", {"space": "1"})


@pytest.mark.parametrize(
    "path", ["/proxies/1x", "/groups/0", "/users/99999", "/notifications/99", "/spaces/77"]
)
def test_what_is_not_there_is_said_to_be_so(admin: Reader, path: str) -> None:
    assert admin.http.get(path).status_code in (400, 404)
    assert "Lamplighter" in admin.http.get(path).text
