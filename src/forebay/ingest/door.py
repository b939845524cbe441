"""One route, compiled: what happens to a body between its arrival and the log.

body → unzipped → events → parameters merged → schema → keys and unique values → Admitted
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from forebay.errors import ForebayError
from forebay.ingest.body import Events, Refused, read_events, read_whole
from forebay.ingest.fields import Fields
from forebay.ingest.gunzip import gunzip
from forebay.ingest.limits import RateLimit
from forebay.ingest.mapping import Seen, compile_mapping
from forebay.ingest.routes import parameters
from forebay.ingest.section import RouteSpec
from forebay.ingest.validate import Schema, json_path

# As Kinesis: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html
MAX_PARTITION_KEY = 256

_LINES = frozenset(
    {
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonlines",
        "application/x-jsonlines",
        "application/jsonl",
        "application/x-jsonl",
        "application/json-lines",
    }
)
# The third is what curl -d says without being told, the last two what some clients fall back on.
_JSON = frozenset(
    {
        "",
        "application/json",
        "application/x-www-form-urlencoded",
        "text/json",
        "text/plain",
        "application/octet-stream",
    }
)

# Whether a content type, as clients write it, is of lines.
_known: dict[str, bool] = {}
_REMEMBERED = 1000


class UnsupportedMedia(ForebayError):
    """A content type or encoding that a route does not take (HTTP 415)."""

    status = 415


@dataclass(slots=True)
class Counts:
    """What a door has seen since the process started. Those refused or duplicate were never accepted.

    Events, but for the last three, which are HTTP requests.
    """

    accepted: int = 0
    duplicate: int = 0
    refused: int = 0
    requests: int = 0
    client_errors: int = 0
    server_errors: int = 0

    def failed(self, status: int) -> None:
        """A request was answered with this HTTP status, if that is one of an error."""
        if status >= 500:
            self.server_errors += 1
        elif status >= 400:
            self.client_errors += 1


@dataclass(slots=True)
class Admitted:
    """What may be kept of a body: records, and per record its partition key and unique value if asked for.

    `total` is how many events the body had, those refused included.
    """

    records: list[bytes]
    keys: list[bytes] | None
    unique: list[bytes] | None
    size: int
    total: int
    refused: list[Refused]


class Door:
    """A route ready to take requests. `partition_key` is the field that the target shards by.

    `wrap` makes of an event what the target's log keeps; it is given the events that are admitted. `mapped`,
    where it takes the request too, is in its place and is the caller's to apply.
    """

    def __init__(
        self,
        name: str,
        spec: RouteSpec,
        *,
        partition_key: str | None = None,
        schema: Schema | None = None,
        counts: Counts | None = None,
        limit: RateLimit | None = None,
        wrap: Callable[[list[bytes]], list[bytes]] | None = None,
        mapped: Callable[[Admitted, Seen], None] | None = None,
    ) -> None:
        self.name = name
        self.spec = spec
        self.target = str(spec.to)
        self.cors = frozenset(origin.rstrip("/") for origin in spec.cors)
        self.counts = counts or Counts()
        self.limit = limit or (RateLimit(spec.limit) if spec.limit is not None else None)
        self.max_body = spec.max_body
        self.text = spec.data is not None and compile_mapping(spec.data).body and "$input.body" in spec.data
        self.schema = schema
        self._wrap = wrap
        self.mapped = mapped
        self._key = partition_key
        self._unique = spec.unique.field if spec.unique is not None else None
        self._parameters = parameters(spec.path)
        names = [name for name in (self._key, self._unique, *self._parameters) if name is not None]
        self._fields = Fields(names)
        self._plain = schema is None and not names

    def variables(self, stage: str | None) -> Mapping[str, str]:
        """The variables of a stage; none outside of one."""
        found = self.spec.stages.get(stage) if stage is not None else None
        return {} if found is None else found.variables

    def admit(
        self, body: bytes, content_type: str | None, encoding: str | None, path: Mapping[str, str]
    ) -> Admitted:
        """Read a body. What is wrong with an event is in `refused`; the rest is to be kept.

        Raises UnsupportedMedia, BodyTooLarge, DataRejected `InvalidGzip`.
        """
        lines = False
        if content_type is not None:
            known = _known.get(content_type)
            lines = _wants_lines(content_type) if known is None else known
        if encoding is not None:
            body = self._unzipped(body, encoding)
        events = read_events(body, self._fields, lines=lines)
        total = len(events.records) + len(events.refused)
        if self._plain:
            admitted = Admitted(events.records, None, None, events.size, total, events.refused)
        else:
            admitted = self._sift(events, total, path)
        return self.wrapped(admitted)

    def wrapped(self, admitted: Admitted) -> Admitted:
        """What was admitted, as the target's log keeps it."""
        if self._wrap is not None and admitted.records:
            admitted.records = self._wrap(admitted.records)
            admitted.size = sum(map(len, admitted.records))
        return admitted

    def admit_whole(self, body: bytes, encoding: str | None, path: Mapping[str, str]) -> Admitted:
        """Read a body that is one event, whatever it is: as API Gateway, which hands bodies on as they come.

        What is no object is kept as it is where nothing is asked of its fields; where `text`, what is no JSON
        too. What the target's log keeps of it is still to be made: `wrapped`. Raises as `admit`.
        """
        body = self._unzipped(body, encoding)
        if self.text and self._plain:
            return Admitted([body], None, None, len(body), 1, [])
        events = read_whole(body, self._fields)
        if events.refused:
            return Admitted([], None, None, 0, 1, events.refused)
        if self._plain:
            return Admitted(events.records, None, None, events.size, 1, [])
        return self._sift(events, 1, path if events.records[0][:1] == b"{" else {})

    def _unzipped(self, body: bytes, encoding: str | None) -> bytes:
        if encoding is None or encoding == "identity":
            return body
        if encoding.strip().lower() not in ("gzip", "x-gzip"):
            raise UnsupportedMedia(
                "UnsupportedEncoding", f"content-encoding {encoding[:50]}", fix="send gzip, or as it is"
            )
        return gunzip(body, self.max_body)

    def _sift(self, events: Events, total: int, path: Mapping[str, str]) -> Admitted:
        records: list[bytes] = []
        keys: list[bytes] = []
        unique: list[bytes] = []
        refused = events.refused
        size = 0
        for record, seen, index in zip(events.records, events.seen, events.index, strict=True):
            if path:
                record = self._merge(record, seen, path)  # noqa: PLW2901 - the event, with its parameters
            why = self.schema.failure(record) if self.schema is not None else None
            if why is not None:
                refused.append(Refused(index, "SchemaMismatch", *why))
                continue
            if self._unique is not None:
                value = self._value(seen, self._unique, path)
                if value is None:
                    at = json_path([self._unique])
                    refused.append(
                        Refused(
                            index, "UniqueFieldMissing", at, "the route accepts an event once by this field"
                        )
                    )
                    continue
                unique.append(value)
            if self._key is not None:
                key = self._value(seen, self._key, path) or b""
                if len(key) > MAX_PARTITION_KEY:
                    at = json_path([self._key])
                    reason = f"a partition key has at most {MAX_PARTITION_KEY} bytes, this has {len(key)}"
                    refused.append(Refused(index, "PartitionKeyTooLong", at, reason))
                    if self._unique is not None:
                        unique.pop()
                    continue
                keys.append(key)
            records.append(record)
            size += len(record)
        refused.sort(key=lambda each: each.index)
        return Admitted(
            records,
            keys if self._key is not None else None,
            unique if self._unique is not None else None,
            size,
            total,
            refused,
        )

    def _value(self, seen: Any, name: str, path: Mapping[str, str]) -> bytes | None:
        if name in path and not self._fields.has(seen, name):
            return path[name].encode()
        return self._fields.value(seen, name)

    def _merge(self, record: bytes, seen: Any, path: Mapping[str, str]) -> bytes:
        """The event with the path's parameters as fields in front; a field of its own has precedence."""
        missing = {name: path[name] for name in self._parameters if not self._fields.has(seen, name)}
        if not missing:
            return record
        front = msgspec.json.encode(missing)[:-1]
        rest = bytes(record)[1:].lstrip()
        return front + (rest if rest[:1] == b"}" else b"," + rest)


def _wants_lines(content_type: str) -> bool:
    kind, _, rest = content_type.partition(";")
    kind = kind.strip().lower()
    if rest and "charset" in rest.lower():
        charset = rest.lower().partition("charset=")[2].split(";")[0].strip(" \"'")
        if charset not in ("utf-8", "utf8", "us-ascii"):
            raise UnsupportedMedia("UnsupportedCharset", f"charset {charset[:50]}", fix="send UTF-8")
    if kind in _LINES or kind in _JSON or kind.endswith("+json"):
        if len(_known) < _REMEMBERED:
            _known[content_type] = kind in _LINES
        return kind in _LINES
    raise UnsupportedMedia(
        "UnsupportedContentType",
        f"content type {kind[:100]}",
        fix="send application/json or application/x-ndjson",
    )
