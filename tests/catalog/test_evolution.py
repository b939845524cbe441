"""Which versions of a schema may follow which, by the rules of AWS's registry."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forebay.catalog.evolution import evolves, parse


def record(*fields: dict[str, Any], name: str = "Person") -> str:
    return json.dumps({"type": "record", "name": name, "namespace": "a.b", "fields": list(fields)})


FIRST = {"name": "first", "type": "string"}
ZIP = {"name": "zip", "type": "string"}
PHONE = {"name": "phone", "type": ["null", "string"], "default": None}


@pytest.mark.parametrize(
    ("old", "new", "backward", "forward"),
    [
        pytest.param(record(FIRST, ZIP), record(FIRST), True, False, id="a required field goes"),
        pytest.param(record(FIRST), record(FIRST, ZIP), False, True, id="a required field comes"),
        pytest.param(record(FIRST), record(FIRST, PHONE), True, True, id="an optional field comes"),
        pytest.param(record(FIRST, PHONE), record(FIRST), True, True, id="an optional field goes"),
        pytest.param(
            record({"name": "n", "type": "int"}),
            record({"name": "n", "type": "long"}),
            True,
            False,
            id="a number becomes wider",
        ),
        pytest.param(record(FIRST), record(FIRST, name="Man"), False, False, id="another name"),
        pytest.param(
            record(FIRST),
            record({"name": "given", "aliases": ["first"], "type": "string"}),
            True,
            False,
            id="a field is renamed with an alias",
        ),
        pytest.param(
            record({"name": "n", "type": "string"}),
            record({"name": "n", "type": ["null", "string"]}),
            True,
            False,
            id="a field may be null now",
        ),
        pytest.param(
            record({"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["A"]}}),
            record({"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}}),
            True,
            False,
            id="a symbol comes",
        ),
        pytest.param(
            record({"name": "t", "type": {"type": "array", "items": "int"}}),
            record({"name": "t", "type": {"type": "array", "items": "string"}}),
            False,
            False,
            id="items of another type",
        ),
        pytest.param(
            record({"name": "next", "type": ["null", "Person"]}),
            record({"name": "next", "type": ["null", "Person"]}, PHONE),
            True,
            True,
            id="a type within itself",
        ),
    ],
)
def test_avro(old: str, new: str, backward: bool, forward: bool) -> None:
    held("AVRO", old, new, backward, forward)


def held(format: str, old: str, new: str, backward: bool, forward: bool) -> None:
    assert evolves(format, "BACKWARD", new, [old]) == backward
    assert evolves(format, "FORWARD", new, [old]) == forward
    assert evolves(format, "FULL", new, [old]) == (backward and forward)
    assert evolves(format, "NONE", new, [old])


def test_only_the_modes_of_all_ask_versions_before_the_last() -> None:
    old = [record(FIRST), record(FIRST, {**ZIP, "default": ""})]
    new = record(FIRST, ZIP)
    assert evolves("AVRO", "BACKWARD", new, old)
    assert not evolves("AVRO", "BACKWARD_ALL", new, old)


CLOSED = {"additionalProperties": False}


def thing(properties: dict[str, Any], **more: Any) -> str:
    return json.dumps({"type": "object", "properties": properties, **more})


@pytest.mark.parametrize(
    ("old", "new", "backward", "forward"),
    [
        pytest.param(
            thing({"a": {"type": "string"}}, **CLOSED),
            thing({"a": {"type": "string"}, "b": {"type": "number"}}, **CLOSED),
            True,
            False,
            id="a property comes where no others were allowed",
        ),
        pytest.param(
            thing({"a": {"type": "string"}}),
            thing({"a": {"type": "string"}, "b": {"type": "number"}}),
            False,
            True,
            id="a property comes where anything was allowed",
        ),
        pytest.param(
            thing({"a": {"type": "integer"}}),
            thing({"a": {"type": "number"}}),
            True,
            False,
            id="a number becomes wider",
        ),
        pytest.param(
            thing({"a": {}}), thing({"a": {}}, required=["a"]), False, True, id="required from now on"
        ),
        pytest.param('{"enum": ["a", "b"]}', '{"enum": ["a", "b", "c"]}', True, False, id="a value comes"),
        pytest.param(
            '{"type": "string", "maxLength": 5}', '{"type": "string"}', True, False, id="a bound goes"
        ),
        pytest.param(
            '{"type": "integer"}',
            '{"anyOf": [{"type": "string"}, {"type": "integer"}]}',
            True,
            False,
            id="another kind is allowed, too",
        ),
        pytest.param(
            '{"definitions": {"n": {"type": "integer"}}, "items": {"$ref": "#/definitions/n"}}',
            '{"items": {"type": "integer"}}',
            True,
            True,
            id="a reference and what it means",
        ),
    ],
)
def test_json_schema(old: str, new: str, backward: bool, forward: bool) -> None:
    held("JSON", old, new, backward, forward)


def proto(*lines: str, syntax: str = "proto2") -> str:
    return f'syntax = "{syntax}";\npackage p;\n' + "\n".join(lines)


PERSON = "message Person { required string first = 1; %s }"


@pytest.mark.parametrize(
    ("old", "new", "backward", "forward"),
    [
        pytest.param(
            proto(PERSON % "required string mail = 2;"),
            proto(PERSON % ""),
            True,
            False,
            id="a required field goes",
        ),
        pytest.param(
            proto(PERSON % ""),
            proto(PERSON % "optional int32 zip = 2;"),
            True,
            True,
            id="an optional one comes",
        ),
        pytest.param(
            proto(PERSON % "optional int32 zip = 2;"),
            proto(PERSON % "optional string zip = 2;"),
            False,
            False,
            id="another type",
        ),
        pytest.param(
            proto(PERSON % "optional int32 zip = 2;"),
            proto(PERSON % "optional uint64 zip = 2;"),
            True,
            True,
            id="another type that is the same on the wire",
        ),
        pytest.param(
            proto("message A {}", "service S { rpc Foo (A) returns (A); }"),
            proto("message A {}", "service S { rpc Foo (A) returns (A); rpc Bar (A) returns (stream A) {} }"),
            True,
            False,
            id="a method comes",
        ),
    ],
)
def test_protobuf(old: str, new: str, backward: bool, forward: bool) -> None:
    held("PROTOBUF", old, new, backward, forward)


@pytest.mark.parametrize(
    ("format", "text", "said"),
    [
        ("AVRO", '{"type":: 1}', "Expecting value"),
        ("AVRO", '{"type": "reccord", "name": "a"}', 'Undefined name: "reccord"'),
        ("AVRO", record({"name": "n", "type": "int", "default": "x"}), "Invalid default for field n"),
        ("AVRO", '["null", "null"]', "Duplicate in union"),
        ("AVRO", record(FIRST, FIRST), "Duplicate field first"),
        ("AVRO", "[" * 100_000, "nested too deeply|Expecting value"),
        ("JSON", '{"type": "text"}', "text"),
        ("JSON", '{"$ref": "#/definitions/none"}', "points to nothing"),
        ("PROTOBUF", proto("message A { optional B b = 1; }"), '"B" is not defined'),
        ("PROTOBUF", proto("message A { optional int32 a = 1; optional int32 b = 1; }"), "already been used"),
        ("PROTOBUF", proto("message A { required int32 a = 1; }", syntax="proto3"), "proto3"),
        ("PROTOBUF", proto("enum E { A = 1; }", syntax="proto3"), "must be zero"),
        ("PROTOBUF", "message A { optional int32 a = 1", "the end comes"),
    ],
)
def test_what_is_no_schema_is_said(format: str, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(format, text)


def test_definitions_that_are_too_intricate_to_compare_are_not_compatible() -> None:
    fields: Any = "int"
    for at in range(30):
        first = {"name": "a", "type": fields}
        again = fields if isinstance(fields, str) else fields["name"]
        fields = {"type": "record", "name": f"R{at}", "fields": [first, {"name": "b", "type": again}]}
    text = json.dumps(fields)
    assert not evolves("AVRO", "BACKWARD", text.replace('"int"', '"long"'), [text])
    node: Any = {"type": "integer"}
    for _ in range(8):
        node = {"anyOf": [{"items": node}, {"items": node, "minItems": 1}]}
    new = json.dumps(node).replace("integer", "string")
    assert not evolves("JSON", "BACKWARD", new, [json.dumps(node)])
