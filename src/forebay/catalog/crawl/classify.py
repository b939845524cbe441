"""What a file is: the classifiers in AWS's order, custom ones first.

https://docs.aws.amazon.com/glue/latest/dg/add-classifier.html. Avro, ORC, XML and Ion are told from the
rest but not read: they are UNKNOWN here, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forebay.catalog.crawl import csv as csv_
from forebay.catalog.crawl import json as json_
from forebay.catalog.crawl import parquet
from forebay.catalog.crawl.sample import MOST, STEP, take
from forebay.catalog.crawl.types import Columns

UNKNOWN = "UNKNOWN"
_UNREAD = ((b"Obj\x01", "Avro"), (b"ORC", "ORC"), (b"\xe0\x01\x00\xea", "Ion"), (b"<", "XML"))


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A custom JSON classifier: the path to what a record is. `$[*]` is each element of an array."""

    path: str


Classifier = csv_.Custom | JsonPath


@dataclass(slots=True)
class Class:
    """What a file was found to be.

    `same` is what files of one table must agree in. `records` is how many there are (Parquet), or were in
    the `sampled` bytes.
    """

    name: str
    compression: str = "none"
    columns: Columns = field(default_factory=dict)
    fields: list[str] = field(default_factory=list)
    delimiter: str | None = None
    header: bool = False
    quoted: str | None = None
    serde: str | None = None
    records: int = 0
    sampled: int = 0
    reason: str | None = None

    @property
    def same(self) -> tuple[Any, ...]:
        """Files that differ in this are never one table."""
        return (self.name, self.compression, self.delimiter, self.serde)


def classify(path: Path, key: str, custom: Sequence[Classifier] = ()) -> Class:
    """What the file at `path` is. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(parquet.MAGIC):
        found = parquet.classify(path)
        if found is None:
            return Class(UNKNOWN, reason="its Parquet cannot be read")
        return Class("parquet", columns=found.columns, records=found.rows)
    size = STEP
    while True:
        sample = take(path, key, size)
        result = _text(sample.data, whole=sample.whole, custom=custom)
        result.compression = sample.compression
        if result.name != UNKNOWN or sample.whole or size >= MOST or result.reason:
            return result
        size += STEP


def _text(data: bytes, *, whole: bool, custom: Sequence[Classifier]) -> Class:
    if not data.strip():
        return Class(UNKNOWN, reason="it is empty")
    text = _decoded(data)
    if text is None:
        return Class(UNKNOWN, reason=_unread(data) or "it is neither text nor a known format")
    for classifier in custom:
        found = _custom(text, classifier, whole=whole)
        if found is not None:
            found.sampled = len(data)
            return found
    records = json_.classify(text, whole=whole)
    if records is not None:
        return _json(records, len(data))
    reason = _unread(data)
    if reason is not None:
        return Class(UNKNOWN, reason=reason)
    rows = csv_.classify(text, whole=whole)
    if rows is not None:
        return _csv(rows, len(data))
    return Class(UNKNOWN)


def _json(found: json_.Found, sampled: int) -> Class:
    return Class("json", columns=found.columns, fields=found.fields, records=found.records, sampled=sampled)


def _csv(found: csv_.Found, sampled: int) -> Class:
    return Class(
        "csv",
        columns=found.columns,
        delimiter=found.delimiter,
        header=found.header,
        records=found.rows,
        sampled=sampled,
    )


def _custom(text: str, classifier: Classifier, *, whole: bool) -> Class | None:
    if isinstance(classifier, JsonPath):
        found = json_.classify(json_.at_path(text, classifier.path, whole=whole), whole=True)
        return None if found is None else _json(found, 0)
    rows = csv_.classify(text, whole=whole, custom=classifier)
    if rows is None:
        return None
    result = _csv(rows, 0)
    result.quoted, result.serde = classifier.quote, classifier.serde
    return result


def _decoded(data: bytes) -> str | None:
    """As UTF-8 (a last character may be cut off), else as Latin-1 where it is text at all."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if error.start >= len(data) - 4:
            return data[: error.start].decode()
    if (
        b"\0" in data[:4096]
        or sum(byte < 9 or 13 < byte < 32 for byte in data[:4096]) > len(data[:4096]) // 50
    ):
        return None
    return data.decode("latin-1")


def _unread(data: bytes) -> str | None:
    for magic, name in _UNREAD:
        if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(magic):
            return f"{name} is not read by crawlers here"
    return None
