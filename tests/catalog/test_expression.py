"""GetPartitions' expressions: what each means, and the words for what means nothing."""

from __future__ import annotations

import pytest

from forebay.catalog.expression import NULL, Filter
from forebay.errors import ForebayError, UsageError

KEYS = [("year", "int"), ("name", "string"), ("day", "date"), ("at", "timestamp"), ("price", "decimal(10,2)")]
ROW = ["2024", "two", "2024-02-01", "2024-02-01 00:00:00.5", "2.60"]


@pytest.mark.parametrize(
    "expression",
    [
        "year = 2024",
        "year = '2024'",
        "year in (1, '4', 2024)",
        "year between 2000 and 2024 and name = 'two'",
        "(year) = ((2024)) (OR) (((year))) = (1)",
        "not year = 1 and year <> 2 and year != 3",
        "2023 < year",
        "year not in (1, 2) or name like 'x'",
        "name like 't_o' and name like '%w%' and name not like 'three'",
        'NAME = "two" AND `year` >= 2024',
        "name > '1' and name is not null",
        "day = '2024-02-01' and day > date '2024-01-31'",
        "at = '2024-02-01 00:00:00.500' and at < timestamp '2024-02-01 00:00:01'",
        "price = 2.6 and price < '3' and price > -1e3",
        "name = 'it''s' or year = 2024",
    ],
)
def test_these_mean_the_row(expression: str) -> None:
    assert Filter(expression, KEYS)(ROW)


@pytest.mark.parametrize(
    "expression", ["year = 1", "name is null", "not (year = 2024)", "day < '2024-02-01'"]
)
def test_these_do_not(expression: str) -> None:
    assert not Filter(expression, KEYS)(ROW)


def test_hives_null_is_null() -> None:
    keep = Filter("name is null", [("name", "string")])
    assert keep([NULL])
    assert not Filter("name <> 'x'", [("name", "string")])([NULL])


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("gone = 1", "Invalid partition expression!"),
        ("year = 'test'", "is not an integer"),
        ("year in (2.5)", "is not an integer"),
        ("price = 'test'", "test is not a decimal"),
        ("day = '2024-2-1'", "is not a date"),
        ("at = '2024-02-01'", "is not a timestamp"),
        ("year like '2'", "Integral data type doesn't support operation 'LIKE'"),
        ("price like '2'", "Decimal data type doesn't support operation 'LIKE'"),
        ("day like '2'", "Date data type doesn't support operation 'LIKE'"),
        ("at like '2'", "Timestamp data type doesn't support operation 'LIKE'"),
        ("name is test' and not parsable", "Unsupported expression"),
        ("year", "Unsupported expression"),
        ("year =", "Unsupported expression"),
        ("year = name", "Unsupported expression"),
        ("year between 1", "Unsupported expression"),
        ("(" * 500 + "year = 1", "Unsupported expression"),
        ("not " * 500 + "year = 1", "Unsupported expression"),
        ("year = 1 or " * 300 + "year = 1", "longer than"),
    ],
)
def test_what_means_nothing_is_said(expression: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Filter(expression, KEYS)


def test_a_type_without_order_and_a_value_that_is_none_of_its_type_are_said() -> None:
    with pytest.raises(UsageError, match="Unknown type : 'float'"):
        Filter("f = 3.14", [("f", "float")])
    with pytest.raises(ForebayError, match='"int" is not an integer') as raised:
        Filter("year = 2", KEYS)(["int"])
    assert raised.value.code == "InvalidState"
