"""Control as bytes: what goes in comes out, whatever it is, and what went wrong is told as what it was."""

import inspect
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast, get_args, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamplighter.control.face import ClaimLost, Control, NobodyRules, NoProxies
from lamplighter.control.wire import METHODS
from lamplighter.errors import LamplighterError, Unavailable
from lamplighter.model import Claim, Run

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)
st.register_type_strategy(str, _TEXT)
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(
    datetime,
    st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(  # noqa: DTZ001 - made aware below
        lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000, tzinfo=UTC)
    ),
)


def _mappings(kind: Any) -> st.SearchStrategy[Any]:
    """Dictionaries; a value that may be anything is JSON."""
    key, value = get_args(kind)
    return st.dictionaries(st.from_type(key), _JSON if value is Any else st.from_type(value), max_size=3)


st.register_type_strategy(Mapping, _mappings)


class Answering:
    """Has every method: it notes what it was asked, and returns or raises what it was told to."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: tuple[Any, ...] = ()

    def __getattr__(self, name: str) -> Any:
        assert name in METHODS

        def answer(*arguments: Any) -> Any:
            self.asked = arguments
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

        return answer


def ask(name: str, other: Answering, *arguments: Any) -> Any:
    method = METHODS[name]
    return method.unpack_answer(method.answer(cast(Control, other), method.pack_call(arguments)))


def test_every_method_of_control_can_be_asked_for() -> None:
    assert set(METHODS) == {name for name in vars(Control) if not name.startswith("_")}
    assert len(METHODS) == 20


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_arguments_and_results_arrive_as_they_were(name: str, data: st.DataObject) -> None:
    function = getattr(Control, name)
    hints = get_type_hints(function)
    parameters = list(inspect.signature(function).parameters)[1:]
    arguments = tuple(data.draw(st.from_type(hints[parameter]), parameter) for parameter in parameters)
    result = data.draw(st.from_type(hints["return"]), "the result")
    other = Answering(result)

    answer = ask(name, other, *arguments)

    assert list(map(_plain, other.asked)) == list(map(_plain, arguments))
    assert _plain(answer) == _plain(result)


def _plain(value: Any) -> Any:
    """What is compared: any sequence as a list, and runs without what is not sent with them."""
    if isinstance(value, Run):
        return replace(value, input_json="null")
    return list(map(_plain, value)) if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("problem", [ClaimLost("gone"), NoProxies("none left"), Unavailable("away")])
def test_a_problem_is_raised_at_the_other_end_as_what_it_was(problem: LamplighterError) -> None:
    with pytest.raises(type(problem), match=str(problem)):
        ask("proxies", Answering(problem), Claim(1, 1))


def test_a_problem_that_another_try_may_help_with_is_told_as_such() -> None:
    with pytest.raises(Unavailable, match="nobody is here"):
        ask("held", Answering(NobodyRules("nobody is here")))


def test_what_is_long_is_packed() -> None:
    words = METHODS["explain"].pack_call([Claim(1, 1), "again and " * 10_000])
    assert len(words) < 10_000


@pytest.mark.parametrize("payload", [b"", b"=", b"=[", b'=["x"]', b"z", b"zzz", b"?[]", b"=[1, 2, 3, 4]"])
def test_words_that_are_not_understood_are_refused(payload: bytes) -> None:
    method, other = METHODS["progress"], Answering(None)
    answer = method.answer(cast(Control, other), payload)
    with pytest.raises(LamplighterError, match="not understood"):
        method.unpack_answer(answer)
    assert other.asked == ()


def test_an_answer_that_is_not_understood_may_be_asked_for_again() -> None:
    with pytest.raises(Unavailable, match="not understood"):
        METHODS["held"].unpack_answer(b'=[{"id": "seven"}]')


def test_numbers_stay_exact() -> None:
    other = Answering({"a": "b"})
    assert ask("secrets", other, Claim(2**53 + 1, 1)) == {"a": "b"}
    assert other.asked == (Claim(2**53 + 1, 1),)
