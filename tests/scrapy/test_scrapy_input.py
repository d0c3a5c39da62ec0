"""Input parameters reach the spider as ``scrapy crawl -a`` would give them."""

from pathlib import Path
from typing import Any

import pytest
from scrapy_child_run import project, run, spider

ARGUMENTS = spider(
    "yield self.given",
    attributes="""
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.given = dict(kwargs, seen=True)
    """,
)


def test_every_value_is_a_string_and_null_is_left_out(tmp_path: Path) -> None:
    given = {"text": "5 %", "whole": 5, "yes": True, "list": [1, "ä"], "object": {"a": 1.5}, "none": None}
    (record,) = run(project(tmp_path / "bundle", ARGUMENTS), given=given).records
    assert record == {
        "text": "5 %", "whole": "5", "yes": "true", "list": '[1,"ä"]', "object": '{"a":1.5}', "seen": True,
    }  # fmt: skip


@pytest.mark.parametrize("given", [None, []])
def test_no_input_is_one_crawl_without_arguments(tmp_path: Path, given: Any) -> None:
    assert run(project(tmp_path / "bundle", ARGUMENTS), given=given).records == [{"seen": True}]


def test_rows_are_crawled_one_after_another_and_their_statistics_are_summed(tmp_path: Path) -> None:
    outcome = run(project(tmp_path / "bundle", ARGUMENTS), given=[{"n": 1}, {"n": 2}, {"n": 3}])
    assert [record["n"] for record in outcome.records] == ["1", "2", "3"]
    assert outcome.report["finishReason"] == "finished"
    assert outcome.report["stats"]["item_scraped_count"] == 3
    assert outcome.report["counts"]["pages"] == outcome.report["counts"]["records"] == 3
    assert outcome.log.count("Spider closed (finished)") == 3


def test_a_bad_end_of_any_row_counts(tmp_path: Path) -> None:
    body = """
        if self.n == "2":
            raise scrapy.exceptions.CloseSpider("sold_out")
        yield {"n": self.n}
    """
    outcome = run(project(tmp_path / "bundle", spider(body)), given=[{"n": 1}, {"n": 2}, {"n": 3}])
    assert [record["n"] for record in outcome.records] == ["1", "3"]
    assert outcome.report["finishReason"] == "sold_out"
    assert outcome.problems == ["Row 2: The finish reason was sold_out."]
