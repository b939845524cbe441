"""What of an event a target gets."""

from __future__ import annotations

import json

import pytest

from forebay.bus.inputs import cutter, parse_path, part, text_at, transformer
from forebay.errors import UsageError

EVENT = {
    "version": "0",
    "id": "i",
    "detail-type": "sold",
    "source": "shop",
    "detail": {"n": 1.50, "who": {"name": 'A "B"', "tags": ["x", "y"]}, "big": 12345678901234567890123},
}
RAW = json.dumps(EVENT, separators=(",", ":")).encode()
ARN = "arn:aws:events:us-east-1:000000000000:rule/r"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", RAW),
        ("$.detail.n", b"1.5"),
        ("$.detail-type", b'"sold"'),
        ("$.detail.big", b"12345678901234567890123"),
        ("$.detail.who.tags", b'["x","y"]'),
        ("$.detail.who.tags[1]", b'"y"'),
        ("$['detail']['n']", b"1.5"),
        ("$.detail.none", b"null"),
        ("$.detail.n.deeper", b"null"),
        ("$.detail.who.tags[9]", b"null"),
    ],
)
def test_a_path_cuts_a_part_out_as_it_was_written(path: str, expected: bytes) -> None:
    other = b'{"detail": 1}'
    assert part(parse_path(path))([RAW, RAW], list) == [expected, expected]
    assert part(parse_path(path))([RAW, other], list)[0] == expected


@pytest.mark.parametrize("path", ["", "detail", "$detail", "$.", "$.a[", "$.a[x]", "$.a.*", "$..a"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(UsageError):
        parse_path(path)


def test_a_part_read_as_text_is_a_strings_own_else_its_json() -> None:
    assert text_at(parse_path("$.source"))(RAW) == "shop"
    assert text_at(parse_path("$.detail.n"))(RAW) == "1.5"
    assert text_at(parse_path("$.none"))(RAW) is None
    assert cutter(parse_path("$.none"))(RAW) is None


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"t": <type>, "n": <n>}', '{"t": "sold", "n": 1.5}'),
        ('{"t": "<type> of <n>"}', '{"t": "sold of 1.5"}'),
        ('"<name>"', '"A \\"B\\""'),
        ('{"who": <who>}', '{"who": {"name":"A \\"B\\"","tags":["x","y"]}}'),
        ('"<tags>"', '"[x,y]"'),
        ('{"a": <none>, "b": "<none>"}', '{"a": "", "b": ""}'),
        ('"rule <aws.events.rule-name>"', '"rule r"'),
        ('{"arn": <aws.events.rule-arn>}', json.dumps({"arn": ARN})),
        ('"at <aws.events.event.ingestion-time>"', '"at 1970-01-01T00:00:01.000000Z"'),
        ('"one <type>"\n"two <n>"', '"one sold"\n"two 1.5"'),
        ('{"a": "\\"<type>\\""}', '{"a": "\\"sold\\""}'),
    ],
)
def test_a_template_is_filled(template: str, expected: str) -> None:
    paths = {
        "type": "$.detail-type",
        "n": "$.detail.n",
        "name": "$.detail.who.name",
        "who": "$.detail.who",
        "tags": "$.detail.who.tags",
        "none": "$.detail.none",
    }
    make = transformer(template, {name: parse_path(path) for name, path in paths.items()}, "r", ARN)
    (made,) = make([RAW], lambda: [1_000_000])
    assert made.decode() == expected


def test_the_whole_event_is_a_variable_too() -> None:
    make = transformer('{"e": <aws.events.event>, "j": <aws.events.event.json>}', {}, "r", ARN)
    small = {**EVENT, "detail": {"a": 1}}
    (text,) = make([json.dumps(small).encode()], lambda: [0])
    made = json.loads(text)
    assert made["j"] == small
    assert made["e"] == {"version": "0", "id": "i", "detailType": "sold", "source": "shop"}
