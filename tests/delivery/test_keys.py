"""Partition keys that a query draws from events: what it may say, and which folders it makes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from forebay.delivery.keys import compile_query
from forebay.errors import UsageError
from tests.delivery.world import World, spec


@pytest.mark.parametrize(
    ("query", "event", "keys"),
    [
        ("{a: .a, b: .x.y}", {"a": 1, "x": {"y": "z"}}, {"a": 1, "b": "z"}),
        ("{customer}", {"customer": "c"}, {"customer": "c"}),
        ('{"a": ."x y"}', {"x y": "v"}, {"a": "v"}),
        ('{a: .["x y"], b: .list[1].c}', {"x y": "v", "list": [0, {"c": 2}]}, {"a": "v", "b": 2}),
        ('{y: .at | strftime("%Y"), m: .at | strftime("%m")}', {"at": 0}, {"y": "1970", "m": "01"}),
        ('{a: (.a // "none" | ascii_downcase)}', {"a": "ABC"}, {"a": "abc"}),
        ('{a: "\\(.a)-\\(.b | tostring)"}', {"a": "x", "b": 1}, {"a": "x-1"}),
        (
            '{a: (if .n > 5 then "many" else "few" end), d: .day[0:4]}',
            {"n": 6, "day": "2026-01"},
            {"a": "many", "d": "2026"},
        ),
        ("{a: .gone}", {}, {"a": None}),
    ],
)
def test_a_query_draws_values(query: str, event: object, keys: object) -> None:
    assert compile_query(query).of(json.dumps(event).encode()) == keys


@pytest.mark.parametrize(
    "query",
    [
        "",
        ".a",
        "{}",
        "{a: }",
        "{a: .b",
        "{a: (def f: f; f)}",
        "{a: range(1000000000)}",
        "{a: [.x[] + .x[]]}",
        "{a: (.b * 1000000)}",
        "{a: (.b, .c)}",
        "{a: input}",
        "{a: env}",
        "{a: $ENV.HOME}",
        '{a: "\\((def f: f; f))"}',
        '{a: "\\((((def f: f; f))))"}',
        "{a: .b; c}",
        "{a: recurse}",
        "{a: limit(3; .b)}",
    ],
)
def test_what_is_no_query_or_has_no_bound_is_refused(query: str) -> None:
    with pytest.raises(UsageError):
        compile_query(query)


@pytest.mark.parametrize("format", ["json", "raw", "csv", "parquet"])
def test_events_are_written_where_the_query_says_and_those_without_a_value_are_rejected(
    tmp_path: Path, format: str
) -> None:
    made = spec(
        format=format,
        prefix="kind=!{partitionKeyFromQuery:kind}/",
        keys="{kind: (.a.k | ascii_downcase)}",
        columns={"a": "struct<k:string>", "n": "int"} if format in ("csv", "parquet") else None,
        compression="snappy" if format == "parquet" else "none",
    )
    world = World(tmp_path, {"clicks": made})
    with world.flow() as flow:
        world.send(
            "delivery.clicks", b'{"a":{"k":"A"},"n":1}', b'{"a":{"k":"B"}}', b'{"a":{"k":"a"}}', b'{"n":2}'
        )
        flow.flush()
    world.close()
    folders = sorted(key.rpartition("/")[0] for key in world.objects())
    assert folders == ["clicks/kind=a", "clicks/kind=b"]
    entries = [json.loads(line) for raw in world.objects("error").values() for line in raw.splitlines()]
    assert [entry["errorCode"] for entry in entries] == ["DynamicPartitioning.MetadataExtractionFailed"]
    assert world.ledger("delivery.clicks")["rejected"] == 1
