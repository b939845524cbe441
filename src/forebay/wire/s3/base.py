"""What every S3 operation needs: the service, its errors, the buckets, the lake to read and to change."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import functools
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from email.utils import format_datetime
from typing import Any, NoReturn, TypeVar

from forebay.arn import CANONICAL_USER
from forebay.clock import to_datetime
from forebay.errors import ForebayError, Unavailable
from forebay.lake.section import buckets
from forebay.lake.shelf import Object, Shelf
from forebay.lake.versions import is_version
from forebay.layout import Layout
from forebay.pace import Haste
from forebay.project.model import Project
from forebay.runtime.system import System
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

T = TypeVar("T")

OWNER = {"ID": CANONICAL_USER}
"""Who owns every bucket and object: the canonical user of the local account. S3 gives no names any more."""

MALFORMED = "The XML you provided was not well-formed or did not validate against our published schema"
MAX_KEY = 1024
THREADS = ThreadPoolExecutor(16, thread_name_prefix="s3")
"""Where files are written and read, and the catalog is asked."""
QUICK = 0.002
"""Seconds of the disk for a little file that the event loop may wait for."""
_haste = Haste(QUICK)


def malformed(message: str = MALFORMED) -> AwsError:
    """The refusal of a document."""
    return AwsError("MalformedXML", message, http=400)


def invalid(message: str, name: str | None = None, value: Any = None) -> AwsError:
    """The refusal of an argument; S3 shows no value where none is at fault."""
    shown = {"ArgumentName": name, "ArgumentValue": value}
    members = {each: text for each, text in shown.items() if text is not None}
    return AwsError("InvalidArgument", message, http=400, **members)


def check_key(key: str) -> None:
    """Refuse keys that are not UTF-8 or too long."""
    size = len(key.encode("utf-8", "surrogatepass"))
    if size > MAX_KEY:
        raise AwsError("KeyTooLongError", "Your key is too long", http=400, Size=size, MaxSizeAllowed=MAX_KEY)
    check_text(key)


def check_text(text: str) -> None:
    """Refuse what the server was sent as bytes that are not UTF-8, and zeros."""
    if "\ufffd" in text or "\0" in text:
        raise AwsError("InvalidURI", "Couldn't parse the specified URI.", http=400)


def version_of(given: Json) -> str | None:
    """The version that is asked about, None for the current one. Raises AwsError for what was never one."""
    version: str | None = given.get("VersionId")
    if version == "":
        raise invalid("Version id cannot be the empty string", "versionId", "")
    if version is not None and not is_version(version):
        raise invalid("Invalid version id specified", "versionId", version)
    return version


_STATUS = {
    "AccessDenied": 403,
    "InvalidRequest": 400,
    "AnnotationLimitExceeded": 400,
    "NoSuchKey": 404,
    "NoSuchVersion": 404,
    "NoSuchUpload": 404,
    "NoSuchBucket": 404,
    "PreconditionFailed": 412,
    "BucketNotEmpty": 409,
    "ConditionalRequestConflict": 409,
}
_MEMBERS = {
    "key": "Key",
    "version": "VersionId",
    "upload": "UploadId",
    "bucket": "BucketName",
    "condition": "Condition",
}


def raise_as_s3(error: ForebayError, asked: Asked) -> NoReturn:
    """Raise the S3 error that `error` is, or `error` itself."""
    if error.code == "MethodNotAllowed":
        raise of_marker(asked) from None
    if error.code in _STATUS:
        members = {_MEMBERS[name]: value for name, value in error.extra.items() if name in _MEMBERS}
        raise AwsError(error.code, error.message, http=_STATUS[error.code], **members) from None
    if isinstance(error, Unavailable):
        message = f"Please reduce your request rate. ({error.message})"
        raise AwsError("SlowDown", message, http=503) from error
    raise error


def of_marker(asked: Asked) -> AwsError:
    """The refusal of what cannot be done with a delete marker."""
    message = "The specified method is not allowed against this resource."
    members = {"Method": asked.request.method, "ResourceType": "DeleteMarker"}
    error = AwsError("MethodNotAllowed", message, http=405, **members)
    error.headers["allow"] = "DELETE"
    return error


_COPIES = ("CopyObject", "UploadPartCopy")


def deleted(asked: Asked, found: Object, version: str | None) -> AwsError:
    """What who asks for a delete marker is told; who would change the current version is not told which it is."""
    named = {"x-amz-delete-marker": "true", "x-amz-version-id": found.version}
    if version is None and (asked.request.method in ("GET", "HEAD") or asked.operation in _COPIES):
        error = AwsError("NoSuchKey", "The specified key does not exist.", http=404, Key=found.key)
        error.headers |= named
        return error
    error = of_marker(asked)
    if version is not None:
        modified = format_datetime(to_datetime(found.modified), usegmt=True)
        error.headers |= named | {"last-modified": modified}
    return error


# Buckets.


@functools.lru_cache(maxsize=4)
def _named(project: Identity) -> frozenset[str]:
    return frozenset(buckets(project.project))


class Identity:
    """A project as a key: by identity, as it never changes."""

    __slots__ = ("project",)

    def __init__(self, project: Project) -> None:
        self.project = project

    def __hash__(self) -> int:
        return id(self.project)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and other.project is self.project


def bucket_names(system: System) -> frozenset[str]:
    """Every bucket there is."""
    return _named(Identity(system.project()))


def no_such_bucket(name: str) -> AwsError:
    """The error for a bucket that is not."""
    return AwsError("NoSuchBucket", "The specified bucket does not exist", http=404, BucketName=name)


_NAME = re.compile(r"[A-Za-z0-9._-]{3,255}")
"""What may have been a bucket's name at any time."""


