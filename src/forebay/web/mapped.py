"""Mappings of a route applied: what of a request becomes a record, its key, or an event of a bus.

Only for routes that say so; a fixed source, or one that is a field of the event, is `bus.wrap`'s own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from forebay.bus.envelope import compact, envelope, head, moment, new_ids
from forebay.bus.wrap import FROM_BODY, Wrap
from forebay.clock import now_us
from forebay.errors import DataRejected
from forebay.ingest.door import MAX_PARTITION_KEY, Admitted
from forebay.ingest.mapping import Seen, Taken, compile_mapping
from forebay.ingest.section import RouteSpec

Mapped = Callable[[Admitted, Seen], None]
"""Makes of what was admitted what the route says, in place. Raises Unfit."""

LONGEST_TYPE = 128


class Unfit(DataRejected):
    """A mapping gives what the target does not take; `code` and message are AWS's."""


def wrapper(project: str, route: str, spec: RouteSpec) -> Wrap:
    """What makes an event of what is posted to a bus: from `forebay.<project>`, of the route's name."""
    return Wrap(spec.source or f"forebay.{project}", spec.detail_type or route)


def mapped(project: str, route: str, spec: RouteSpec) -> Mapped | None:
    """The route's mappings; None where there are none that need more than the event itself."""
    if spec.to.noun == "bus":
        simple = all(
            text is None or text.startswith(FROM_BODY) or compile_mapping(text).fixed is not None
            for text in (spec.source, spec.detail_type)
        )
        return None if simple and spec.detail is None else Events(project, route, spec)
    if spec.to.noun in ("streams", "delivery") and (spec.data is not None or spec.partition_key is not None):
        return Records(spec)
    return None


def _compiled(text: str | None, default: str) -> Taken:
    return compile_mapping(default if text is None else text)


class Records:
    """Data and partition keys of a stream or delivery."""

    def __init__(self, spec: RouteSpec) -> None:
        self._data = _compiled(spec.data, "$request.body")
        self._key = None if spec.partition_key is None else compile_mapping(spec.partition_key)

    def __call__(self, admitted: Admitted, seen: Seen) -> None:
        """Map what was admitted."""
        if self._key is not None:
            admitted.keys = [self._key.read(seen, bytes(record)) for record in admitted.records]
            for key in admitted.keys:
                if not key or len(key) > MAX_PARTITION_KEY:
                    raise Unfit(
                        "ValidationException",
                        f"a partition key has 1 to {MAX_PARTITION_KEY} bytes, this has {len(key)}",
                    )
        if not self._data.body:
            admitted.records = [self._data.read(seen, bytes(record)) for record in admitted.records]
            admitted.size = sum(map(len, admitted.records))


class Events:
    """Envelopes of a bus's events."""

    def __init__(self, project: str, route: str, spec: RouteSpec) -> None:
        self._source = _compiled(spec.source, f"forebay.{project}")
        self._type = _compiled(spec.detail_type, route)
        self._detail = _compiled(spec.detail, "$request.body")

    def __call__(self, admitted: Admitted, seen: Seen) -> None:
        """Map what was admitted."""
        admitted.records = self.events(admitted.records, seen)
        admitted.size = sum(map(len, admitted.records))

    def events(self, records: Sequence[bytes], seen: Seen) -> list[bytes]:
        """An event for each record."""
        time = moment(now_us())
        made = []
        for record, id in zip(map(bytes, records), new_ids(len(records)), strict=True):
            source, kind = (each.read(seen, record).decode() for each in (self._source, self._type))
            for name, text in (("Source", source), ("DetailType", kind)):
                if not text:
                    raise _missing(name)
            if len(kind) > LONGEST_TYPE:
                reason = f"It is longer than {LONGEST_TYPE} characters."
                raise Unfit("InvalidArgument", f"Parameter DetailType is not valid. Reason: {reason}")
            made.append(envelope(head(source, kind), id, time, detail_of(self._detail.read(seen, record))))
        return made


def detail_of(text: bytes) -> bytes:
    """A detail without white space. Raises Unfit for what is no JSON object."""
    if not text:
        raise _missing("Detail")
    try:
        detail = compact(text)
    except msgspec.MsgspecError:
        detail = b""
    if not detail.startswith(b"{"):
        raise Unfit("MalformedDetail", "Detail is malformed.")
    return detail


def _missing(name: str) -> Unfit:
    return Unfit("InvalidArgument", f"Parameter {name} is not valid. Reason: {name} is a required argument.")
