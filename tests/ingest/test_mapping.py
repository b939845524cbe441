"""Expressions of API Gateway's integrations: what each reads, and what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.errors import UsageError
from forebay.ingest.mapping import Seen, compile_mapping
from forebay.project.load import load
from forebay.sections import SECTIONS

BODY = b'{"kind": "lamp", "order": {"id": 7, "items": [{"n": 1.50}, "two"]}, "none": null, "a b": true}'
SEEN = Seen(
    {"x-kind": "placed", "host": "localhost"},
    "device=d1&device=d2&empty=&x=%C3%A9",
    {"shop": "north"},
    {"requestId": "r-1", "stage": "prod"}.get,
    {"table": "t"},
)


@pytest.mark.parametrize(
    ("text", "gives"),
    [
        ("HttpSource", "HttpSource"),
        ("$request.body", BODY.decode()),
        ("$request.body.kind", "lamp"),
        ("$request.body.order", '{"id":7,"items":[{"n":1.5},"two"]}'),
        ("$request.body.order.items[1]", "two"),
        ("$request.body.order.items[0].n", "1.5"),
        ("$request.body['a b']", "true"),
        ("$request.body.none", ""),
        ("$request.body.missing.deep", ""),
        ("$request.body.order.items[9]", ""),
        ("$request.header.X-Kind", "placed"),
        ("$request.header.x-none", ""),
        ("$request.querystring.device", "d1,d2"),
        ("$request.querystring.x", "é"),
        ("$request.querystring.none", ""),
        ("$request.path.shop", "north"),
        ("$context.requestId", "r-1"),
        ("$context.nothing", ""),
        ("$stageVariables.table", "t"),
        ("web-${request.path.shop}.${context.stage}", "web-north.prod"),
        ("${stageVariables.table}/${request.body.kind}", "t/lamp"),
        ("$input.body", BODY.decode()),
        ("$input.json('$')", BODY.decode()),
        ("$input.json('$.kind')", '"lamp"'),
        ('$input.json("$.order.id")', "7"),
        ("$input.path('$.kind')", "lamp"),
        ("$input.params('shop')", "north"),
        ("$input.params('device')", "d1,d2"),
        ("$input.params('X-Kind')", "placed"),
        ("$util.base64Encode($input.json('$.order'))", '{"id":7,"items":[{"n":1.5},"two"]}'),
        ("costs 5 $", "costs 5 $"),
    ],
)
def test_an_expression_reads(text: str, gives: str) -> None:
    assert compile_mapping(text).read(SEEN, BODY).decode() == gives


@pytest.mark.parametrize(
    "text",
    [
        "$request.headers.x",
        "$request.header",
        "$request.bodyx",
        "$body.kind",
        "$request.body.a..b",
        "$input.json('kind')",
        "${request.nothing.x}",
        "a ${b} c",
        "$util.escapeJavaScript($input.body)",
    ],
)
def test_what_names_nothing_is_no_expression(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        compile_mapping(text)


@pytest.mark.parametrize("body", [b"", b"no json", b"[1, 2]", b"7"])
def test_a_part_of_what_has_no_parts_is_empty(body: bytes) -> None:
    assert compile_mapping("$request.body.kind").read(SEEN, body) == b""


def test_a_deeply_nested_body_is_no_trouble() -> None:
    assert compile_mapping("$request.body.a").read(SEEN, b'{"a":' * 100_000) == b""


ROUTES = """\
name: p
ingest:
  one: {route: POST /one, to: streams.s, source: x, partition_key: "$request.headers.a"}
  two: {route: POST /two, to: bus.b, data: $request.body, stages: {"a b": {}}}
streams: {s: {}}
bus: {b: {}}
"""


def test_a_project_is_told_of_mappings_without_a_place_or_sense(tmp_path: Path) -> None:
    (tmp_path / "forebay.yaml").write_text(ROUTES)
    _, findings = load(tmp_path, SECTIONS)
    said = {(finding.code, finding.line) for finding in findings}
    assert said == {("NotForTarget", 3), ("BadMapping", 3), ("NotForTarget", 4), ("BadStage", 4)}
