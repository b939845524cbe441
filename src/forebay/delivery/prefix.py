"""Prefixes and names of objects: AWS's key layout and expressions, Hive's partition folders.

    !{timestamp:yyyy/MM/dd}               the arrival of the object's first record, UTC
    !{firehose:error-output-type}         in an error prefix: processing-failed, format-conversion-failed,
                                          http-endpoint-failed
    !{firehose:random-string}             eleven characters, drawn for each object
    !{partitionKeyFromLambda:x}           what the handler returned under metadata.partitionKeys
    !{partitionKeyFromQuery:x}            the event's field x

A prefix without any expression gets `YYYY/MM/dd/HH/` appended, as on AWS.
https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
import string
import uuid
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from forebay.clock import to_datetime
from forebay.delivery.datetimes import compile_pattern
from forebay.errors import UsageError

TIME = "!{timestamp:yyyy/MM/dd/HH/}"
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
PROCESSING, CONVERSION = "processing-failed", "format-conversion-failed"
ENDPOINT = "http-endpoint-failed"

_EXPRESSION = re.compile(r"!\{([A-Za-z]+):([^}]*)\}")
# What Hive escapes in a partition's folder (FileUtils.escapePathName).
_HIVE = re.compile(r"[\x00-\x1f\x7f\"#%'*/:=?\\{\[\]^]")
_RANDOM = string.ascii_letters + string.digits

Values = tuple[str, ...]
_Resolve = Callable[[dt.datetime, Mapping[str, str], str], str]


def hive_escape(value: str) -> str:
    """A partition value as Hive writes it in a folder's name."""
    return _HIVE.sub(lambda m: f"%{ord(m[0]):02X}", value)


def hive_folders(fields: Sequence[str], values: Sequence[str | None]) -> str:
    """`field=value/` for each; no value (or an empty one) is Hive's default partition."""
    return "".join(
        f"{field}={hive_escape(value) if value else NULL_PARTITION}/"
        for field, value in zip(fields, values, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Prefix:
    """A compiled prefix. `keys` are the dynamic values it needs, by their names in the expressions."""

    text: str
    keys: tuple[str, ...]
    fields: tuple[str, ...]
    parts: tuple[str | _Resolve, ...]
    zone: str = "UTC"

    @property
    def random(self) -> bool:
        """Whether it resolves differently every time."""
        return "!{firehose:random-string}" in self.text

    def resolve(self, opened: int, values: Mapping[str, str] | None = None, error: str = "") -> str:
        """The prefix for an object whose first record arrived at `opened` (UTC microseconds)."""
        at = to_datetime(opened)
        if self.zone != "UTC":
            at = at.astimezone(zoneinfo.ZoneInfo(self.zone))
        return "".join(
            part if isinstance(part, str) else part(at, values or {}, error) for part in self.parts
        )


def compile_prefix(text: str, *, errors: bool = False, zone: str | None = None) -> Prefix:
    """Read a prefix's expressions; `zone` is that of its times. Raises UsageError `InvalidPrefix`, `InvalidPattern`."""
    parts: list[str | _Resolve] = []
    keys: list[str] = []
    fields: list[str] = []
    at = 0
    for match in _EXPRESSION.finditer(text):
        parts.append(text[at : match.start()])
        at = match.end()
        space, word = match[1], match[2]
        match space, word:
            case "timestamp", _:
                parts.append(_timestamp(compile_pattern(word)))
            case "firehose", "random-string":
                parts.append(lambda *_: "".join(secrets.choice(_RANDOM) for _i in range(11)))
            case "firehose", "error-output-type" if errors:
                parts.append(lambda _w, _v, error: error)
            case (("partitionKeyFromLambda" | "partitionKeyFromQuery"), _) if word and not errors:
                (keys if space.endswith("Lambda") else fields).append(word)
                parts.append(_value(f"{space}:{word}"))
            case _:
                raise UsageError(
                    "InvalidPrefix",
                    f"{match[0]} is no expression for {'an error' if errors else 'a'} prefix",
                    where=text,
                )
    parts.append(text[at:])
    if "!{" in "".join(part for part in parts if isinstance(part, str)):
        raise UsageError("InvalidPrefix", "an expression is not closed", where=text)
    return Prefix(text, tuple(dict.fromkeys(keys)), tuple(dict.fromkeys(fields)), tuple(parts), zone or "UTC")


def _timestamp(write: Callable[[dt.datetime], str]) -> _Resolve:
    return lambda when, _values, _error: write(when)


def _value(key: str) -> _Resolve:
    return lambda _when, values, _error: values[key]


def data_prefix(to: str, prefix: str | None, partition: Sequence[str], zone: str | None = None) -> Prefix:
    """Where objects go under a bucket: `to`, then the prefix or its default.

    Hive folders (`partition`) are appended by whoever knows the values; with them there are no time
    folders unless the prefix asks for them.
    """
    if prefix is None:
        prefix = "" if partition else TIME
    elif prefix and "!{" not in prefix and not partition:
        prefix += TIME
    return compile_prefix(to + prefix, zone=zone)


def error_prefix(name: str, prefix: str | None, zone: str | None = None) -> Prefix:
    """Where rejected records of the delivery `name` go: by default beside its data, `errors/<name>/`."""
    if prefix is None:
        prefix = f"errors/{name}/"
    if "!{" not in prefix:
        prefix += "!{firehose:error-output-type}/" + TIME
    return compile_prefix(prefix, errors=True, zone=zone)


EXTENSIONS = {"none": "", "gzip": ".gz", "snappy": ".snappy", "zip": ".zip", "zstd": ".zst"}


def object_name(
    delivery: str, opened: int, format: str, compression: str, extension: str | None = None
) -> str:
    """`<delivery>-1-2026-01-31-09-30-00-<uuid>` and its extension, as Data Firehose names objects."""
    stamp = to_datetime(opened).strftime("%Y-%m-%d-%H-%M-%S")
    if extension is None:
        extension = ".parquet" if format == "parquet" else EXTENSIONS[compression]
    return f"{delivery}-1-{stamp}-{uuid.uuid4()}{extension}"
