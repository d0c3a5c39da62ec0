"""What people come to do, in a real browser, from the first page to the end."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from browser import signed_in
from running_server import KEY, RunningServer, eventually

PATIENCE = 60_000  # milliseconds for something that surely comes
EMITS = "from lamplighter import agent\nfor n in range(5):\n    agent.emit({'n': n})\n"
TALKS = """import time
for n in range(10000):
    print(f"INFO line {n}", flush=True)
    if n % 10 == 3:
        print(f"WARNING slow answer {n} <b>not bold</b>", flush=True)
    time.sleep(0.02)
"""
FAILS = "def parse(page):\n    return page['headline']\nprint('GET https://news.example/')\nparse({'title': 'x'})\n"


@pytest.fixture
def page(browser: Browser, server: RunningServer) -> Iterator[Page]:
    """The first page, signed in."""
    expect.set_options(timeout=PATIENCE)
    opened = signed_in(browser, server.url)
    opened.set_default_timeout(PATIENCE)
    yield opened
    opened.context.close()


def test_from_the_first_start_to_the_first_scheduled_run(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with RunningServer(tmp_path_factory.mktemp("first") / "data") as fresh:
        context = browser.new_context(base_url=fresh.url, timezone_id="Europe/Berlin")
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"/sign-in#{KEY}")  # the address that the first start shows
        expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
        assert "sk-" not in page.url

        page.get_by_role("link", name="Add an agent").click()
        script = page.locator("form", has=page.get_by_label("main.py"))
        script.get_by_label("Name").fill("first")
        script.get_by_label("main.py").fill(EMITS)
        script.get_by_role("button", name="Save").click()
        expect(page.get_by_text("first is saved as version 1.")).to_be_visible()

        page.get_by_role("button", name="Run now").click()
        expect(page.get_by_role("heading", name="Completed")).to_be_visible()  # without a reload
        page.get_by_role("link", name="Records").click()
        expect(page.get_by_text("5 records", exact=True)).to_be_visible()

        page.get_by_role("link", name="first").click()
        page.get_by_role("link", name="Schedules", exact=True).click()
        page.get_by_role("link", name="Add a schedule").first.click()
        page.get_by_label("Name").fill("soon")
        page.get_by_label("Every so often").check()
        expect(page.get_by_label("Times", exact=True)).to_be_hidden()
        expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin")
        page.get_by_label("Unit").select_option("minutes")
        first = datetime.now(ZoneInfo("Europe/Berlin")) + timedelta(seconds=8)
        page.get_by_label("First time").fill(first.strftime("%Y-%m-%dT%H:%M:%S"))
        expect(page.locator(".fires li").first).to_contain_text(first.strftime("%H:%M:%S"))
        page.get_by_role("button", name="Create").click()
        expect(page.get_by_role("status")).to_contain_text("soon is saved: Every minute from")

        eventually(lambda: len(fresh.http.get("/agent/1/runs").json()) > 1)
        page.get_by_role("link", name="Why").click()
        expect(page.get_by_text("fired", exact=True)).to_be_visible()
        page.get_by_role("cell", name="2", exact=True).get_by_role("link").click()
        expect(page.get_by_role("heading", name="Run 2")).to_contain_text("Completed")
        context.close()


def test_a_schedule_is_edited_across_a_change_of_the_clocks(page: Page, server: RunningServer) -> None:
    agent = server.agent("across", EMITS)
    body = {"name": "nightly", "cronExpression": "30 1 * * *", "timezone": "Europe/Berlin"}
    made = server.call("POST", f"/agent/{agent}/schedules", body, expect=201)
    page.goto(f"/agents/{agent}/schedules/{made['id']}")
    preview = page.locator("[data-preview-target]")
    expect(preview).to_contain_text("At 01:30 every day, Europe/Berlin")

    page.get_by_label("Times", exact=True).fill("01:30, 13:30")
    expect(preview.locator("li.comes").first).to_contain_text("13:30")
    expect(preview.locator("li.goes")).to_have_count(0)

    page.get_by_label("Not before").fill("2028-03-25T00:00:00")
    expect(preview).to_contain_text("Sun 26 Mar 2028, 13:30")
    expect(preview).to_contain_text("The clocks have changed before this one.")
    page.get_by_label("Times", exact=True).fill("02:30")
    expect(preview).to_contain_text("02:30 does not exist on 26 March 2028")
    expect(preview.locator("li.goes").first).to_be_visible()

    page.get_by_text("Exceptions: days off").click()
    page.get_by_label("A time that the clock jumps over").select_option("skip")
    expect(preview).not_to_contain_text("26 Mar 2028")
    page.get_by_label("Times", exact=True).fill("25:00")
    expect(preview).to_contain_text("is not a time of the day")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Times", exact=True)).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Times", exact=True).fill("02:30")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("nightly is saved")
    saved = server.http.get(f"/agent/{agent}/schedules/{made['id']}").json()
    assert (saved["cronExpression"], saved["dstGap"]) == ("30 2 * * *", "skip")
    assert saved["nextRunTime"] == "2028-03-25T01:30:00Z"


def test_a_run_is_followed_and_stopped(page: Page, server: RunningServer) -> None:
    agent = server.agent("talker", TALKS)
    page.goto(f"/agents/{agent}")
    page.get_by_role("button", name="Run now").click()
    log = page.get_by_role("log")
    expect(log).to_contain_text("INFO line 30")
    assert log.locator("b").count() == 0  # what an agent prints is text
    expect(page.get_by_role("heading", name="Running")).to_be_visible()

    page.get_by_label("Least level").select_option("warning")
    expect(log.get_by_text("INFO line 5", exact=True)).to_be_hidden()
    expect(log.get_by_text("slow answer 3 <b>")).to_be_visible()
    page.get_by_label("Find in the log").fill("answer 13")
    expect(log.locator("mark").first).to_have_text("answer 13")
    page.get_by_label("Find in the log").fill("")

    page.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="Running")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(page.get_by_role("heading", name="Stopped")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)


def test_why_a_run_failed_is_found_out(page: Page, server: RunningServer) -> None:
    agent = server.agent("breaks", FAILS)
    server.run(agent)
    page.goto("/")
    failed = page.locator("section", has=page.get_by_role("heading", name="Failed since yesterday"))
    expect(failed).to_contain_text("KeyError: 'headline' in main.py, line 2, in parse")
    failed.get_by_role("row", name=re.compile("breaks")).get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Failure")).to_be_visible()
    page.get_by_role("link", name="All that is known").click()
    expect(page.get_by_role("heading", name="Diagnosis")).to_be_visible()
    page.get_by_text("main.py, line 2, in parse", exact=True).first.click()
    expect(page.locator("td.del", has_text="page['headline']").first).to_be_visible()
    expect(page.get_by_text("GET https://news.example/").first).to_be_visible()


def test_a_proxy_pool_is_added_and_used(page: Page, server: RunningServer) -> None:
    agent = server.agent("proxied", EMITS)
    page.get_by_role("link", name="Proxy pools").click()
    page.get_by_role("link", name="Add a pool").first.click()
    page.get_by_label("Name").fill("Residential")
    page.get_by_label("Proxies").fill("http://user:word@127.0.0.1:9\nnot an address")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#wrong-proxies")).to_contain_text("line 2:")
    expect(page.get_by_label("Name")).to_have_value("Residential")
    page.get_by_label("Proxies", exact=True).fill("http://user:word@127.0.0.1:9")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Residential")).to_be_visible()
    expect(page.get_by_role("cell", name="http://***@127.0.0.1:9")).to_be_visible()
    page.get_by_role("button", name="Check all").click()
    expect(page.get_by_text("check failed")).to_be_visible()

    page.goto(f"/agents/{agent}/schedules/new")
    page.get_by_label("Name").fill("through proxies")
    page.get_by_text("Where, in parallel, when it fails").click()
    page.get_by_label("Proxy pool").select_option("Residential")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("status")).to_contain_text("through proxies is saved")
    [made] = server.http.get(f"/agent/{agent}/schedules").json()
    assert made["proxyPoolId"] is not None


def test_what_runs_is_shown_as_it_begins_and_ends_without_streams_too(
    browser: Browser, server: RunningServer
) -> None:
    agent = server.agent("comes and goes", "import time\ntime.sleep(300)\n")
    for script in ("", "delete window.EventSource"):
        page = signed_in(browser, server.url)
        page.add_init_script(script)
        page.goto("/")
        now = page.locator("section", has=page.get_by_role("heading", name="Now"))
        expect(now).not_to_contain_text("comes and goes")
        run = server.call("POST", f"/agent/{agent}/start", expect=202)["id"]
        expect(now).to_contain_text("comes and goes", timeout=PATIENCE)
        for _ in range(2):
            server.http.post(f"/agent/{agent}/run/{run}/kill")
        expect(now).not_to_contain_text("comes and goes", timeout=PATIENCE)
        page.context.close()


def test_keys_lead_around_and_the_menu_unfolds_in_a_narrow_window(
    browser: Browser, page: Page, server: RunningServer
) -> None:
    page.keyboard.press("g")
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Agents")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_label("Search")).to_be_focused()
    page.keyboard.press("Tab")
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Timeline")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    page.wait_for_load_state("networkidle")  # what hears the next key is there
    page.keyboard.press("+")
    expect(page.get_by_text("12 hours", exact=False)).to_be_visible()

    narrow = signed_in(browser, server.url, width=390)
    expect(narrow.get_by_role("link", name="Timeline")).to_be_hidden()
    narrow.get_by_role("button", name="Menu").click()
    narrow.get_by_role("link", name="Timeline").click()
    expect(narrow.get_by_role("heading", name="Timeline")).to_be_visible()
    narrow.context.close()


def test_a_theme_that_is_chosen_stays(page: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Dark").click()
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate(ground) != light
    page.goto("/agents")
    assert page.evaluate(ground) != light
    page.get_by_role("button", name="Auto").click()
    expect(page.get_by_role("button", name="Auto")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate(ground) == light


def test_what_an_agent_kept_of_a_page_does_nothing(page: Page, server: RunningServer) -> None:
    kept = "<h1>Kept</h1><script>top.document.title='owned'</script><img src=x onerror=top.location='/x'>"
    agent = server.agent(
        "keeps", f"from lamplighter import agent\nagent.snapshot({kept!r}, 'http://a.example/', 200)\n"
    )
    run = server.run(agent, logMode="TextAndHtml")["id"]
    page.goto(f"/runs/{run}/files")
    page.get_by_role("link", name="snapshots").click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Kept")).to_be_visible()
    assert "owned" not in page.title()
    assert "/files/" in page.url
