"""Server access logs: what was asked of a bucket, a line each, in objects of the bucket that it names.

    answer → a line in memory → every few seconds an object with what came up

Best effort, as S3's: what is in memory when the system ends is lost. The format is that of "Amazon S3 server access
log format" (Amazon S3 User Guide).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import re
import secrets
from collections import deque

from forebay.layout import Layout
from forebay.runtime.system import System
from forebay.wire.protocol.message import AwsError, Request, Response
from forebay.wire.s3.base import OWNER, bucket_names, malformed, need_bucket, put_setting, setting
from forebay.wire.s3.buckets import HOME, region_of
from forebay.wire.s3.resources import resource_of
from forebay.wire.s3.service import SERVICE, operation
from forebay.wire.service import Asked, Json

logger = logging.getLogger("forebay.wire")

PERIOD = 2.0
MOST = 20_000
PARTIAL = "lines are delivered every few seconds, whoever the target's policy lets in; grants are kept and given back"
_CODE = re.compile(rb"<Code>([A-Za-z]{1,64})</Code>")
_DEEP = "PartitionedPrefix"


# What a bucket is told.


@operation("PutBucketLogging", partial=PARTIAL)
async def put_bucket_logging(asked: Asked, given: Json) -> Json:
    """Log what is asked of the bucket from now on, or log it no more."""
    bucket = need_bucket(asked, given)
    wanted = given["BucketLoggingStatus"].get("LoggingEnabled")
    doc = None if wanted is None else _logging(asked, bucket, wanted)
    await put_setting(asked, bucket, "logging", doc)
    book = await _book(asked.system)
    book.logged.pop(bucket, None)
    if doc is not None:
        book.logged[bucket] = doc
    return {}


def _logging(asked: Asked, bucket: str, wanted: Json) -> Json:
    target = wanted.get("TargetBucket")
    if not target or "TargetPrefix" not in wanted:
        raise malformed()
    if target not in bucket_names(asked.system):
        message = "The target bucket for logging does not exist"
        raise AwsError("InvalidTargetBucketForLogging", message, http=400, TargetBucket=target)
    here, there = region_of(asked, bucket), region_of(asked, target)
    if here != there:
        message = "Cross S3 location logging not allowed. "
        places = {"SourceBucketLocation": here} if here != HOME else {}
        raise AwsError(
            "CrossLocationLoggingProhibitted", message, http=403, **places, TargetBucketLocation=there
        )
    form = wanted.get("TargetObjectKeyFormat")
    if form is not None and len(form) != 1:
        raise malformed()
    return dict(wanted)


@operation("GetBucketLogging")
async def get_bucket_logging(asked: Asked, given: Json) -> Json:
    """Where the bucket is logged, if it is."""
    doc = await setting(asked, need_bucket(asked, given), "logging")
    return {} if doc is None else {"LoggingEnabled": doc}


# Lines.


class Book:
    """The buckets of a system that are logged, how each is, and the lines that are to be delivered."""

    def __init__(self, system: System, logged: dict[str, Json]) -> None:
        self.system = system
        self.logged = logged
        self.lines: dict[str, deque[str]] = {}
        self.task: asyncio.Task[None] | None = None

    def add(self, bucket: str, line: str) -> None:
        """Have a line delivered before long; of too many, the oldest are not."""
        self.lines.setdefault(bucket, deque(maxlen=MOST)).append(line)
        if self.task is None or self.task.done():
            self.task = asyncio.get_running_loop().create_task(self._deliver())

    async def _deliver(self) -> None:
        while self.lines:
            await asyncio.sleep(PERIOD)
            taken, self.lines = self.lines, {}
            for bucket, lines in taken.items():
                try:
                    await _put(self.system, bucket, lines)
                except Exception:
                    logger.exception("an access log of bucket %s was not delivered", bucket)


_books: dict[Layout, Book] = {}


async def _book(system: System) -> Book:
    if system.layout not in _books:
        asked = Asked(Request("GET", "/", "", {}), "s3", "GetBucketLogging", system)
        found = {name: await setting(asked, name, "logging") for name in bucket_names(system)}
        logged = {name: doc for name, doc in found.items() if doc is not None}
        _books.setdefault(system.layout, Book(system, logged))
    return _books[system.layout]


async def note(asked: Asked, answer: Response, seconds: float) -> None:
    """Log what was asked and answered, where its bucket says so."""
    book = _books.get(asked.system.layout) or await _book(asked.system)
    if not book.logged:
        return
    bucket = asked.request.path.lstrip("/").partition("/")[0]
    if bucket in book.logged:
        book.add(bucket, line(asked, answer, bucket, seconds))


def line(asked: Asked, answer: Response, bucket: str, seconds: float) -> str:
    """A line of the log."""
    request = asked.request
    found = _CODE.search(answer.body[:400]) if answer.status >= 400 else None
    spent = str(round(seconds * 1000))
    version = dict(request.parameters()).get("versionId") or answer.headers.get("x-amz-version-id")
    fields = [
        OWNER["ID"],
        bucket,
        dt.datetime.now(dt.UTC).strftime("[%d/%b/%Y:%H:%M:%S +0000]"),
        request.client,
        _requester(asked),
        request.request_id,
        _operation(asked),
        request.path.lstrip("/").partition("/")[2] or "-",
        _quoted(f"{request.method} {request.path}{'?' if request.query else ''}{request.query} HTTP/1.1"),
        str(answer.status),
        found[1].decode() if found is not None else "-",
        _sent(request, answer),
        _size(request, answer),
        spent,
        spent,
        _quoted(request.headers.get("referer")),
        _quoted(request.headers.get("user-agent")),
        version or "-",
        request.request_id,
        *_signed(request),
        request.headers.get("host", "-"),
        "-",
        "-",
        "-",
    ]
    return " ".join(fields)


def _quoted(value: str | None) -> str:
    if not value:
        return '"-"'
    return '"' + "".join(c if c.isprintable() and c != '"' else f"\\x{ord(c):02x}" for c in value) + '"'


def _requester(asked: Asked) -> str:
    match asked.identity.kind:
        case "anonymous":
            return "-"
        case "root":
            return OWNER["ID"]
    return asked.identity.arn


def _operation(asked: Asked) -> str:
    method = "COPY" if asked.operation in ("CopyObject", "UploadPartCopy") else asked.request.method
    resource = "OBJECT" if asked.operation == "PostObject" else resource_of(asked.request)
    return f"REST.{method}.{resource}"


def _sent(request: Request, answer: Response) -> str:
    if request.method == "HEAD":
        return "-"
    return answer.headers.get("content-length") or str(len(answer.body) or "-")


def _size(request: Request, answer: Response) -> str:
    if answer.status >= 400 or "/" not in request.path.strip("/"):
        return "-"
    if request.method == "PUT":
        given = request.headers
        return given.get("x-amz-decoded-content-length") or given.get("content-length") or "-"
    whole = answer.headers.get("content-range", "").partition("/")[2]
    return whole or answer.headers.get("content-length") or "-"


def _signed(request: Request) -> tuple[str, str, str]:
    """The signature's version, the cipher and how it was sent."""
    authorization = request.headers.get("authorization", "")
    if authorization.startswith("AWS4-"):
        return "SigV4", "-", "AuthHeader"
    if authorization:
        return "SigV2", "-", "AuthHeader"
    if "X-Amz-Signature=" in request.query:
        return "SigV4", "-", "QueryString"
    if "Signature=" in request.query:
        return "SigV2", "-", "QueryString"
    return "-", "-", "-"


# Objects of lines.


async def _put(system: System, bucket: str, lines: deque[str]) -> None:
    """Deliver lines to where their bucket says now, if it still does."""
    moment = dt.datetime.now(dt.UTC)
    body = "".join(f"{each}\n" for each in lines).encode()
    request = Request("PUT", "/", "", {"content-length": str(len(body))}, body, secrets.token_hex(8))
    asked = Asked(request, "s3", "PutObject", system, principal="logging.s3.amazonaws.com")
    doc = await setting(asked, bucket, "logging") if bucket in bucket_names(system) else None
    if doc is None:
        _books[system.layout].logged.pop(bucket, None)
        return
    key = key_of(doc, bucket, moment, asked)
    given = {"Bucket": doc["TargetBucket"], "Key": key, "ContentType": "text/plain"}
    await SERVICE.operations["PutObject"](asked, given)


def key_of(doc: Json, bucket: str, moment: dt.datetime, asked: Asked) -> str:
    """The key of an object of lines."""
    name = f"{moment:%Y-%m-%d-%H-%M-%S}-{secrets.token_hex(8).upper()}"
    prefix: str = doc["TargetPrefix"]
    if _DEEP in (doc.get("TargetObjectKeyFormat") or {}):
        return f"{prefix}{asked.account}/{asked.region}/{bucket}/{moment:%Y/%m/%d}/{name}"
    return f"{prefix}{name}"


SERVICE.answered = note
