"""The level filters the log, and nothing else."""

import socket
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


QUIET_IMPORTS = """
    import logging, sys

    class AddOn:
        def update_settings(self, settings):
            settings.set("LOG_LEVEL", "DEBUG", "addon")
            handler = logging.StreamHandler(sys.stdout)
            handler.setFormatter(logging.Formatter("of the add-on: %(message)s"))
            logging.root.addHandler(handler)

    class Extension:
        def __init__(self):
            logging.getLogger("shop").addHandler(logging.StreamHandler())
            logging.getLogger("shop").setLevel("DEBUG")

        @classmethod
        def from_crawler(cls, crawler):
            return cls()
"""


@pytest.mark.parametrize(
    ("level", "shown"), [("Warning", {"warning", "error", "critical"}), ("Fatal", {"critical"})]
)
def test_what_the_project_has_configured_for_its_log_obeys_the_level_too(
    tmp_path: Path, level: str, shown: set[str]
) -> None:
    source = spider(
        """
        for logger in self.logger, logging.getLogger("shop"), logging.getLogger("scrapy.core"), logging.root:
            for name in "debug", "info", "warning", "error", "critical":
                getattr(logger, name)(f"loud {name}")
        yield {"n": 1}
        """,
        top="import logging\nlogging.basicConfig(level='DEBUG', format='from the start: %(message)s')",
        attributes="custom_settings = {'LOG_LEVEL': 'DEBUG'}",
    )
    settings = """
        ADDONS = {"shop.parts.AddOn": 1}
        EXTENSIONS = {"shop.parts.Extension": 1}
        LOG_FILE = "own.log"
        LOG_LEVEL = "DEBUG"
    """
    folder = project(tmp_path / "bundle", source, settings=settings, parts=QUIET_IMPORTS)
    outcome = run(folder, level=level)
    assert outcome.records == [{"n": 1}]
    lines = outcome.log.splitlines()
    assert {word.strip("'") for line in lines for word in line.split() if "loud" in line} & {
        "debug", "info", "warning", "error", "critical",
    } == shown  # fmt: skip
    assert not [line for line in lines if "INFO" in line or "DEBUG" in line]
    if level == "Fatal":
        assert not [line for line in lines if "loud" not in line], "Scrapy itself had nothing to say"
    assert "loud critical" in (folder / "own.log").read_text()
    assert "loud info" not in (folder / "own.log").read_text()
    assert outcome.report["counts"]["errors"] == 8, "what is not shown is counted all the same"


def test_the_levels_of_scrapys_own_loggers_are_filtered_too(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        attributes = f"start_urls = [{address!r}, 'data:,good']\ncustom_settings = {{'RETRY_ENABLED': False}}"
        folder = project(tmp_path / "bundle", spider('yield {"n": 1}', attributes=attributes))
        assert "Error downloading" in run(folder, level="Error").log
        assert run(folder, level="Fatal").log == ""
