"""Requests into the dicts that botocore's user wrote: per protocol, by the operation's input shape.

Blobs become bytes, timestamps aware datetimes, numbers int or float. What does not fit its shape is a
`SerializationException` (json), `MalformedInput`-like errors elsewhere; what fits but breaks a constraint is
`forebay.wire.protocol.validate`'s to refuse. Members that the model does not know are ignored, as AWS does.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import cbor2
import msgspec
import orjson
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from forebay.wire.protocol import cbor11
from forebay.wire.protocol.decode_xml import parse_xml, xml_value
from forebay.wire.protocol.message import AwsError, Request
from forebay.wire.protocol.model import by_header, elsewhere, unplaced, wire_name
from forebay.wire.protocol.scalars import blob, http_date, text_value, timestamp
from forebay.wire.protocol.uris import match_uri

_MISSING = object()
_json = msgspec.json.Decoder()


def decode(protocol: str, operation: OperationModel, request: Request) -> dict[str, Any]:
    """The operation's input. Raises AwsError in the words of the protocol's services."""
    shape = operation.input_shape
    match protocol:
        case "json":
            parsed = _object(request.body)
            return _structure(shape, parsed, "") if shape else {}
        case "query":
            pairs = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
            flat = dict(pairs + request.parameters())
            return _query(shape, flat, "") or {} if shape else {}
        case "cbor":
            parsed = cbor11.loads(request.body) if request.body else {}
            return _structure(shape, cbor11.in_seconds(shape, parsed), "") if shape else {}
        case "smithy-rpc-v2-cbor":
            return _structure(shape, _cbor(request.body), "") if shape else {}
        case _:
            return _rest(protocol, operation, request) if shape else {}


def _object(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            parsed = _json.decode(body)  # integers of any size
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise AwsError("SerializationException", "Unexpected token in JSON body") from None
    if not isinstance(parsed, dict):
        raise AwsError("SerializationException", "Start of structure or map found where not expected.")
    return parsed


def _cbor(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        parsed = cbor2.loads(body)
    except (cbor2.CBORDecodeError, ValueError, RecursionError, UnicodeDecodeError):
        raise AwsError("SerializationException", "The CBOR body does not parse") from None
    if not isinstance(parsed, dict):
        raise AwsError("SerializationException", "A map is expected")
    return parsed


# Values that came as JSON or CBOR.

_KINDS = {str: "STRING_VALUE", bool: "TRUE_VALUE", int: "NUMBER_VALUE", float: "DECIMAL_VALUE"}
_TYPES = {
    "string": "String",
    "character": "String",
    "integer": "Integer",
    "long": "Long",
    "boolean": "Boolean",
    "double": "Double",
    "float": "Float",
}


def _refuse(value: Any, shape: Shape) -> AwsError:
    if isinstance(value, dict | list):
        return AwsError("SerializationException", "Start of structure or map found where not expected.")
    if shape.type_name in ("structure", "map"):
        return AwsError("SerializationException", "Unexpected field type")
    if shape.type_name == "list":
        return AwsError("SerializationException", "Expected list or null")
    kind = "FALSE_VALUE" if value is False else _KINDS.get(type(value), "VALUE")
    return AwsError(
        "SerializationException",
        f"{kind} cannot be converted to {_TYPES.get(shape.type_name, shape.type_name)}",
    )


def _structure(shape: Shape, value: Any, path: str) -> dict[str, Any]:
    assert isinstance(shape, StructureShape)
    if not isinstance(value, dict):
        raise _refuse(value, shape)
    if shape.is_document_type:
        return value
    result: dict[str, Any] = {}
    for name, member in shape.members.items():
        found = value.get(wire_name(name, member), _MISSING)
        if found is not _MISSING and found is not None:
            result[name] = _value(member, found, name)
    return result


def _value(shape: Shape, value: Any, path: str) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(shape, value, path)
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            raise _refuse(value, shape)
        return [None if item is None else _value(shape.member, item, path) for item in value]
    if isinstance(shape, MapShape):
        if not isinstance(value, dict):
            raise _refuse(value, shape)
        return {key: None if item is None else _value(shape.value, item, path) for key, item in value.items()}
    return _scalar(shape, value)


def _scalar(shape: Shape, value: Any) -> Any:
    match shape.type_name:
        case "string" | "character":
            if isinstance(value, str):
                return value
        case "blob":
            if isinstance(value, bytes):
                return value
            if isinstance(value, str):
                return blob(value)
        case "boolean":
            if isinstance(value, bool):
                return value
        case "integer" | "long":
            if isinstance(value, int) and not isinstance(value, bool):
                return value
            if isinstance(value, float) and math.isfinite(value):
                return int(value)  # AWS truncates
        case "double" | "float":
            if isinstance(value, int | float) and not isinstance(value, bool):
                return float(value)
            if value in ("NaN", "Infinity", "-Infinity"):
                return float(value)
        case "timestamp":
            return timestamp(value)
    raise _refuse(value, shape)


# The query protocol: flat names with dots.


def _query(shape: Shape, flat: Mapping[str, str], prefix: str) -> Any:
    """The value at `prefix`, or None where nothing is."""
    if isinstance(shape, StructureShape):
        result = {}
        for name, member in shape.members.items():
            inner = _query(
                member, flat, f"{prefix}.{_query_name(name, member)}" if prefix else _query_name(name, member)
            )
            if inner is not None:
                result[name] = inner
        return result if result or not prefix or prefix in flat else None
    if isinstance(shape, ListShape):
        if flat.get(prefix) == "":
            return []
        base = (
            prefix
            if shape.serialization.get("flattened")
            else f"{prefix}.{shape.member.serialization.get('name', 'member')}"
        )
        return _numbered(flat, base, lambda at: _query(shape.member, flat, at))
    if isinstance(shape, MapShape):
        base = prefix if shape.serialization.get("flattened") else f"{prefix}.entry"
        key, value = (
            shape.key.serialization.get("name", "key"),
            shape.value.serialization.get("name", "value"),
        )
        pairs = _numbered(
            flat,
            base,
            lambda at: (_query(shape.key, flat, f"{at}.{key}"), _query(shape.value, flat, f"{at}.{value}")),
        )
        return None if pairs is None else dict(pairs)
    text = flat.get(prefix)
    return None if text is None else text_value(shape, text)


def _query_name(name: str, shape: Shape) -> str:
    if isinstance(shape, ListShape) and shape.serialization.get("flattened"):
        return str(shape.member.serialization.get("name", shape.serialization.get("name", name)))
    return wire_name(name, shape)


def _numbered(flat: Mapping[str, str], base: str, read: Any) -> list[Any] | None:
    numbers = {
        int(rest)
        for key in flat
        if key.startswith(base + ".") and (rest := key[len(base) + 1 :].partition(".")[0]).isdigit()
    }
    return [read(f"{base}.{at}") for at in sorted(numbers)] if numbers else None


# REST: URI, query string, headers and a payload.


def _rest(protocol: str, operation: OperationModel, request: Request) -> dict[str, Any]:
    shape = operation.input_shape
    assert isinstance(shape, StructureShape)
    result: dict[str, Any] = {}
    uri = match_uri(operation.http["requestUri"], request.path) or {}
    query: dict[str, list[str]] = {}
    for key, text in request.parameters():
        query.setdefault(key, []).append(text)
    payload = shape.serialization.get("payload")
    members = by_header(shape)
    for header, text in request.headers.items():
        if header in members:
            name, member = members[header]
            if (value := _in_header(protocol, header, member, text)) is not None:
                result[name] = value
    for name, member, location, wire in elsewhere(shape):
        match location:
            case "uri":
                if wire in uri:
                    result[name] = text_value(member, uri[wire])
            case "querystring":
                if isinstance(member, MapShape):
                    result[name] = {key: texts[0] for key, texts in query.items()}
                elif wire in query and not _passed_over(protocol, shape, name, query[wire][0]):
                    if isinstance(member, ListShape):
                        result[name] = [text_value(member.member, text) for text in query[wire]]
                    else:
                        result[name] = _parameter(protocol, member, wire, query[wire][0])
            case "headers":
                prefix = wire.lower()
                result[name] = {
                    key[len(prefix) :]: text
                    for key, text in request.headers.items()
                    if key.startswith(prefix)
                }
    if payload is not None:
        member = shape.members[payload]
        if member.type_name == "blob":
            result[payload] = request.body
        elif member.type_name == "string":
            result[payload] = request.body.decode("utf-8", "replace")
        elif request.body.strip():
            result[payload] = _body(protocol, member, request.body)
    elif (members_of_body := unplaced(shape)) and request.body.strip():
        parsed = _body(protocol, shape, request.body)
        result |= {name: parsed[name] for name in members_of_body if name in parsed}
    return result


def _passed_over(protocol: str, shape: StructureShape, name: str, text: str) -> bool:
    """Whether S3 takes no notice of a parameter: of a number that is not given and need not be."""
    number = protocol == "rest-xml" and not text and shape.members[name].type_name == "integer"
    return number and name not in shape.required_members


_BEYOND = 1 << 31
"""More than S3 reads as a number."""


def _parameter(protocol: str, member: Shape, name: str, text: str) -> Any:
    if protocol == "rest-xml" and member.type_name == "boolean":
        return text.lower() == "true"  # whatever else it is, S3 takes for no
    if protocol == "rest-xml" and member.type_name == "timestamp":
        return text  # `response-expires`, which S3 gives back as it is
    if protocol != "rest-xml" or member.type_name != "integer":
        return text_value(member, text)
    try:
        value = text_value(member, text)
    except AwsError:
        value = _BEYOND
    if not -_BEYOND <= value < _BEYOND:
        message = f"Provided {name} not an integer or within integer range"
        raise AwsError("InvalidArgument", message, http=400, ArgumentName=name, ArgumentValue=text)
    return value


def _in_header(protocol: str, header: str, shape: Shape, text: str) -> Any:
    """A header's value; None for one of which S3 takes no notice."""
    if protocol == "rest-xml" and shape.type_name == "timestamp":
        if shape.serialization.get("timestampFormat") is None:
            return http_date(text)
        try:
            return timestamp(text)
        except AwsError:
            return None
    try:
        return _header(shape, text)
    except AwsError:
        if protocol != "rest-xml" or shape.type_name not in ("integer", "long"):
            raise
        raise AwsError(
            "InvalidRequest", f"Value for {header} header is invalid: '{text}'", http=400
        ) from None


def _header(shape: Shape, text: str) -> Any:
    if isinstance(shape, ListShape):
        return [text_value(shape.member, part.strip()) for part in text.split(",")]
    if (
        shape.type_name == "string"
        and getattr(shape, "is_document_type", False) is False
        and shape.serialization.get("jsonvalue")
    ):
        return orjson.loads(base64.b64decode(text))
    return text_value(shape, text)


def _body(protocol: str, shape: Shape, body: bytes) -> Any:
    if protocol == "rest-json":
        return _value(shape, _object(body), "")
    root = parse_xml(body)
    return xml_value(shape, root)
