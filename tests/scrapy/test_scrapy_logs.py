"""The level filters the log, and nothing else."""

from pathlib import Path

import pytest
from scrapy_child_run import project, run, spider

LOUD = spider(
    """
    self.logger.info("loud info")
    self.logger.warning("loud warning")
    self.logger.error("loud error")
    self.logger.critical("loud critical")
    yield {"n": 1}
    """,
    attributes="custom_settings = {'LOG_LEVEL': 'DEBUG'}",
)


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("Info", ["info", "warning", "error", "critical"]),
        ("Warning", ["warning", "error", "critical"]),
        ("Fatal", ["critical"]),
    ],
)
def test_the_level_of_the_run_beats_the_spiders(tmp_path: Path, level: str, shown: list[str]) -> None:
    outcome = run(project(tmp_path / "bundle", LOUD), level=level)
    assert [
        word for word in ("info", "warning", "error", "critical") if f"loud {word}" in outcome.log
    ] == shown
    assert "DEBUG" not in outcome.log
    assert outcome.report["counts"]["errors"] == 2
    assert outcome.report["stats"]["item_scraped_count"] == 1
    assert outcome.report["stats"]["finish_reason"] == "finished"


@pytest.mark.parametrize("setting", ["LOG_ENABLED = False", "LOG_SHORT_NAMES = True"])
def test_the_log_goes_to_standard_error_whatever_the_project_says(tmp_path: Path, setting: str) -> None:
    assert "loud warning" in run(project(tmp_path / "bundle", LOUD, settings=setting)).log


def test_a_log_file_of_the_project_is_written_as_well(tmp_path: Path) -> None:
    folder = project(tmp_path / "bundle", LOUD, settings="LOG_FILE = 'own.log'")
    assert "loud warning" in run(folder, level="Warning").log
    text = (folder / "own.log").read_text()
    assert "loud warning" in text
    assert "loud info" not in text


def test_a_log_file_that_cannot_be_written_does_not_stop_the_crawl(tmp_path: Path) -> None:
    outcome = run(project(tmp_path / "bundle", LOUD, settings="LOG_FILE = 'no/such/folder.log'"))
    assert outcome.records == [{"n": 1}]
    assert "The project's LOG_FILE cannot be written" in outcome.log
