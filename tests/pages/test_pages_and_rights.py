"""Who may do what on pages: what a reader may not do is not offered, and refused all the same."""

from collections.abc import Iterator

import pytest

from browsing import Reader
from running_server import RunningServer

SLEEPS = "import time\ntime.sleep(300)\n"


@pytest.fixture(scope="module")
def agent(server: RunningServer) -> int:
    files = {"agent.toml": '[agent]\nrun = ["python", "main.py"]\n', "main.py": SLEEPS}
    return int(server.http.post("/agent", json={"name": "sleeper", "files": files}).json()["id"])


@pytest.fixture(scope="module")
def viewer(server: RunningServer) -> Iterator[Reader]:
    user = server.http.post("/users", json={"name": "viewer"}).json()
    server.http.put(f"/spaces/1/members/{user['id']}", json={"role": "viewer"})
    key = server.http.post("/api-keys", json={"userId": user["id"]}).json()
    reader = Reader(server)
    assert reader.sign_in(key=key["key"]).status_code == 303
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def nobody(server: RunningServer) -> Iterator[Reader]:
    user = server.http.post("/users", json={"name": "nobody"}).json()
    key = server.http.post("/api-keys", json={"userId": user["id"]}).json()
    reader = Reader(server)
    assert reader.sign_in(key=key["key"]).status_code == 303
    yield reader
    reader.close()


def test_a_viewer_looks_and_is_offered_nothing_to_change(viewer: Reader, agent: int) -> None:
    page = viewer.look(f"/agents/{agent}")
    assert "Run now" not in page
    assert "Archive" not in page
    assert "Add a schedule" not in viewer.look(f"/agents/{agent}/schedules")


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/agents/{agent}/start", {}),
        ("/agents/{agent}/archive", {"archived": "yes"}),
        ("/agents/{agent}/delete", {}),
        ("/agents/{agent}/schedules/new", {"name": "x", "when": "none"}),
        ("/spaces", {"name": "mine"}),
        ("/users", {"name": "mine"}),
        ("/groups/new", {"name": "mine"}),
        ("/proxies/new", {"name": "mine", "proxies": "http://127.0.0.1:9"}),
        ("/usage/credits", {"amount": "5"}),
        ("/settings/retention", {"space": "1"}),
    ],
)
def test_a_viewer_is_refused(viewer: Reader, agent: int, path: str, form: dict[str, str]) -> None:
    answer = viewer.send(path.format(agent=agent), form)
    assert answer.status_code == 403
    assert "Not allowed" in answer.text


def test_pages_of_administrators_are_refused_to_others(viewer: Reader) -> None:
    viewer.look("/audit", 403)
    viewer.look("/users", 403)


def test_what_a_reader_does_not_see_is_not_there(nobody: Reader, agent: int, server: RunningServer) -> None:
    run = server.http.post(f"/agent/{agent}/start", json={}).json()["id"]
    for path in (
        f"/agents/{agent}",
        f"/agents/{agent}/code",
        f"/runs/{run}",
        f"/runs/{run}/log",
        "/spaces/1",
    ):
        nobody.look(path, 404)
    assert "Three steps" in nobody.look("/")
    assert f"/runs/{run}" not in nobody.look("/runs")
    assert f"/agents/{agent}" not in nobody.look("/timeline")
    server.http.post(f"/agent/{agent}/run/{run}/kill")
    server.http.post(f"/agent/{agent}/run/{run}/kill")


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/",
            "/agents",
            "/runs",
            "/calendar",
            "/timeline",
            "/servers",
            "/proxies",
            "/notifications",
            "/usage",
        ),
        *("/spaces", "/keys", "/settings", "/secrets", "/account", "/agents/new", "/notifications/new"),
    ],
)
def test_every_other_page_can_be_looked_at_by_anybody(viewer: Reader, nobody: Reader, path: str) -> None:
    viewer.look(path)
    if path != "/secrets":
        nobody.look(path)
