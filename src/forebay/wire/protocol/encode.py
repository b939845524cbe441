"""Answers and errors as AWS's services send them, by the operation's output shape.

Only members that the model knows are sent, and `_status`, `_headers` and `_body`, for what no member can say.
Timestamps may be aware datetimes or UTC seconds.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import zlib
from collections.abc import Mapping
from email.utils import format_datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import cbor2
import orjson
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from forebay.wire.protocol import cbor11
from forebay.wire.protocol.message import AwsError, Response, s3_ids
from forebay.wire.protocol.model import (
    by_name,
    error_name,
    error_status,
    json_version,
    once_query,
    service_model,
    unplaced,
    wire_name,
)
from forebay.wire.protocol.xml_text import listed, readable

S3_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_XML = b'<?xml version="1.0" encoding="UTF-8"?>\n'


def encode(
    service: str, protocol: str, operation: OperationModel, output: Mapping[str, Any], request_id: str
) -> Response:
    """The answer to a successful call. A streaming payload may be bytes or an async iterator of bytes."""
    shape = operation.output_shape
    match protocol:
        case "json":
            body = orjson.dumps(jsonable(shape, output) if shape else {})
            return Response(200, _json_headers(service, request_id, body), body)
        case "cbor":
            headers = {"content-type": cbor11.CONTENT_TYPE, "x-amzn-requestid": request_id}
            return Response(200, headers, cbor11.dumps(shape, output))
        case "smithy-rpc-v2-cbor":
            body = cbor2.dumps(_cborable(shape, output) if shape else {})
            headers = {
                "smithy-protocol": "rpc-v2-cbor",
                "content-type": "application/cbor",
                "x-amzn-requestid": request_id,
            }
            return Response(200, headers, body)
        case "query":
            return _query(service, operation, output, request_id)
        case _:
            return _rest(service, protocol, operation, output, request_id)


def encode_error(service: str, protocol: str, error: AwsError, request_id: str) -> Response:
    """The answer to a call that failed."""
    status, sender = error_status(service, error.code)
    if error.http is not None:
        status, sender = error.http, error.http < 500
    match protocol:
        case "json":
            name = error_name(service, error.code) if once_query(service) else error.code
            body = orjson.dumps({"__type": name, "message": error.message, **error.members})
            headers = _json_headers(service, request_id, body) | {"x-amzn-errortype": name}
            if once_query(service):
                headers["x-amzn-query-error"] = f"{error.code};{'Sender' if sender else 'Receiver'}"
            return Response(status, headers, body)
        case "cbor":
            body = cbor2.dumps({"__type": error.code, "message": error.message, **error.members})
            headers = {"content-type": cbor11.CONTENT_TYPE, "x-amzn-requestid": request_id}
            return Response(status, headers | {"x-amzn-errortype": error.code}, body)
        case "smithy-rpc-v2-cbor":
            name = error_name(service, error.code)
            body = cbor2.dumps({"__type": name, "message": error.message, **error.members})
            headers = {
                "smithy-protocol": "rpc-v2-cbor",
                "content-type": "application/cbor",
                "x-amzn-requestid": request_id,
            }
            headers["x-amzn-query-error"] = f"{error.code};{'Sender' if sender else 'Receiver'}"
            return Response(status, headers, body)
        case "rest-json":
            body = orjson.dumps(
                {
                    "Type": "User" if sender else "Service",
                    "message": error.message,
                    "Message": error.message,
                    **error.members,
                }
            )
            headers = {
                "content-type": "application/json",
                "x-amzn-requestid": request_id,
                "x-amzn-errortype": error.code,
            }
            return Response(status, headers, body)
        case "rest-xml":
            return _s3_error(error, status, request_id)
        case _:
            namespace = service_model(service).metadata.get("xmlNamespace", "")
            text = (
                f"<ErrorResponse xmlns={quoteattr(str(namespace))}><Error><Type>{'Sender' if sender else 'Receiver'}</Type>"
                f"<Code>{escape(error.code)}</Code><Message>{escape(readable(error.message))}</Message></Error>"
                f"<RequestId>{request_id}</RequestId></ErrorResponse>"
            )
            return Response(
                status, {"content-type": "text/xml", "x-amzn-requestid": request_id}, text.encode()
            )


def _json_headers(service: str, request_id: str, body: bytes) -> dict[str, str]:
    headers = {
        "content-type": f"application/x-amz-json-{json_version(service)}",
        "x-amzn-requestid": request_id,
    }
    if service == "dynamodb":  # whose clients check what they got
        headers["x-amz-crc32"] = str(zlib.crc32(body))
    return headers


def _s3_error(error: AwsError, status: int, request_id: str) -> Response:
    if not error.code:  # refused by S3 before it is taken for a request
        return Response(status, s3_ids(request_id))
    headers = {"content-type": "application/xml", **s3_ids(request_id)}
    members = {"Code": error.code, "Message": error.message, **error.members}
    members |= {"RequestId": request_id, "HostId": headers["x-amz-id-2"]}
    inner = "".join(
        f"<{name}>{escape(readable(str(value)))}</{name}>"
        for name, value in members.items()
        if value != "" or name in ("Message", "ArgumentValue")
    )
    return Response(status, headers, _XML + f"<Error>{inner}</Error>".encode())


def jsonable(shape: Shape, value: Any) -> Any:
    """`value` as JSON has it: blobs in base64, timestamps in seconds."""
    if isinstance(shape, StructureShape):
        if shape.is_document_type:
            return value
        return {
            wire_name(name, member): jsonable(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if isinstance(shape, ListShape):
        return [None if item is None else jsonable(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {
            str(key): None if item is None else jsonable(shape.value, item) for key, item in value.items()
        }
    match shape.type_name:
        case "blob":
            return base64.b64encode(value).decode() if isinstance(value, bytes) else value
        case "timestamp":
            return _seconds(value) if shape.serialization.get("timestampFormat") != "iso8601" else _iso(value)
        case "boolean":
            return bool(value)
        case _:
            return value


def _cborable(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        return {
            wire_name(name, member): _cborable(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if isinstance(shape, ListShape):
        return [_cborable(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: _cborable(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return cbor2.CBORTag(1, _seconds(value))
    return float(value) if shape.type_name in ("double", "float") else value


def _seconds(value: Any) -> float | int:
    seconds = value.timestamp() if isinstance(value, dt.datetime) else value
    return int(seconds) if seconds == int(seconds) else round(float(seconds), 3)


def _iso(value: Any) -> str:
    moment = value if isinstance(value, dt.datetime) else dt.datetime.fromtimestamp(value, dt.UTC)
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _http_date(value: Any) -> str:
    moment = value if isinstance(value, dt.datetime) else dt.datetime.fromtimestamp(value, dt.UTC)
    return format_datetime(moment.astimezone(dt.UTC), usegmt=True)


def _query(service: str, operation: OperationModel, output: Mapping[str, Any], request_id: str) -> Response:
    namespace = quoteattr(str(service_model(service).metadata.get("xmlNamespace", "")))
    name = operation.name
    inner = ""
    shape = operation.output_shape
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper", f"{name}Result")
        inner = f"<{wrapper}>{_members(shape, output)}</{wrapper}>"
    text = (
        f"<{name}Response xmlns={namespace}>{inner}"
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{name}Response>"
    )
    headers = {"content-type": "text/xml", "x-amzn-requestid": request_id}
    return Response(200, headers, readable(text).encode())


def xml(shape: Shape, value: Any, name: str) -> str:
    """`<name>value</name>`, by the shape. What XML cannot hold is left in it."""
    if isinstance(shape, StructureShape):
        attributes = ""
        for member_name, member in shape.members.items():
            if member.serialization.get("xmlAttribute") and value.get(member_name) is not None:
                attributes += f" {wire_name(member_name, member)}={quoteattr(str(value[member_name]))}"
        space = shape.serialization.get("xmlNamespace")
        if isinstance(space, dict) and space.get("prefix"):
            attributes = f" xmlns:{space['prefix']}={quoteattr(space['uri'])}" + attributes
        return f"<{name}{attributes}>{_members(shape, value)}</{name}>"
    if isinstance(shape, ListShape):
        inner = str(shape.member.serialization.get("name", "member"))
        return f"<{name}>" + "".join(xml(shape.member, item, inner) for item in value) + f"</{name}>"
    if isinstance(shape, MapShape):
        return (
            f"<{name}>"
            + "".join(_entry(shape, key, item, "entry") for key, item in value.items())
            + f"</{name}>"
        )
    return f"<{name}>{escape(_text(shape, value))}</{name}>"


def _entry(shape: MapShape, key: Any, value: Any, name: str) -> str:
    key_name, value_name = (
        shape.key.serialization.get("name", "key"),
        shape.value.serialization.get("name", "value"),
    )
    return f"<{name}>{xml(shape.key, key, str(key_name))}{xml(shape.value, value, str(value_name))}</{name}>"


@functools.cache
def _in_order(shape: Shape) -> list[tuple[str, Shape]]:
    """A structure's members, its lists behind all else as S3 writes them: some clients read once through."""
    assert isinstance(shape, StructureShape)
    return sorted(shape.members.items(), key=lambda item: isinstance(item[1], ListShape))


