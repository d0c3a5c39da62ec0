"""Hiding secrets in what agents print."""

import html
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.masking import Mask
from lamplighter.service import logs

SECRET = "s3cr+t/ä \"quoted\" 'n' \\ & <b>%"
WORDS = st.text("abc+/ %ä\n", min_size=1, max_size=8)


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="").replace("%2F", "/"),
        quote(SECRET, safe="").lower(),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        repr(SECRET)[1:-1],
        html.escape(SECRET),
    ],
)
def test_a_value_is_hidden_however_it_is_spelled(spelled: str) -> None:
    assert Mask([SECRET]).text(f"key={spelled}; rest") == "key=***; rest"


def test_everything_else_stays() -> None:
    assert Mask([SECRET]).text("s3cr+t and ${secret:KEY} ü \ud800") == "s3cr+t and ${secret:KEY} ü \ud800"


def test_a_value_of_less_than_four_characters_is_not_hidden() -> None:
    assert not Mask(["abc"])
    assert Mask(["abcd", "xyz"]).text("abcd xyz") == "*** xyz"


def test_values_that_overlap_are_hidden_together() -> None:
    assert Mask(["abcdef", "defghi"]).text("abcdefghi") == "***"
    assert Mask(["abcd", "abcdefgh"]).text("abcdefgh") == "***"
    assert Mask(["abab"]).text("ababab") == "***"


def test_of_a_value_of_several_lines_each_is_hidden() -> None:
    key = "-----BEGIN KEY-----\nMIIBVgIBADAN\n-----END KEY-----\n"
    assert Mask([key]).text("x MIIBVgIBADAN y") == "x *** y"
    assert Mask([key]).text(f"x {key.strip()} y") == "x ***\n***\n*** y"
    assert Mask([key]).text(f"x {key}y") == "x ***y"


def test_a_very_long_value_is_hidden_as_it_is_and_as_it_stands_in_an_address() -> None:
    value = "ä+b/" * 5000
    mask = Mask([value])
    assert [mask.text(text) for text in (value, quote(value, safe=""), json.dumps(value))] == [
        "***",
        "***",
        '"***"',
    ]


@given(st.lists(WORDS, max_size=3), st.text("abc+/ %ä\n", max_size=40), st.data())
def test_wherever_a_text_is_cut_the_same_is_hidden(words: list[str], text: str, data: st.DataObject) -> None:
    mask = Mask(words)
    whole = text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    assert b"".join(mask.pieces(whole, [0, *cuts, len(whole)])).decode() == mask.text(text)


@given(st.lists(WORDS, min_size=1, max_size=3), st.text("abc+/ %ä\n", max_size=20))
def test_no_value_is_left(words: list[str], text: str) -> None:
    long_ones = [word for word in words if len(word) >= 4]
    shown = Mask(words).text(text.join(words))
    assert [word for word in long_ones if word in shown] == []


# --- in files that are read in pieces ---


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log in which values stand across every border of the pieces in which it is read."""
    path = tmp_path / "log.txt"
    piece = 256 * 1024
    text = bytearray(b"." * (3 * piece + 100))
    for border, before in ((piece, 1), (2 * piece, 5), (3 * piece, 9)):
        text[border - before : border - before + 10] = b"topsecret!"
    path.write_bytes(text)
    return path


def test_a_value_across_the_border_of_two_pieces_is_hidden(log: Path) -> None:
    shown = b"".join(logs.blocks(log.open("rb"), log.stat().st_size, Mask(["topsecret!"])))
    assert shown == log.read_bytes().replace(b"topsecret!", b"***")


def test_an_endless_line_is_followed_in_pieces_and_values_across_their_borders_are_hidden(log: Path) -> None:
    with log.open("ab") as file:
        file.write(b"\n")
    mask, offset, shown = Mask(["topsecret!"]), 0, ""
    with log.open("rb") as file:
        while lines := logs.lines(file, offset, mask):
            shown += "".join(text for text, _ in lines)
            offset = lines[-1][1]
    assert offset == log.stat().st_size
    assert shown == log.read_text().replace("topsecret!", "***").rstrip("\n")


def test_a_log_that_is_taken_up_inside_of_a_value_shows_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("key=topsecret! ok\nnext\n")
    with path.open("rb") as file:
        for offset in range(5, 14):
            assert [text for text, _ in logs.lines(file, offset, Mask(["topsecret!"]))] == [" ok", "next"]


def test_lines_keep_their_places_whatever_is_hidden(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("a topsecret! b\ntopsecret!\nunfinished topsecr")
    mask = Mask(["topsecret!"])
    with path.open("rb") as file:
        assert logs.lines(file, 0, mask) == [("a *** b", 15), ("***", 26)]
        assert logs.lines(file, 15, mask) == [("***", 26)]
        assert logs.lines(file, 26, mask) == []


def test_what_may_be_half_a_value_is_no_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"first\nsecond\n" + b"x" * 600_000)
    with path.open("rb") as file:
        assert logs.whole_lines(file, path.stat().st_size) == 13
        assert logs.whole_lines(file, 13) == 13
        assert logs.whole_lines(file, 12) == 6
        assert logs.whole_lines(file, 5) == 0
        assert logs.whole_lines(file, 0) == 0
