"""What the columns of records are like."""

from hypothesis import given
from hypothesis import strategies as st

from lamplighter.http.pages.record_columns import columns_of

values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.lists(st.integers())
)


def test_a_column_tells_how_full_it_is_of_what_and_from_where_to_where() -> None:
    sku, price = columns_of(
        [{"sku": "a", "price": 3}, {"sku": "b", "price": 1.5}, {"sku": "b", "price": None}]
    )
    assert (sku.name, sku.filled, sku.distinct, sku.commonest) == ("sku", 3, 2, ("b", 2))
    assert (price.filled, price.least, price.most, dict(price.kinds)) == (2, 1.5, 3, {"number": 2})
    assert price.commonest is None


def test_values_of_several_kinds_have_no_range() -> None:
    [column] = columns_of([{"x": 1}, {"x": "a"}, {"x": True}, {"x": [1]}, {"x": {"y": 1}}])
    assert column.least is None
    assert set(column.kinds) == {"number", "text", "truth value", "list", "object"}


def test_too_many_different_values_are_not_counted() -> None:
    [column] = columns_of({"x": number} for number in range(20_000))
    assert column.distinct is None
    assert column.commonest is None
    assert (column.least, column.most) == (0, 19_999)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), values, max_size=3), max_size=30))
def test_whatever_the_records_hold_it_counts_what_has_a_value(records: list[dict[str, object]]) -> None:
    for column in columns_of(records):
        assert column.filled == sum(record.get(column.name) not in (None, "") for record in records)
        assert sum(column.kinds.values()) == column.filled
