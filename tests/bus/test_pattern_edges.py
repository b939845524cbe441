"""Where an event pattern's meaning is easy to get wrong: big numbers, addresses, case, absence within arrays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forebay.bus.operators import InvalidPattern
from forebay.bus.pattern import compile_pattern
from forebay.bus.rules import RuleSet


def matches(test: Any, value: Any) -> bool:
    """Whether a field of this value passes a test; alone, and as one rule of several."""
    pattern = compile_pattern(json.dumps({"field": [test]}))
    event = {"field": value}
    alone = pattern.matches(event)
    together = RuleSet({"this": pattern, "other": compile_pattern('{"else": ["x"]}')})
    assert ("this" in together.match([json.dumps(event).encode()])) is alone
    return alone


def refused(pattern: str) -> str:
    """Why a pattern is refused."""
    with pytest.raises(InvalidPattern) as error:
        compile_pattern(pattern)
    return error.value.message.removeprefix("Event pattern is not valid. Reason: ")


def test_numbers_that_a_double_does_not_hold_equal_only_themselves() -> None:
    assert matches(1234567890123456789, 1234567890123456789)
    assert not matches(1234567890123456789, 1234567890123456788)
    assert matches({"anything-but": 5}, 1234567890123456789)
    assert not matches({"numeric": [">", 0]}, 1234567890123456789)
    assert matches({"numeric": [">", 0]}, 123456789012)
    assert matches(301.8, 3.018e2)


@pytest.mark.parametrize("written", ["1E309", "1E-325", "1234567890123456789", "0.12345678901234567890"])
def test_numbers_that_a_double_does_not_hold_compare_with_nothing(written: str) -> None:
    assert refused(f'{{"a": [{{"numeric": ["<", {written}]}}]}}') == f"Cannot compare number : {written}"
    assert refused(f'{{"a": [{{"anything-but": {written}}}]}}') == f"Cannot compare number : {written}"
    assert compile_pattern(f'{{"a": [{written}]}}')


def test_addresses_are_the_same_however_they_are_written() -> None:
    assert matches({"cidr": "10.0.0.0/24"}, "010.0.0.007")
    assert matches({"cidr": "10.0.0.0/24"}, "::ffff:0a00:0007")
    assert matches("2001:db8::1", "2001:DB8:0:0:0:0:0:1")
    assert not matches({"cidr": "10.0.0.0/24"}, "::ffff:10.0.0.7")
    assert not matches({"cidr": "10.0.0.0/24"}, "10.0.0.300")
    assert not matches({"cidr": "fe80::/10"}, "fe80::1%eth0")


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ("10.0.0.0", "Malformed CIDR, one '/' required"),
        ("10.0.0.0/", "Malformed CIDR, one '/' required"),
        ("10.0.0.0/8/8", "Malformed CIDR, one '/' required"),
        ("10.0.0.0/ 8", "Malformed CIDR, mask bits must be an integer"),
        ("10.0.0.0/99999999999", "Malformed CIDR, mask bits must be an integer"),
        ("10.0.0.0/" + "1" * 4000, "Malformed CIDR, mask bits must be an integer"),
        ("10.0.0.0/-8", "Malformed CIDR, mask bits must not be negative"),
        ("10.0.0.0/32", "IPv4 mask bits must be < 32"),
        ("::/128", "IPv6 mask bits must be < 128"),
        ("10.0.0.300/8", "Invalid IP address: 10.0.0.300"),
        ("host/8", "Nonstandard IP address: host"),
    ],
)
def test_address_blocks_are_refused_for_what_is_wrong_with_them(block: str, reason: str) -> None:
    assert refused(json.dumps({"a": [{"cidr": block}]})) == reason


def test_case_is_ignored_character_by_character() -> None:
    assert matches({"equals-ignore-case": "äÖ"}, "Äö")
    assert matches({"equals-ignore-case": "straße"}, "STRASSE")
    assert not matches({"equals-ignore-case": "straße"}, "strasse")
    assert not matches({"equals-ignore-case": "k"}, "\N{KELVIN SIGN}")
    assert matches({"prefix": {"equals-ignore-case": "Ä"}}, "äpfel")
    assert matches({"suffix": {"equals-ignore-case": "é"}}, "CAFÉ")
    assert not matches({"anything-but": {"equals-ignore-case": "ä"}}, "Ä")


PEOPLE = {
    "people": [
        {"name": "Ann", "tags": ["x"]},
        {"name": "Bob"},
        {"name": "Cid", "tags": []},
    ]
}


@pytest.mark.parametrize(("name", "expected"), [("Ann", False), ("Bob", True), ("Cid", True), ("Dan", False)])
def test_a_field_is_absent_from_the_element_that_the_fields_before_it_chose(
    name: str, expected: bool
) -> None:
    pattern = compile_pattern({"people": {"name": [name], "tags": [{"exists": False}]}})
    assert pattern.matches(PEOPLE) is expected
    together = RuleSet({"this": pattern, "other": compile_pattern('{"people": {"name": ["Ann"]}}')})
    assert ("this" in together.match([json.dumps(PEOPLE).encode()])) is expected


def test_members_of_the_same_name_all_count_as_they_are_read() -> None:
    both = compile_pattern('{"detail": {"a": ["x"]}, "detail": {"b": ["y"]}}')
    assert both.matches({"detail": {"a": "x", "b": "y"}})
    assert not both.matches({"detail": {"b": "y"}})
    last = compile_pattern('{"a": [{"prefix": "us-"}], "a": [{"anything-but": "us-east"}]}')
    assert last.matches({"a": "eu-west"})
    assert not last.matches({"a": "us-east"})
    assert refused('{"a": [{"prefix": "x", "prefix": "y"}]}') == "Only one key allowed in match expression"


@pytest.mark.parametrize("name", ["prefix", "<=", "regex", "date-before", "ip-address-in-range"])
def test_operators_are_no_fields_inside_or(name: str) -> None:
    pattern = json.dumps({"$or": [{name: ["x"]}, {"a": ["x"]}]})
    assert refused(pattern) == f"{name} is Ruler reserved fieldName which cannot be used inside $or."
    assert compile_pattern(json.dumps({name: ["x"]}))


def test_places_in_a_wildcard_are_counted_in_bytes() -> None:
    assert refused('{"a": [{"wildcard": "ä**"}]}') == "Consecutive wildcard characters at pos 3"
    assert refused(r'{"a": [{"wildcard": "ab\\c"}]}') == "Invalid escape character at pos 3"


def test_a_block_is_the_one_that_its_address_lies_in() -> None:
    assert matches({"cidr": "10.0.0.5/24"}, "10.0.0.0")
    assert matches({"cidr": "10.0.0.0/+024"}, "10.0.0.255")
    assert matches({"cidr": "1.2.3.4/-0"}, "8.8.8.8")
    assert not matches({"cidr": "10.0.0.5/24"}, "10.0.1.0")


@pytest.mark.parametrize(
    ("value", "said"),
    [(["a", "b"], "a"), ([{"prefix": "a"}, {"suffix": "z"}], "xyz"), ([{"cidr": "10.0.0.0/8"}], "10.1.1.1")],
)
def test_an_or_that_is_not_the_operator_is_a_field_of_that_name(value: Any, said: str) -> None:
    pattern = compile_pattern(json.dumps({"detail": {"$or": value}}))
    assert pattern.matches({"detail": {"$or": said}})
    assert not pattern.matches({"detail": {"$or": "q"}})
    assert not pattern.matches({"detail": {}})


def test_an_or_that_is_neither_is_refused_as_the_operator() -> None:
    assert refused('{"$or": [{"a": ["x"]}]}') == "There must have at least 2 Objects in $or relationship."
    assert refused('{"$or": "x"}') == "It must be an Array followed with $or."


def test_the_lengths_of_all_ors_multiply_to_a_thousand_at_most() -> None:
    pattern: dict[str, Any] = {"a": ["1"]}
    for _ in range(9):
        pattern = {"$or": [pattern, {"b": ["2"]}]}
    assert compile_pattern(json.dumps(pattern))
    assert "1000 rule combinations" in refused(json.dumps({"$or": [pattern, {"b": ["2"]}]}))


@pytest.mark.parametrize(
    ("wildcard", "fits", "does_not"),
    [
        ("a*b", ["ab", "axb", "abb"], ["a", "b", "abc", "xab"]),
        ("*", ["", "x"], []),
        ("a*a", ["aa", "aba"], ["a"]),
        ("*ab*b", ["abb", "xabxb"], ["ab", "bab"]),
        ("a\\*b*", ["a*b", "a*bc"], ["axb"]),
        ("*a*b*c", ["abc", "aabbcc", "xaxbxc"], ["acb", "abca"]),
    ],
)
def test_a_wildcard_fits_the_whole_value(wildcard: str, fits: list[str], does_not: list[str]) -> None:
    assert all(matches({"wildcard": wildcard}, value) for value in fits)
    assert not any(matches({"wildcard": wildcard}, value) for value in does_not)


def test_no_wildcard_takes_long_however_long_the_value() -> None:
    assert not matches({"wildcard": "*a*b*a*c*x"}, "ab" * 100_000)
