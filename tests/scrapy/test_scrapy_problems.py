"""What makes a run a failure although its exit status is 0."""

import socket
from pathlib import Path

from scrapy_child_run import project, run, spider

FAILING_PIPELINE = """
    class Failing:
        def process_item(self, item, spider=None):
            if item["n"] in item["bad"]:
                raise OSError("the database is gone")
            return item
"""
WITH_PIPELINE = "ITEM_PIPELINES = {'shop.pipelines.Failing': 1}"


def test_an_exception_of_the_spider_is_told_with_its_place_and_its_page(tmp_path: Path) -> None:
    outcome = run(project(tmp_path / "bundle", spider('yield {"n": 1}\nyield {"n": response.missing}')))
    assert outcome.status == 0
    assert outcome.report["finishReason"] == "finished"
    assert outcome.records == [{"n": 1}]
    (problem,) = outcome.problems
    assert problem.startswith("The spider raised: AttributeError: ")
    assert "(shop/spiders/test.py:12 in parse) on data:text/html,%3Cp%3Ehello%3C/p%3E" in problem
    assert outcome.report["counts"]["errors"] == 1


def test_many_exceptions_are_told_as_the_first_few_and_their_number(tmp_path: Path) -> None:
    attributes = 'start_urls = [f"data:,{number}" for number in range(7)]'
    outcome = run(
        project(tmp_path / "bundle", spider("raise ValueError(response.text)", attributes=attributes))
    )
    assert len(outcome.problems) == 4
    assert outcome.problems[-1] == "The spider raised: 7 times in all."


def test_an_exception_of_the_start_is_told_once(tmp_path: Path) -> None:
    attributes = """
        async def start(self):
            raise RuntimeError("no addresses")
            yield
    """
    outcome = run(project(tmp_path / "bundle", spider("pass", attributes=attributes)))
    assert sum("RuntimeError: no addresses" in problem for problem in outcome.problems) == 1
    assert "RuntimeError: no addresses" in outcome.problems[0], "before the finish reason, which says less"
    assert [problem.startswith("The finish reason was ") for problem in outcome.problems[1:]] in ([], [True])


def test_a_feed_that_cannot_be_stored_is_told_without_its_password(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        feeds = f"FEEDS = {{'ftp://me:secret@{address}/x.csv': {{'format': 'csv'}}}}"
        outcome = run(project(tmp_path / "bundle", spider('yield {"n": 1}'), settings=feeds))
    assert outcome.status == 0
    (problem,) = outcome.problems
    assert problem.startswith(f"A feed failed: Error storing csv feed (1 items) in: ftp://…@{address}/x.csv")
    assert "ConnectionRefusedError" in problem


def test_a_feed_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    feeds = f"FEEDS = {{{str(tmp_path / 'file' / 'x.csv')!r}: {{'format': 'csv'}}}}"
    outcome = run(project(tmp_path / "bundle", spider('yield {"n": 1}'), settings=feeds))
    assert outcome.records == [{"n": 1}]
    assert any(problem.startswith("A feed failed: ") for problem in outcome.problems)


def test_an_item_lost_in_a_pipeline_is_an_error_but_no_problem(tmp_path: Path) -> None:
    source = spider('for n in 1, 2:\n    yield {"n": n, "bad": [2]}')
    outcome = run(project(tmp_path / "bundle", source, settings=WITH_PIPELINE, pipelines=FAILING_PIPELINE))
    assert [record["n"] for record in outcome.records] == [1]
    assert outcome.report["counts"]["errors"] == 1
    assert outcome.problems == []


def test_a_pipeline_that_loses_every_item_is_a_problem(tmp_path: Path) -> None:
    source = spider('yield {"n": 1, "bad": [1]}')
    outcome = run(project(tmp_path / "bundle", source, settings=WITH_PIPELINE, pipelines=FAILING_PIPELINE))
    (problem,) = outcome.problems
    assert problem.startswith("No item came through the item pipelines: OSError: the database is gone")
    assert problem.endswith("(shop/pipelines.py:5 in process_item)")


def test_a_site_that_is_down_is_a_problem(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        attributes = f"start_urls = ['http://127.0.0.1:{nobody.getsockname()[1]}/']"
        source = spider("pass", attributes=attributes)
        outcome = run(project(tmp_path / "bundle", source, settings="RETRY_ENABLED = False"))
    (problem,) = outcome.problems
    assert problem.startswith("No page could be loaded: ")
    assert problem.endswith("ConnectionRefusedError (1 time)")


def test_a_pipeline_that_cannot_open_is_a_crawl_that_could_not_start(tmp_path: Path) -> None:
    pipeline = """
        class Failing:
            def open_spider(self, spider=None):
                raise OSError("no database")
            def process_item(self, item, spider=None):
                return item
    """
    outcome = run(project(tmp_path / "bundle", spider("pass"), settings=WITH_PIPELINE, pipelines=pipeline))
    assert outcome.status == 1
    assert outcome.problems[0].startswith(
        "The crawl could not start: OSError: no database (shop/pipelines.py:4"
    )
