"""From bodies to events, whatever the bytes."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from forebay.ingest.body import MAX_DEPTH, read_events
from forebay.ingest.fields import Fields

NO_FIELDS = Fields()
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
events = st.dictionaries(st.text(), values, max_size=5)


def split(body: bytes, *, lines: bool = False) -> tuple[list[bytes], list[tuple[int, str]]]:
    read = read_events(body, NO_FIELDS, lines=lines)
    assert len(read.records) == len(read.index)
    return [bytes(record) for record in read.records], [(each.index, each.code) for each in read.refused]


def dumped(event: object, *, indent: int | None = None, ascii: bool = False) -> bytes:
    # A lone surrogate has no UTF-8 and no meaning as an escape either.
    text = json.dumps(event, indent=indent, ensure_ascii=ascii)
    return text.encode("utf-8", "replace")


@given(st.lists(events, min_size=1, max_size=6), st.sampled_from([None, 1]))
def test_however_events_are_sent_their_bytes_are_kept(
    each: list[dict[str, object]], indent: int | None
) -> None:
    pieces = [dumped(event, indent=indent) for event in each]
    assert split(b" \n" + pieces[0] + b"\r\n ") == ([pieces[0]], [])
    assert split(b"[" + b" ,\n".join(pieces) + b"]") == (pieces, [])
    assert split(b"\n".join(pieces), lines=True) == (pieces, [])
    if len(pieces) > 1:
        assert split(b"\n".join(pieces)) == (pieces, [])


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_whatever_break_it_and_what_is_kept_is_an_object(body: bytes, lines: bool) -> None:
    records, _ = split(body, lines=lines)
    for record in records:
        assert isinstance(json.loads(record), dict)


@given(st.lists(st.tuples(events, st.sampled_from(["good", "cut", "array", "text"])), min_size=2, max_size=8))
def test_a_bad_line_is_named_and_the_others_are_kept(lines: list[tuple[dict[str, object], str]]) -> None:
    made = []
    for event, kind in lines:
        good = dumped(event)
        made.append({"good": good, "cut": good[:-1], "array": b"[" + good + b"]", "text": b"hello"}[kind])
    records, refused = split(b"\n".join(made), lines=True)
    assert records == [line for line, (_, kind) in zip(made, lines, strict=True) if kind == "good"]
    assert [index for index, _ in refused] == [i for i, (_, kind) in enumerate(lines) if kind != "good"]


def test_a_byte_order_mark_is_no_part_of_the_event() -> None:
    assert split(b'\xef\xbb\xbf{"a":1}') == ([b'{"a":1}'], [])


def test_nesting_up_to_the_bound_is_kept_and_beyond_it_refused_wherever_it_stands() -> None:
    def nested(depth: int) -> bytes:
        return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)

    deep, too_deep = nested(MAX_DEPTH), nested(MAX_DEPTH + 1)
    assert split(deep) == ([deep], [])
    for body in (too_deep, b"[" + too_deep + b"]"):
        assert split(body) == ([], [(0, "TooDeep")])
    assert split(b"{}\n" + too_deep + b"\n{}") == ([b"{}", b"{}"], [(1, "TooDeep")])


def test_brackets_in_strings_are_no_nesting() -> None:
    body = b'{"a":"' + b"[" * 2000 + b'\\"{{", "b":' + b"[" * 5 + b"]" * 5 + b"}"
    assert split(body) == ([body], [])


def test_many_shallow_brackets_are_no_nesting() -> None:
    body = b'{"a":[' + b",".join([b"[]"] * 5000) + b"]}"
    assert split(body) == ([body], [])


def test_json_that_is_cut_off_is_one_refusal_not_one_a_line() -> None:
    assert split(b'{\n"a":1,\n"b":\n')[1] == [(0, "InvalidJson")]


def test_fields_are_read_in_passing_and_the_last_of_a_name_counts() -> None:
    fields = Fields(["id", "odd name"])
    body = b'{"id":1,"x":{"id":9},"id":"\\u00fc","odd name":[1, 2]}\n{"id":null}\n{"odd name":1.50}'
    read = read_events(body, fields, lines=True)
    assert [fields.value(seen, "id") for seen in read.seen] == ["ü".encode(), None, None]
    assert [fields.value(seen, "odd name") for seen in read.seen] == [b"[1, 2]", None, b"1.50"]
    assert [fields.has(seen, "id") for seen in read.seen] == [True, True, False]
