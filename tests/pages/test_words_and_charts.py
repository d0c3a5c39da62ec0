"""What pages say of numbers and times, and what charts show."""

import re
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.http.pages import charts, words
from lamplighter.model import RunStatus
from lamplighter.service.overview import Day, Trace

NOW = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.04, "0.0 s"),
        (0.5, "0.5 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (90_061, "1 d 1 h"),
        (timedelta(minutes=5), "5 min"),
    ],
)
def test_spans_of_time(seconds: float | timedelta | None, text: str) -> None:
    assert words.duration(seconds) == text


def test_sizes_numbers_and_nouns() -> None:
    assert [words.size(n) for n in (0, 999, 1500, 25_000, 3_200_000)] == [
        "0 B",
        "999 B",
        "1.5 KB",
        "25 KB",
        "3.2 MB",
    ]
    assert [words.number(n) for n in (None, 1234, 0.25, 1234.5)] == ["–", "1,234", "0.2", "1,234"]
    assert [words.counted(n, "run") for n in (0, 1, 2000)] == ["0 runs", "1 run", "2,000 runs"]


def test_an_instant_is_shown_by_the_readers_clock_with_its_day_when_it_is_another() -> None:
    assert ">14:00</time>" in str(words.when(NOW, "Europe/Berlin", NOW))
    tomorrow = words.when(NOW + timedelta(days=1), "Europe/Berlin", NOW)
    assert ">Mon 30 Mar, 14:00</time>" in str(tomorrow)
    assert 'title="2026-03-30T12:00:00Z"' in str(tomorrow)
    assert words.when(None, "UTC", NOW) == "–"


def test_every_status_and_outcome_has_a_tone() -> None:
    assert all(words.tone(status) != "" for status in RunStatus)
    assert words.tone(None) == "off"
    assert words.outcome_tone("skipped") == "bad"


def trace(number: int, records: int, seconds: float, status: RunStatus = RunStatus.SUCCESS) -> Trace:
    return Trace(number, 1, "agent", None, status, records, NOW, NOW + timedelta(seconds=seconds))


def parsed(svg: object) -> ET.Element:
    return ET.fromstring(str(svg))


@given(st.lists(st.tuples(st.integers(0, 10**9), st.floats(0, 10**6)), min_size=1, max_size=30))
def test_sparks_have_a_bar_for_each_run_within_their_frame(values: list[tuple[int, float]]) -> None:
    traces = [trace(number, records, seconds) for number, (records, seconds) in enumerate(values)]
    for svg in (charts.spark_records(traces), charts.spark_seconds(traces), charts.runs_strip(traces)):
        root = parsed(svg)
        height = float(root.attrib["height"])
        bars = [(float(bar.attrib["y"]), float(bar.attrib["height"])) for bar in root.findall(".//rect")]
        for shape in root.findall("path"):
            bars += [
                (height - float(tall), float(tall)) for tall in re.findall(r"v-(\d+)", shape.attrib["d"])
            ]
        assert len(bars) == len(values)
        for top, tall in bars:
            assert top >= -0.1
            assert top + tall <= height + 0.1
        assert root.attrib["aria-label"]


def test_no_runs_make_no_chart() -> None:
    assert "–" in charts.spark_records([])
    assert charts.runs_strip([]) == ""


def test_a_chart_of_days_says_in_words_what_it_shows() -> None:
    days = [Day(date(2026, 3, 1) + timedelta(days=n), n, 1, 0, 10 * n) for n in range(14)]
    root = parsed(charts.volume(days, "runs"))
    assert root.attrib["aria-label"] == "runs on each of the last 14 days: 105 in all"
    assert "Sun 1 Mar: 1 run, 1 failed, 0 records" in [title.text for title in root.iter("title")]


def test_what_people_named_is_text_in_a_chart() -> None:
    hostile = "</title><script>alert(1)</script>"
    span = charts.Span(NOW, NOW + timedelta(hours=1), "go", hostile, '/runs/1"onclick="x', planned=False)
    bars, lanes = charts.bars_of([span], NOW, NOW + timedelta(hours=2))
    svg = str(charts.timeline_row(bars, lanes, 50.0, hostile))
    assert "<script>" not in svg
    root = parsed(svg)
    [link] = root.findall("a")
    assert link.attrib["href"] == '/runs/1"onclick="x'
    assert root.attrib["aria-label"] == hostile


def test_very_many_bars_are_drawn_without_words_and_addresses() -> None:
    spans = [
        charts.Span(NOW + timedelta(minutes=n), NOW + timedelta(minutes=n + 1), "go", "x", "/", n % 2 == 0)
        for n in range(90)
    ]
    bars, lanes = charts.bars_of(spans, NOW, NOW + timedelta(hours=2))
    root = parsed(charts.timeline_row(bars, lanes, None, "many", plain=True))
    shapes = root.findall(".//path")
    assert len(shapes) == 2
    assert sum(shape.attrib["d"].count("M") for shape in shapes) == 90
    assert root.findall(".//a") == []


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 300)), max_size=60))
def test_bars_of_one_lane_never_overlap(spans: list[tuple[int, int]]) -> None:
    wanted = [
        charts.Span(NOW + timedelta(seconds=a), NOW + timedelta(seconds=a + b), "go", "", "/", planned=False)
        for a, b in spans
    ]
    bars, lanes = charts.bars_of(wanted, NOW, NOW + timedelta(seconds=1300))
    for lane in range(lanes):
        row = sorted((bar.start, bar.end) for bar in bars if bar.lane == lane)
        assert all(first[1] <= second[0] + 1e-9 for first, second in pairwise(row))