def need_bucket(asked: Asked, given: Json) -> str:
    """The bucket that is asked about. Raises NoSuchBucket, or AccessDenied for another's account."""
    name: str = given["Bucket"]
    if name not in bucket_names(asked.system):
        if not _NAME.fullmatch(name):
            raise AwsError(
                "InvalidBucketName", "The specified bucket is not valid.", http=400, BucketName=name
            )
        raise no_such_bucket(name)
    owner = given.get("ExpectedBucketOwner")
    if owner is not None and owner != asked.account:
        if not re.fullmatch(r"\d{12}", owner):
            message = "The value of the expected bucket owner parameter must be an AWS Account ID"
            raise AwsError("InvalidBucketOwnerAWSAccountID", f"{message}... [{owner}]", http=400)
        raise AwsError("AccessDenied", "Access Denied", http=403)
    return name


# The lake.


@functools.cache
def _shelf(layout: Layout) -> Shelf:
    return Shelf(layout.catalog, layout.lake)


def shelf(asked: Asked) -> Shelf:
    """The catalog, to read; in a thread."""
    return _shelf(asked.system.layout)


async def in_thread(function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
    """Run what blocks outside of the event loop."""
    call = functools.partial(function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(THREADS, call)


async def briefly(function: Callable[..., T], /, *args: Any) -> T:
    """Run what blocks for as long as the disk needs for a little file.

    While it is quick the event loop does it itself, as a thread's turn costs more; else a thread does.
    """

    def timed() -> T:
        began = time.perf_counter()
        try:
            return function(*args)
        finally:
            _haste.took(time.perf_counter() - began)

    return await in_thread(timed) if _haste.slow else timed()


async def change(asked: Asked, op: str, /, **args: Any) -> Any:
    """Have the flow change the lake."""
    if not op.startswith("bucket_"):
        return await asked.system.flow.call(op, timeout=60.0, **args)
    asked.system.puts.changed()
    try:
        return await asked.system.flow.call(op, timeout=60.0, **args)
    finally:
        asked.system.puts.changed()


def caller(asked: Asked) -> dict[str, str]:
    """Who asks, for those who are told of it."""
    request = asked.request
    return {"ip": request.client, "principal": asked.principal, "request": request.request_id}


async def setting(asked: Asked, bucket: str, name: str) -> Any:
    """A bucket's setting; None if there is none."""
    return await in_thread(shelf(asked).setting, bucket, name)


async def put_setting(asked: Asked, bucket: str, name: str, doc: Any) -> None:
    """Tell a bucket something; None to have it forget that."""
    await change(asked, "bucket_set", bucket=bucket, name=name, doc=doc)


async def need_setting(asked: Asked, bucket: str, name: str, code: str, message: str) -> Any:
    """What a bucket was told. Raises AwsError `code` where it was told nothing."""
    doc = await setting(asked, bucket, name)
    if doc is None:
        raise AwsError(code, message, http=404, BucketName=bucket)
    return doc


async def found_version(asked: Asked, bucket: str, given: Json) -> Object:
    """The version that is asked about, for what is kept with it. Raises AwsError for a delete marker too."""
    return await in_thread(find_version, asked, bucket, given["Key"], version_of(given))


def find_version(asked: Asked, bucket: str, key: str, version: str | None) -> Object:
    """The same, in a thread."""
    found = shelf(asked).find(bucket, key, version)
    if found.marker:
        raise deleted(asked, found, version)
    return found


# Lists that have pages.


def token_of(name: str) -> str:
    """The continuation token of a list that stopped at this name."""
    return base64.b64encode(name.encode()).decode()


def read_token(token: str) -> str:
    """The name of which a token was made. Raises AwsError `InvalidArgument`."""
    try:
        return base64.b64decode(token, validate=True).decode()
    except ValueError:
        raise invalid("The continuation token provided is incorrect", "continuation-token") from None


def jsonable(value: Any) -> Any:
    """A decoded document as JSON has it: times as ISO text."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    if isinstance(value, Mapping):
        return {key: jsonable(item) for key, item in value.items()}
    return [jsonable(item) for item in value] if isinstance(value, list) else value