def _members(shape: Shape, value: Mapping[str, Any]) -> str:
    parts = []
    for name, member in _in_order(shape):
        found = value.get(name)
        if found is None or member.serialization.get("xmlAttribute") or member.serialization.get("location"):
            continue
        wire = wire_name(name, member)
        if member.serialization.get("flattened") and isinstance(member, ListShape):
            each = wire if wire != name else str(member.member.serialization.get("name", wire))
            parts += [xml(member.member, item, each) for item in found]
        elif member.serialization.get("flattened") and isinstance(member, MapShape):
            parts += [_entry(member, key, item, wire) for key, item in found.items()]
        else:
            parts.append(xml(member, found, wire))
    return "".join(parts)


def _text(shape: Shape, value: Any, *, header: bool = False) -> str:
    match shape.type_name:
        case "boolean":
            return "true" if value else "false"
        case "blob":
            return base64.b64encode(value).decode()
        case "timestamp":
            style = shape.serialization.get("timestampFormat", "rfc822" if header else "iso8601")
            if style == "rfc822":
                return _http_date(value)
            return str(_seconds(value)) if style == "unixTimestamp" else _iso(value)
        case _:
            return str(value)


def _rest(
    service: str, protocol: str, operation: OperationModel, output: Mapping[str, Any], request_id: str
) -> Response:
    status = int(output.get("_status") or operation.http.get("responseCode", 200))
    own = s3_ids(request_id) if service == "s3" else {"x-amzn-requestid": request_id}
    response = Response(status, {**own, **output.get("_headers", {})})
    shape = operation.output_shape
    if shape is None:
        return response
    if "_body" in output:
        response.body = output["_body"]
        return response
    assert isinstance(shape, StructureShape)
    payload = shape.serialization.get("payload")
    members = by_name(shape)
    for name, value in output.items():
        if value is None or name == payload or name not in members:
            continue
        member, location, wire = members[name]
        match location:
            case "header":
                text = (
                    ",".join(map(str, value))
                    if isinstance(value, list)
                    else _text(member, value, header=True)
                )
                response.headers[wire.lower()] = text
            case "headers":
                response.headers.update({f"{wire}{k}".lower(): str(v) for k, v in value.items()})
            case "statusCode":
                response.status = int(value)
    if payload is not None:
        _payload(protocol, shape.members[payload], payload, output.get(payload), response)
        return response
    rest = unplaced(shape)
    if protocol == "rest-json":
        response.headers.setdefault("content-type", "application/json")
        if response.status != 204:
            body = {
                wire_name(n, m): jsonable(m, output[n]) for n, m in rest.items() if output.get(n) is not None
            }
            response.body = orjson.dumps(body)
    elif rest:
        name = _root_name(shape)
        response.headers.setdefault("content-type", "application/xml")
        text = f"<{name} xmlns={quoteattr(S3_NAMESPACE)}>{_members(shape, output)}</{name}>"
        shown = listed if operation.name.startswith("List") else readable
        response.body = _XML + shown(text).encode()
    return response


