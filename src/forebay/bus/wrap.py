"""Puts details into envelopes: what comes in at a door becomes an event of a bus.

Source and detail-type are fixed, or taken from each detail: `$request.body.kind` is its field `kind`
(as in the mappings of API Gateway's EventBridge integration).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from forebay.bus.envelope import compact, envelope, head, moment, new_ids
from forebay.bus.inputs import parse_path, text_at
from forebay.clock import now_us

FROM_BODY = "$request.body."
_ENVELOPE = b'{"version":"0","id":"'
MOST_HEADS = 1000


class Wrap:
    """`wrap(details)` → events. A field that a detail does not have is the empty text."""

    def __init__(self, source: str, detail_type: str) -> None:
        self._source = _taken(source)
        self._detail_type = _taken(detail_type)
        self._fixed = None
        if isinstance(self._source, str) and isinstance(self._detail_type, str):
            self._fixed = head(self._source, self._detail_type)
        self._heads: dict[tuple[str, str], tuple[bytes, bytes, bytes]] = {}

    def __call__(self, details: Sequence[bytes]) -> list[bytes]:
        """An event for each."""
        time = moment(now_us())
        shared = self._fixed
        ids = new_ids(len(details))
        if shared is not None:
            before, between = shared[0], shared[1] + time.encode() + shared[2]
            return [
                b"%b%b%b%b}" % (before, id.encode(), between, compact(detail))
                for id, detail in zip(ids, details, strict=True)
            ]
        return [
            envelope(self._head(detail), id, time, compact(detail))
            for id, detail in zip(ids, details, strict=True)
        ]

    def _head(self, detail: bytes) -> tuple[bytes, bytes, bytes]:
        parts = (_read(self._source, detail), _read(self._detail_type, detail))
        found = self._heads.get(parts)
        if found is None:
            if len(self._heads) >= MOST_HEADS:
                self._heads.clear()
            found = self._heads[parts] = head(*parts)
        return found


Taken = str | Callable[[bytes], str | None]


def _taken(text: str) -> Taken:
    return text_at(parse_path("$." + text.removeprefix(FROM_BODY))) if text.startswith(FROM_BODY) else text


def _read(taken: Taken, detail: bytes) -> str:
    return taken if isinstance(taken, str) else taken(detail) or ""


def is_event(record: bytes) -> bool:
    """Whether a record is an event of ours already."""
    return record.startswith(_ENVELOPE)
