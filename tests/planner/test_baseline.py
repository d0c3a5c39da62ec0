"""When a run that ended well is said to have extracted far less than usual."""

from statistics import median

from hypothesis import given
from hypothesis import strategies as st

from lamplighter.planner.baseline import MOST_RUNS, RecordStatistics, warnings

counts = st.integers(0, 100_000)
pasts = st.lists(counts, max_size=15)


def runs(*numbers: int) -> list[RecordStatistics]:
    return [RecordStatistics(number) for number in numbers]


def warns(now: int, past: list[int]) -> bool:
    return bool(warnings(RecordStatistics(now), runs(*past)))


def filled(count: int, **fields: int) -> RecordStatistics:
    return RecordStatistics(count, fields)


# --- how many records ---


def test_far_fewer_records_than_the_good_runs_before_are_told_with_their_numbers() -> None:
    past = runs(251, 240, 260, 250, 252)
    assert warnings(RecordStatistics(12), past) == [
        "extracted 12 records; the last 5 good runs had 240 to 260 (median 251)"
    ]


def test_runs_that_were_all_alike_are_told_by_one_number() -> None:
    assert warnings(RecordStatistics(1), runs(1200, 1200, 1200)) == [
        "extracted 1 record; the last 3 good runs had 1,200"
    ]


def test_fewer_than_three_good_runs_say_nothing() -> None:
    assert not warns(0, [250, 250])
    assert warns(0, [250, 250, 250])


def test_half_as_many_is_not_far_fewer() -> None:
    assert not warns(125, [250] * 10)
    assert warns(124, [250] * 10)


def test_small_numbers_go_up_and_down_and_only_none_at_all_is_told() -> None:
    assert not warns(1, [9, 9, 9])
    assert warns(0, [9, 9, 9])
    assert warns(4, [10, 10, 10])


def test_a_run_that_is_as_low_as_another_good_one_is_no_news() -> None:
    sunday, day = 20, 250
    assert not warns(sunday, [*[day] * 6, sunday, day, day, day])
    assert warns(sunday - 1, [*[day] * 6, sunday, day, day, day])


def test_a_weekend_of_two_quiet_days_is_no_news_on_either_day() -> None:
    saturday, sunday, day = 30, 20, 250
    assert not warns(saturday, [*[day] * 5, sunday, saturday, day, day, day])
    assert not warns(sunday, [saturday, *[day] * 5, sunday, saturday, day, day])


def test_a_fault_does_not_excuse_itself_in_the_next_run() -> None:
    assert warns(12, [12, 250, 250, 250, 250])
    assert warns(12, [12, 12, 12, *[250] * 7])


def test_a_lasting_change_is_normal_when_most_runs_have_it() -> None:
    past = [250] * 10
    told = 0
    while warns(12, past):
        past.insert(0, 12)
        told += 1
    assert told == 6


def test_a_slow_trend_never_warns() -> None:
    past = [1000]
    for _ in range(40):
        fewer = int(past[0] * 0.93)
        assert not warns(fewer, past)
        past.insert(0, fewer)


def test_only_the_newest_ten_count() -> None:
    assert not warns(12, [12, *[20] * 9, *[250] * 50])
    assert MOST_RUNS == 10


@given(now=counts, length=st.integers(0, 12))
def test_what_is_always_the_same_never_warns(now: int, length: int) -> None:
    assert not warns(now, [now] * length)


@given(past=pasts, now=counts)
def test_no_fewer_than_the_least_after_a_usual_run_never_warns(past: list[int], now: int) -> None:
    past = past[:MOST_RUNS]
    if past and 2 * past[0] >= median(past) and now >= min(past):
        assert not warns(now, past)


@given(past=pasts, now=counts, fewer=counts)
def test_fewer_records_never_take_the_warning_away(past: list[int], now: int, fewer: int) -> None:
    if warns(now, past):
        assert warns(min(now, fewer), past)


@given(past=pasts, now=counts, factor=st.integers(1, 50))
def test_larger_numbers_alike_are_judged_alike(past: list[int], now: int, factor: int) -> None:
    if warns(now, past):
        assert warns(now * factor, [number * factor for number in past])