def _payload(protocol: str, member: Shape, name: str, value: Any, response: Response) -> None:
    if value is None:
        return
    if isinstance(value, bytes):
        response.body = value
    elif isinstance(value, str):
        response.body = value.encode()
    elif hasattr(value, "__aiter__"):
        response.stream = value
    elif protocol == "rest-json":
        response.headers.setdefault("content-type", "application/json")
        response.body = orjson.dumps(jsonable(member, value))
    else:
        root = wire_name(name, member) if member.serialization.get("name") else _root_name(member)
        response.headers.setdefault("content-type", "application/xml")
        text = readable(xml(member, value, root))
        response.body = (
            _XML + text.replace(f"<{root}", f"<{root} xmlns={quoteattr(S3_NAMESPACE)}", 1).encode()
        )


def _root_name(shape: Shape) -> str:
    """The element that S3 gives an output: its own name where the model says one, else the shape's."""
    name = str(shape.serialization.get("name", shape.name))
    for suffix in ("Output", "Request"):
        name = name.removesuffix(suffix)
    return _ROOTS.get(shape.name, f"{name}Result" if shape.name.endswith("Output") else name)


# Where S3's documented root element is not its output shape's name with `Result`.
_ROOTS = {
    "ListBucketsOutput": "ListAllMyBucketsResult",
    "ListObjectsOutput": "ListBucketResult",
    "ListObjectsV2Output": "ListBucketResult",
    "ListObjectVersionsOutput": "ListVersionsResult",
    "CreateMultipartUploadOutput": "InitiateMultipartUploadResult",
    "DeleteObjectsOutput": "DeleteResult",
    "GetBucketTaggingOutput": "Tagging",
    "GetObjectTaggingOutput": "Tagging",
    "GetBucketVersioningOutput": "VersioningConfiguration",
    "GetBucketLifecycleConfigurationOutput": "LifecycleConfiguration",
    "GetBucketCorsOutput": "CORSConfiguration",
    "GetBucketAclOutput": "AccessControlPolicy",
    "GetObjectAclOutput": "AccessControlPolicy",
    "GetBucketWebsiteOutput": "WebsiteConfiguration",
    "GetBucketRequestPaymentOutput": "RequestPaymentConfiguration",
    "GetObjectAttributesOutput": "GetObjectAttributesResponse",
    "PutObjectAnnotationOutput": "PutObjectAnnotationOutput",
    "ListObjectAnnotationsOutput": "ListObjectAnnotationsOutput",
    "ListPartsOutput": "ListPartsResult",
    "ListMultipartUploadsOutput": "ListMultipartUploadsResult",
    "CompleteMultipartUploadOutput": "CompleteMultipartUploadResult",
}
