"""What botocore writes we read, and what we write botocore reads: every operation, every protocol.

Inputs and outputs are made at random from the models, seeded by the operation's name.
"""

from __future__ import annotations

import datetime as dt
import random
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore import parsers, serialize
from botocore.awsrequest import HeadersDict
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from forebay.wire.protocol.decode import decode
from forebay.wire.protocol.detect import detect
from forebay.wire.protocol.encode import encode, encode_error
from forebay.wire.protocol.message import AwsError, Request
from forebay.wire.protocol.model import service_model
from forebay.wire.protocol.validate import validate

SERVICES = {
    "kinesis": "json",
    "firehose": "json",
    "events": "json",
    "glue": "json",
    "athena": "json",
    "logs": "json",
    "dynamodb": "json",
    "lambda": "rest-json",
    "iam": "query",
    "sts": "query",
    "sns": "query",
    "cloudwatch": "smithy-rpc-v2-cbor",
}


def made(shape: Shape, rng: random.Random, depth: int = 0) -> Any:
    """A value of `shape` without regard to its constraints."""
    if isinstance(shape, StructureShape):
        if shape.is_document_type:
            return {"any": ["json", 1]}
        names = list(shape.members)
        if getattr(shape, "is_tagged_union", False):
            names = names[:1]
        return {
            name: made(shape.members[name], rng, depth + 1)
            for name in names
            if depth < 4 or (name in shape.required_members and depth < 8)
        }
    if isinstance(shape, ListShape):
        return [made(shape.member, rng, depth + 1) for _ in range(2)] if depth < 6 else []
    if isinstance(shape, MapShape):
        return {f"k{at}": made(shape.value, rng, depth + 1) for at in range(2)} if depth < 6 else {}
    match shape.type_name:
        case "string" | "character":
            return "".join(rng.choices("abc ü<&>'\"\\é/+=%", k=8)).strip() or "x"
        case "blob":
            return bytes(rng.choices(b"abcxyz", k=5))  # ASCII: botocore reads a payload that is bytes as text
        case "boolean":
            return rng.random() < 0.5
        case "integer" | "long":
            return rng.randrange(1, 10**6)
        case "double" | "float":
            return rng.randrange(1, 1000) / 8
        case "timestamp":
            return dt.datetime.fromtimestamp(rng.randrange(10**9), dt.UTC)
    raise AssertionError(shape.type_name)


def plain(value: Any) -> Any:
    """Empty structures and lists say nothing in some protocols: leave them out of the comparison."""
    if isinstance(value, dict):
        return {k: p for k, v in value.items() if (p := plain(v)) not in ({}, [], None)}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, bytearray):
        return bytes(value)
    return value


def sent(service: str, protocol: str, operation: OperationModel, value: dict[str, Any]) -> Request:
    """The request that botocore makes of `value`."""
    wire = serialize.create_serializer(protocol, include_validation=False).serialize_to_request(
        value, operation
    )
    query = wire.get("query_string") or ""
    path, _, fixed = wire["url_path"].partition("?")
    text = (
        query
        if isinstance(query, str)
        else urlencode([(k, x) for k, v in query.items() for x in (v if isinstance(v, list) else [v])])
    )
    body = wire["body"]
    if isinstance(body, dict):
        body = urlencode(body).encode()
    elif isinstance(body, str):
        body = body.encode()
    headers = {key.lower(): str(value) for key, value in wire["headers"].items()}
    return Request(wire["method"], path, "&".join(filter(None, [fixed, text])), headers, bytes(body))


def operations() -> list[Any]:
    """Every operation of the services that forebay speaks; S3 has tests of its own with real clients."""
    return [
        pytest.param(service, protocol, name, id=f"{service}.{name}")
        for service, protocol in SERVICES.items()
        for name in service_model(service).operation_names
    ]


def streams(shape: Shape | None) -> bool:
    """Event streams are not offered."""
    return isinstance(shape, StructureShape) and any(
        m.serialization.get("eventstream") for m in shape.members.values()
    )


def test_every_operation_is_read_as_botocore_wrote_it() -> None:
    wrong: list[Any] = []
    for param in operations():
        service, protocol, name = param.values
        operation = service_model(service).operation_model(name)
        shape = operation.input_shape
        if shape is None or streams(shape):
            continue
        value = made(shape, random.Random(name))
        request = sent(service, protocol, operation, value)
        call = detect(request) if protocol != "query" else None
        if call and (call.service, call.operation) != (service, name):
            wrong.append((service, name, call))
        got = decode(protocol, operation, request)
        if plain(got) != plain(value):
            wrong.append((service, name, plain(value), plain(got)))
    assert wrong[:3] == []


def test_every_answer_is_read_by_botocore_as_we_meant_it() -> None:
    wrong: list[Any] = []
    for param in operations():
        service, protocol, name = param.values
        operation = service_model(service).operation_model(name)
        shape = operation.output_shape
        if shape is None or streams(shape):
            continue
        value = made(shape, random.Random(name))
        if any(m.serialization.get("location") == "statusCode" for m in shape.members.values()):
            value = {
                k: (200 if shape.members[k].serialization.get("location") == "statusCode" else v)
                for k, v in value.items()
            }
        answer = encode(service, protocol, operation, value, "request-1")
        parsed = parsers.create_parser(protocol).parse(
            {"headers": HeadersDict(answer.headers), "body": answer.body, "status_code": answer.status}, shape
        )
        parsed.pop("ResponseMetadata", None)
        payload = shape.serialization.get("payload")
        if isinstance(parsed.get(payload), str) and isinstance(value[payload], bytes):
            parsed[payload] = parsed[payload].encode()
        if plain(parsed) != plain(value):
            wrong.append((service, name, plain(value), plain(parsed)))
    assert wrong[:3] == []


@pytest.mark.parametrize(("service", "protocol"), SERVICES.items())
def test_errors_are_read_by_botocore(service: str, protocol: str) -> None:
    answer = encode_error(service, protocol, AwsError("SomeException", "it is <so>"), "request-1")
    parsed = parsers.create_parser(protocol).parse(
        {"headers": HeadersDict(answer.headers), "body": answer.body, "status_code": answer.status}, None
    )
    assert parsed["Error"]["Code"] == "SomeException"
    assert parsed["Error"]["Message"] == "it is <so>"


def test_constraints_are_refused_in_the_words_of_aws() -> None:
    operation = service_model("kinesis").operation_model("CreateStream")
    with pytest.raises(AwsError) as refused:
        validate(operation.input_shape, {"StreamName": "a b", "ShardCount": 0})
    assert refused.value.message == (
        "2 validation errors detected: Value 'a b' at 'streamName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; "
        "Value '0' at 'shardCount' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1"
    )
    operation = service_model("kinesis").operation_model("PutRecord")
    with pytest.raises(AwsError) as refused:
        validate(operation.input_shape, {"StreamName": "s", "Data": b"", "PartitionKey": ""})
    assert refused.value.message == (
        "1 validation error detected: Value '' at 'partitionKey' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )
