from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from forebay.cli.rows import differences, equal

COLUMNS = ["name", "n"]
ROWS = [["soup", 1], ["fish", 2]]


def test_rows_may_come_in_any_order_unless_the_case_says_otherwise() -> None:
    expected = [{"name": "fish", "n": 2}, ["soup", 1]]
    assert differences(COLUMNS, ROWS, expected, ordered=False) == []
    assert differences(COLUMNS, ROWS, expected, ordered=True) != []


def test_a_mapping_is_compared_by_the_columns_that_it_names() -> None:
    assert differences(COLUMNS, ROWS, [{"name": "soup"}, {"N": 2}], ordered=False) == []


def test_what_is_missing_and_what_is_too_much_is_shown() -> None:
    assert differences(COLUMNS, ROWS, [["soup", 1], ["meat", None]], ordered=False) == [
        "- name: 'meat', n: null",
        "+ name: 'fish', n: 2",
    ]


def test_the_same_row_twice_is_not_the_row_once() -> None:
    assert differences(COLUMNS, [["soup", 1], ["soup", 1]], [["soup", 1]], ordered=False) == [
        "+ name: 'soup', n: 1"
    ]


def test_a_column_that_the_answer_does_not_have_is_named() -> None:
    (line,) = differences(COLUMNS, ROWS, [{"nmae": "soup"}], ordered=False)
    assert "nmae" in line
    assert "name, n" in line


@pytest.mark.parametrize(
    ("value", "want"),
    [
        (Decimal("1.50"), 1.5),
        (0.1 + 0.2, 0.3),
        (dt.date(2026, 1, 31), "2026-01-31"),
        (dt.datetime(2026, 1, 31, 9, 30), "2026-01-31 09:30:00.000"),  # noqa: DTZ001 - as Athena: no zone
        (None, None),
        ([1, None], [1, None]),
        ({"a": 1}, {"a": 1}),
        (True, True),
    ],
)
def test_values_are_equal_to_what_yaml_can_say_of_them(value: object, want: object) -> None:
    assert equal(value, want)


@pytest.mark.parametrize(("value", "want"), [(1, True), (None, ""), ("1", None), ([1], [1, 2]), (1, "2")])
def test_values_of_another_kind_are_not_equal(value: object, want: object) -> None:
    assert not equal(value, want)
