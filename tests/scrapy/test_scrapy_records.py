"""Items of every kind become one JSON object a line."""

import json
from pathlib import Path

from scrapy_child_run import project, run, spider

KINDS = """
    import dataclasses, datetime, decimal, enum, pathlib, uuid
    import attrs
    from scrapy import Field, Item

    class AsItem(Item):
        price = Field(serializer=lambda text: text.strip())

    @dataclasses.dataclass
    class AsDataclass:
        price: str

    @attrs.define
    class AsAttrs:
        price: str
        inner: AsDataclass = None

    class Colour(enum.Enum):
        RED = "red"
"""


def test_every_kind_of_item_is_recorded(tmp_path: Path) -> None:
    body = """
        yield {"price": "1"}
        yield AsItem(price=" 2 ")
        yield AsDataclass("3")
        yield AsAttrs("4", AsDataclass("5"))
    """
    outcome = run(project(tmp_path / "bundle", spider(body, top=KINDS)))
    assert outcome.problems == []
    assert outcome.records == [
        {"price": "1"},
        {"price": "2"},
        {"price": "3"},
        {"price": "4", "inner": {"price": "5"}},
    ]


def test_pydantic_items_are_recorded(tmp_path: Path) -> None:
    top = """
        try:
            import pydantic
        except ImportError:
            AsModel = dict
        else:
            class AsModel(pydantic.BaseModel):
                price: float
    """
    outcome = run(project(tmp_path / "bundle", spider("yield AsModel(price=1.5)", top=top)))
    assert outcome.records == [{"price": 1.5}]


def test_values_that_json_does_not_know_are_recorded(tmp_path: Path) -> None:
    body = r"""
        utc = datetime.timezone.utc
        yield {
            "at": datetime.datetime(2026, 3, 29, 2, 30, tzinfo=utc), "on": datetime.date(2026, 3, 29),
            "took": datetime.timedelta(minutes=1), "price": decimal.Decimal("9.90"), "tags": {"b", "a"},
            "pair": (1, [None, True]), "text": "ä".encode(), "raw": b"\xff\x00", "colour": Colour.RED,
            "path": pathlib.PurePosixPath("a/b"), "id": uuid.UUID(int=1), "nan": float("nan"), 7: {1: "one"},
            "response": response.replace(url="http://x/"), "line": "a\nb\u2028c", "half": "\ud83d",
        }
    """
    outcome = run(project(tmp_path / "bundle", spider(body, top=KINDS)))
    assert outcome.report["counts"]["errors"] == 0
    assert outcome.records == [
        {
            "at": "2026-03-29T02:30:00+00:00", "on": "2026-03-29", "took": 60.0, "price": "9.90",
            "tags": ["a", "b"], "pair": [1, [None, True]], "text": "ä", "raw": "/wA=", "colour": "red",
            "path": "a/b", "id": "00000000-0000-0000-0000-000000000001", "nan": None, "7": {"1": "one"},
            "response": "<HtmlResponse 200 http://x/>", "line": "a\nb\u2028c", "half": "\ud83d",
        }
    ]  # fmt: skip


def test_an_item_without_a_json_form_is_an_error_and_the_others_are_kept(tmp_path: Path) -> None:
    outcome = run(
        project(tmp_path / "bundle", spider('yield {"what": object()}\nyield {"n": 1}\nyield "text"'))
    )
    assert outcome.records == [{"n": 1}]
    assert outcome.problems == []
    assert outcome.report["counts"]["errors"] == 2
    assert "field what: a value of type object has no JSON form" in outcome.log


def test_the_file_is_appended_to(tmp_path: Path) -> None:
    folder = project(tmp_path / "bundle", spider('yield {"n": 2}'))
    (tmp_path / "bundle.records.jsonl").write_text(json.dumps({"n": 1}) + "\n")
    assert run(folder).records == [{"n": 1}, {"n": 2}]


def test_records_that_cannot_be_written_are_a_problem(tmp_path: Path) -> None:
    folder = project(tmp_path / "bundle", spider('yield {"n": 1}\nyield {"n": 2}'))
    (tmp_path / "bundle.records.jsonl").symlink_to("/dev/full")
    outcome = run(folder)
    assert outcome.report["counts"]["records"] == 0
    assert any(problem.startswith("A record could not be written: ") for problem in outcome.problems)


def test_the_report_counts_the_records_while_the_crawl_goes(tmp_path: Path) -> None:
    body = """
        report = pathlib.Path(os.environ["LAMPLIGHTER_REPORT"])
        content = json.loads(report.read_text()) if report.exists() else {"counts": {"records": 0}}
        yield content
        if not content["counts"]["records"]:
            yield response.request.replace(dont_filter=True)
    """
    top = "import json, os, pathlib"
    outcome = run(project(tmp_path / "bundle", spider(body, top=top)))
    assert outcome.records[-1]["final"] is False
    assert outcome.records[-1]["finishReason"] is None
    assert outcome.records[-1]["problems"] == []
    assert outcome.records[-1]["stats"]["item_scraped_count"] >= 1
