"""SelectObjectContent: SQL over one object, answered as it is read, in AWS's event-stream framing.

What is wrong with the request, or with the object's first records, is an error as any other; what turns up later
is an error message within the stream, after which nothing comes.

Source: "SelectObjectContent" and "Appendix: SelectObjectContent Response" (Amazon S3 API Reference).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterator
from typing import Any

from forebay.errors import ForebayError, QueryFailed, Unavailable
from forebay.lake.shelf import Object
from forebay.wire.protocol.eventstream import CONTENT_TYPE, message
from forebay.wire.protocol.message import AwsError, Response
from forebay.wire.s3 import customer_key
from forebay.wire.s3.base import malformed, need_bucket
from forebay.wire.s3.objects import open_object
from forebay.wire.s3.restore import check_active
from forebay.wire.s3.service import operation
from forebay.wire.service import Asked, Json

WAIT = 60.0
SAY_EVERY = 1.0
CHANGED, ATTEMPTS = "Changed", 3
"""Of an object that is overwritten just then: it is looked up again."""
_FORMATS = ("CSV", "JSON", "Parquet")
_ENUMS = {
    ("CSV", "FileHeaderInfo"): (
        ("USE", "IGNORE", "NONE"),
        "InvalidFileHeaderInfo",
        "The FileHeaderInfo is invalid. Only NONE, USE, and IGNORE are supported.",
    ),
    ("JSON", "Type"): (
        ("DOCUMENT", "LINES"),
        "InvalidJsonType",
        "The JsonType is invalid. Only DOCUMENT and LINES are supported.",
    ),
    ("CSV", "QuoteFields"): (
        ("ALWAYS", "ASNEEDED"),
        "InvalidQuoteFields",
        "The QuoteFields is invalid. Only ALWAYS and ASNEEDED are supported.",
    ),
}
_LENGTHS = {
    "Comments": 1,
    "FieldDelimiter": 1,
    "QuoteCharacter": 1,
    "QuoteEscapeCharacter": 1,
    "RecordDelimiter": 2,
}
PARTIAL = (
    "a text of a CSV file compares with a number as one, without CAST; a JSON document may have 8 MiB; "
    "columns of Parquet are read as pyarrow has them"
)


def _refused(code: str, text: str) -> AwsError:
    return AwsError(code, text, http=400)


def _missing(name: str) -> AwsError:
    text = "The SelectRequest entity is missing a required parameter. Check the service documentation and try again."
    return _refused("MissingRequiredParameter", f"{text} ({name})")


@operation("SelectObjectContent", partial=PARTIAL)
async def select_object_content(asked: Asked, given: Json) -> Response:
    """The rows that a SELECT finds in an object."""
    bucket = need_bucket(asked, given)
    args = _read(given)
    for attempt in range(ATTEMPTS):
        try:
            first = await _begin(asked, bucket, given, args)
            break
        except QueryFailed as error:
            raise _refused(error.code, error.message) from None
        except Unavailable as error:
            if error.code != CHANGED or attempt == ATTEMPTS - 1:
                raise AwsError("Busy", "The service is unavailable. Try again later.", http=503) from error
    progress = bool((given.get("RequestProgress") or {}).get("Enabled"))
    headers = {"content-type": CONTENT_TYPE, "x-amz-request-id": asked.request.request_id}
    return Response(200, headers, stream=_messages(asked, first, progress=progress))


async def _begin(asked: Asked, bucket: str, given: Json, args: Json) -> Json:
    """Have the query process open the object as it is now; its first piece. Raises Unavailable `Changed`."""
    found, fd = await open_object(asked, bucket, given["Key"], None)
    os.close(fd)
    check_active(found)
    opened = customer_key.opened_by(given, found.meta)
    told = {**args, "path": str(found.path), "size": found.size}
    told["input"] = args["input"] | _range(given, found, args["input"])
    if opened is not None:
        told["seal"] = opened.told()
    first: Json = await asked.system.query.call("select", timeout=WAIT, **told)
    return first


# What is asked.


def _read(given: Json) -> Json:
    """The request in the words of the query process. Raises AwsError."""
    for name in ("Expression", "ExpressionType", "InputSerialization", "OutputSerialization"):
        if given.get(name) in (None, ""):
            raise _missing(name)
    if given["ExpressionType"].upper() != "SQL":
        text = "The ExpressionType is invalid. Only SQL expressions are supported."
        raise _refused("InvalidExpressionType", text)
    return {
        "expression": given["Expression"],
        "input": _input(given["InputSerialization"]),
        "output": _output(given["OutputSerialization"]),
    }


def _one(given: Json, formats: tuple[str, ...], name: str) -> str:
    found = [form for form in formats if given.get(form) is not None]
    if len(found) > 1:
        text = (
            "InputSerialization specifies more than one format (CSV, JSON, or Parquet), or OutputSerialization "
            "specifies more than one format (CSV or JSON). For InputSerialization and OutputSerialization, you can "
            "specify only one format for each."
        )
        raise _refused("ObjectSerializationConflict", text)
    if not found:
        raise _missing(name)
    for (form, member), (values, code, text) in _ENUMS.items():
        value = (given.get(form) or {}).get(member)
        if value is not None and value.upper() not in values:
            raise _refused(code, text)
    return found[0]


def _input(given: Json) -> Json:
    kind = _one(given, _FORMATS, "InputSerialization")
    compression = (given.get("CompressionType") or "NONE").upper()
    if compression not in ("NONE", "GZIP", "BZIP2"):
        text = "The file is not in a supported compression format. Only GZIP and BZIP2 are supported."
        raise _refused("InvalidCompressionFormat", text)
    if kind == "Parquet":
        if compression != "NONE":
            text = "Parquet files are compressed by column; CompressionType is NONE for them."
            raise _refused("InvalidRequestParameter", text)
        return {"kind": "parquet"}
    if kind == "JSON":
        type_ = given["JSON"].get("Type")
        if type_ is None:
            raise _missing("Type")
        return {"kind": type_.lower(), "compression": compression}
    csv = given["CSV"]
    quoted = bool(csv.get("AllowQuotedRecordDelimiter"))
    form = _characters(csv, comment="Comments")
    form |= {"header": (csv.get("FileHeaderInfo") or "NONE").lower(), "quoted_records": quoted}
    return {"kind": "csv", "compression": compression, "csv": form}


def _output(given: Json) -> Json:
    kind = _one(given, _FORMATS[:2], "OutputSerialization")
    if kind == "JSON":
        found = _characters(given["JSON"])
        return {"kind": "json", **found}
    always = (given["CSV"].get("QuoteFields") or "ASNEEDED").upper() == "ALWAYS"
    return {"kind": "csv", "always": always, **_characters(given["CSV"])}


def _characters(given: Json, **more: str) -> Json:
    """Delimiters and marks that are given."""
    names = {
        "field": "FieldDelimiter",
        "record": "RecordDelimiter",
        "quote": "QuoteCharacter",
        "escape": "QuoteEscapeCharacter",
        **more,
    }
    found: Json = {}
    for ours, theirs in names.items():
        value = given.get(theirs)
        if value is None:
            continue
        may_be_empty = ours in ("quote", "escape", "comment")
        if len(value) > _LENGTHS[theirs] or (not value and not may_be_empty):
            text = "The value of a parameter in SelectRequest element is invalid. Check the service API documentation and try again."
            raise _refused("InvalidRequestParameter", f"{text} ({theirs})")
        found[ours] = value
    return found


def _range(given: Json, found: Object, wanted: Json) -> Json:
    """Where the records that are read may begin. Raises AwsError."""
    span = given.get("ScanRange")
    if span is None:
        return {}
    start, end = span.get("Start"), span.get("End")
    if start is None and end is None:
        raise malformed()
    whole = wanted["kind"] in ("document", "parquet") or wanted["compression"] != "NONE"
    if whole or (wanted["kind"] == "csv" and wanted["csv"]["quoted_records"]):
        text = "Scan range queries are not supported on this type of object."
        raise _refused("UnsupportedScanRangeInput", text)
    if start is None:
        start, end = max(0, found.size - end), None
    if start < 0 or (end is not None and end < start) or (start >= found.size and start):
        text = "The value of a parameter in ScanRange element is invalid. Check the service API documentation and try again."
        raise _refused("InvalidScanRange", text)
    return {"start": start, "end": end}


# What is answered.


async def _messages(asked: Asked, first: Json, *, progress: bool) -> AsyncIterator[bytes]:
    id, told = first["id"], first
    said = time.monotonic()
    try:
        while "piece" in told:
            if told["piece"]:
                yield _event("Records", told["piece"], "application/octet-stream")
            elif not progress:
                yield _event("Cont")
            if progress and time.monotonic() - said >= SAY_EVERY:
                said = time.monotonic()
                yield _counts("Progress", told)
            told = await asked.system.query.call("select_next", timeout=WAIT, id=id)
        if progress:
            yield _counts("Progress", told)
        yield _counts("Stats", told)
        yield _event("End")
    except ForebayError as error:
        code = error.code if isinstance(error, QueryFailed) else "InternalError"
        yield message({":message-type": "error", ":error-code": code, ":error-message": error.message}, b"")
    finally:
        if "piece" in told:
            with contextlib.suppress(ForebayError):
                await asked.system.query.call("select_close", id=id)


def _event(kind: str, payload: bytes = b"", content: str | None = None) -> bytes:
    headers: dict[str, str] = {":message-type": "event", ":event-type": kind}
    if content is not None:
        headers[":content-type"] = content
    return message(headers, payload)


def _counts(kind: str, told: dict[str, Any]) -> bytes:
    numbers = "".join(
        f"<Bytes{name}>{told[name.lower()]}</Bytes{name}>" for name in ("Scanned", "Processed", "Returned")
    )
    return _event(
        kind, f'<?xml version="1.0" encoding="UTF-8"?><{kind}>{numbers}</{kind}>'.encode(), "text/xml"
    )
