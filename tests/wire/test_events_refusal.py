"""Why EventBridge refuses a pattern, to the letter: the reason, and where its parser stood when it gave it."""

from __future__ import annotations

import pytest

from forebay.bus.operators import InvalidPattern
from forebay.bus.pattern import compile_pattern
from forebay.wire.events.refusal import refusal

TEXT = "prefix/suffix match pattern must be a string"
JSON = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


def said(pattern: str) -> str:
    with pytest.raises(InvalidPattern) as raised:
        compile_pattern(pattern)
    return refusal(pattern, raised.value)


@pytest.mark.parametrize(
    ("pattern", "reason", "column", "twice"),
    [
        # As AWS answers.
        ('{"int": 42}', '"int" must be an object or an array', 11, False),
        ('{"string": "my-value"}', '"string" must be an object or an array', 13, False),
        ('{"resources": []}', "Empty arrays are not allowed", 17, False),
        ('{"my_key": [{"EXISTS": true}]}', "Unrecognized match type EXISTS", 28, False),
        (
            '{"detail": {"equal": [{"NUMERIC": ["=", 5]}]}}',
            "Unrecognized match type NUMERIC",
            36,
            False,
        ),
        (
            '{"detail": {"c-count": [{"numeric": [">", 0, ">", 0]}]}}',
            "Bad numeric range operator: >",
            49,
            False,
        ),
        ('{"time": [{"prefix": ["2022-07-13"]}]}', "prefix match pattern must be a string", 23, False),
        ('{"time": [{"prefix": 123}]}', "prefix match pattern must be a string", 25, False),
        ('{"FileName": [{"suffix": 123}]}', "suffix match pattern must be a string", 29, False),
        ('{"detail": {"state": [{"anything-but": {"prefix": 123}}]}}', TEXT, 54, False),
        ('{"detail": {"state": [{"anything-but": {"prefix": [123, "test"]}}]}}', TEXT, 55, True),
        (
            '{"detail": {"FileName": [{"anything-but": {"prefix": {"equals-ignore-case": "file"}}}]}}',
            "Value of anything-but must be an array or single string/number value.",
            55,
            False,
        ),
        (
            '{"detail-type": [{"equals-ignore-case": {"prefix": "ec2"}}]}',
            "equals-ignore-case match pattern must be a string",
            42,
            False,
        ),
        (
            '{"detail": {"sourceIPAddress": [{"cidr": ["bad-type"]}]}}',
            "prefix match pattern must be a string",
            43,
            False,
        ),
        ('{"EventBusArn": [{"wildcard": 123}]}', "wildcard match pattern must be a string", 34, False),
        (
            '{"detail": {"state": [{"anything-but": {"wildcard": [123, "*/dir/*"]}}]}}',
            "wildcard match pattern must be a string",
            57,
            True,
        ),
        ("this is valid json but not a dict", f"Unrecognized token 'this': was expecting {JSON}", 5, False),
        (
            "{'bad': 'quotation'}",
            "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
            2,
            False,
        ),
        ('{"not": closed mark"', f"Unrecognized token 'closed': was expecting {JSON}", 15, False),
        ('["not", "a", "dict", "but valid json"]', "Filter is not an object", 2, False),
        # As its compiler is written.
        ('{"a": {"b": {}}}', "Empty objects are not allowed", 15, False),
        ('{"a": [["b"]]}', "Match value must be String, number, true, false, or null", 9, False),
        ('{"a": [{}]}', "Match expression name not found", 10, False),
        ('{"a": [{"prefix": "b", "suffix": "c"}]}', "Only one key allowed in match expression", 35, False),
        ('{"a": [{"numeric": 1}]}', "Value of numeric must be an array.", 21, False),
        ('{"a": [{"numeric": [">", "x"]}]}', "Value of > must be numeric", 29, False),
        ('{"a": [{"numeric": ["<", 1, 2]}]}', "Too many elements in numeric expression", 30, False),
        (
            '{"a": [{"anything-but": [1, "a"]}]}',
            "Inside anything but list, either all values are number or string, mixed type is not supported",
            33,
            False,
        ),
        ('{"$or": [{"a": [1]}]}', "There must have at least 2 Objects in $or relationship.", 21, False),
        (
            '{"$or": [{"prefix": ["a"]}, {"b": [1]}]}',
            "prefix is Ruler reserved fieldName which cannot be used inside $or.",
            22,
            False,
        ),
        (
            '{"a": [1] "b": [2]}',
            "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries",
            11,
            False,
        ),
        (
            '{"a" [1]}',
            "Unexpected character ('[' (code 91)): was expecting a colon to separate field name and value",
            6,
            False,
        ),
        ('{"a": }', f"Unexpected character ('}}' (code 125)): expected a valid value {JSON}", 7, False),
    ],
)
def test_the_reason_and_the_place_are_awss(pattern: str, reason: str, column: int, twice: bool) -> None:
    place = f'\n at [Source: (String)"{pattern}"; line: 1, column: {column}]'
    assert said(pattern) == f"Event pattern is not valid. Reason: {reason}{place}{place if twice else ''}"


def test_a_place_is_by_line_and_long_text_is_cut_off() -> None:
    assert said('{\n  "a": 1\n}').endswith("; line: 2, column: 9]")
    filler = "x" * 600
    assert f'[Source: (String)"{{"{"x" * 498}"[truncated 107 chars]; line: 1' in said(f'{{"{filler}": 1}}')


def test_text_that_ends_early_says_what_is_open() -> None:
    assert said('{"a": [1').startswith(
        "Event pattern is not valid. Reason: Unexpected end-of-input: expected close marker for Array (start marker at"
        ' [Source: (String)"{"a": [1"; line: 1, column: 7])'
    )


@pytest.mark.parametrize("pattern", ['{"a": [{"cidr": "x"}]}', '{"a": [{"cidr": "xx.11.xx/8"}]}'])
def test_what_is_wrong_with_an_address_has_no_place(pattern: str) -> None:
    assert "Source" not in said(pattern)
