"""Values: numbers of 38 digits, sets, sizes, and keys that sort as their values do."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from forebay.keyvalue.errors import Invalid
from forebay.keyvalue.keys import hashed, segment, sortable
from forebay.keyvalue.values import equal, item_size, normal, number, plus


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("1", "1"),
        ("-0", "0"),
        ("007", "7"),
        ("1.500", "1.5"),
        ("+3e2", "300"),
        ("1e-3", "0.001"),
        (".5", "0.5"),
        ("1" * 38, "1" * 38),
        ("1" * 38 + "000", "1" * 38 + "000"),
        ("1E125", "1" + "0" * 125),
    ],
)
def test_a_number_is_kept_without_exponent_and_without_superfluous_zeros(given: str, kept: str) -> None:
    assert number(given) == kept


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "cannot be converted to a numeric value"),
        ("abc", "cannot be converted to a numeric value: abc"),
        ("NaN", "cannot be converted"),
        ("1e126", "Number overflow"),
        ("1e-131", "Number underflow"),
        ("1" * 39, "more than 38 significant digits"),
    ],
)
def test_what_is_no_number_is_refused_with_its_reason(given: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        number(given)


def test_sums_are_exact_where_floats_are_not() -> None:
    assert plus("0.1", "0.2") == "0.3"
    assert plus("1" * 38, "1", minus=True) == "1" * 37 + "0"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "Supplied AttributeValue is empty"),
        ({"S": "a", "N": "1"}, "more than one datatypes"),
        ({"SS": []}, "An string set  may not be empty"),
        ({"NS": ["1", "1.0"]}, "duplicates"),
        ({"SS": ["a", "a"]}, r"Input collection \[a, a\] contains duplicates"),
        ({"NULL": False}, "must have the value of true"),
    ],
)
def test_what_is_no_value_is_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        normal(given)


def test_nesting_ends_at_thirty_two_levels() -> None:
    value: dict[str, object] = {"S": "x"}
    for _ in range(40):
        value = {"L": [value]}
    with pytest.raises(Invalid, match="Nesting Levels"):
        normal(value)


def test_sets_have_no_order_and_lists_do() -> None:
    assert equal({"SS": ["a", "b"]}, {"SS": ["b", "a"]})
    assert not equal({"L": [{"S": "a"}, {"S": "b"}]}, {"L": [{"S": "b"}, {"S": "a"}]})
    assert not equal({"S": "1"}, {"N": "1"})


def test_sizes_are_the_names_and_the_values() -> None:
    assert item_size({"id": {"S": "abc"}}) == 5
    assert item_size({"é": {"B": b"12"}}) == 4
    assert item_size({"m": {"M": {"a": {"BOOL": True}}}}) == 1 + 3 + 1 + 1 + 1


def test_keys_sort_as_their_numbers() -> None:
    rng = random.Random(7)
    numbers = [Decimal(rng.randint(-(10**12), 10**12)).scaleb(rng.randint(-20, 20)) for _ in range(500)]
    numbers += [
        Decimal(0),
        Decimal(1),
        Decimal(-1),
        Decimal(10),
        Decimal("-0.5"),
        Decimal("51"),
        Decimal("-51"),
    ]
    by_key = sorted(numbers, key=lambda each: sortable({"N": number(str(each))}))
    assert by_key == sorted(numbers)


def test_segments_share_out_every_partition() -> None:
    keys = [hashed({"S": f"user-{n}"}) for n in range(1000)]
    found = 0
    for at in range(7):
        low, high = segment(at, 7)
        found += sum(low <= key and (high is None or key < high) for key in keys)
    assert found == 1000