@given(past=pasts, now=counts)
def test_a_warning_always_means_less_than_half_of_the_usual(past: list[int], now: int) -> None:
    if warns(now, past):
        assert sum(number > 2 * now for number in past[:MOST_RUNS]) * 2 >= len(past[:MOST_RUNS])


# --- which fields are filled ---


def test_a_field_that_is_hardly_filled_any_more_is_told() -> None:
    past = [filled(100, price=99, name=100)] * 3
    assert warnings(filled(100, price=3, name=100), past) == [
        "field 'price' is filled in 3 % of the records; usually in 99 %"
    ]


def test_a_field_that_is_gone_is_told() -> None:
    assert "'price' is filled in 0 %" in warnings(filled(100), [filled(100, price=100)] * 3)[0]


def test_a_field_that_was_often_empty_is_not_told() -> None:
    assert warnings(filled(100), [filled(100, price=79)] * 3) == []


def test_a_field_filled_half_as_often_is_not_told() -> None:
    assert warnings(filled(100, price=50), [filled(100, price=100)] * 3) == []


def test_a_rate_that_one_of_the_good_runs_had_too_is_no_news() -> None:
    past = [filled(100, price=99), filled(100, price=99), filled(100, price=3), filled(100, price=99)]
    assert warnings(filled(100, price=3), past) == []
    assert warnings(filled(100, price=2), past) != []


def test_a_fault_of_a_field_does_not_excuse_itself_in_the_next_run() -> None:
    past = [filled(100, price=3), *[filled(100, price=99)] * 4]
    assert warnings(filled(100, price=3), past) != []


def test_one_record_without_a_value_is_chance_unless_it_never_happened_in_many() -> None:
    assert warnings(filled(1), [filled(1, rate=1)] * 9) == []
    assert warnings(filled(1), [filled(1, rate=1)] * 10) != []
    assert warnings(filled(4), [filled(7, rate=6)] * 10) == []


def test_a_few_of_many_are_not_rounded_to_none_and_most_not_to_all() -> None:
    past = [filled(1000, price=999)] * 3
    assert warnings(filled(1000, price=1), past) == [
        "field 'price' is filled in less than 1 % of the records; usually in 99 %"
    ]


def test_without_records_only_their_number_is_told() -> None:
    told = warnings(filled(0), [filled(100, price=100)] * 3)
    assert len(told) == 1
    assert told[0].startswith("extracted 0 records")


def test_runs_without_records_say_nothing_of_fields() -> None:
    past = [filled(0), filled(0), filled(100, price=100), filled(100, price=100)]
    assert warnings(filled(100), past) == []


def test_field_names_are_strangers_and_are_shown_short_and_plain() -> None:
    evil = "\x1b[2J\n" + "x" * 10_000
    [told] = warnings(filled(100), [RecordStatistics(100, {evil: 100})] * 3)
    assert len(told) < 200
    assert told.isprintable()


def test_many_fields_are_told_in_a_few_sentences() -> None:
    past = [RecordStatistics(100, {f"field {n}": 100 for n in range(50)})] * 3
    told = warnings(filled(100), past)
    assert len(told) == 6
    assert told[-1] == "45 more fields filled in far fewer records than usual"


def test_records_that_all_have_names_of_their_own_have_no_columns_to_compare() -> None:
    now = RecordStatistics(2000, {f"key {n}": 1 for n in range(1000)})
    assert warnings(now, [RecordStatistics(2000, {"title": 2000})] * 3) == []


names = st.sampled_from(["a", "b", "c"])
statistics = st.integers(0, 1000).flatmap(
    lambda count: st.builds(
        RecordStatistics, st.just(count), st.dictionaries(names, st.integers(0, count), max_size=3)
    )
)


@given(now=statistics, length=st.integers(0, 12))
def test_records_that_are_always_alike_never_warn(now: RecordStatistics, length: int) -> None:
    assert warnings(now, [now] * length) == []


@given(now=statistics, past=st.lists(statistics, max_size=12))
def test_there_are_never_many_or_long_sentences(now: RecordStatistics, past: list[RecordStatistics]) -> None:
    told = warnings(now, past)
    assert len(told) <= 7
    assert all(len(sentence) < 200 for sentence in told)
