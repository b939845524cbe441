"""A retry at a route is not a second event: `Idempotency-Key`, and the route's unique field."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from forebay.errors import DataRejected
from forebay.ingest.answer import answer, pack
from forebay.ingest.body import Refused
from forebay.ingest.door import Admitted, Door
from forebay.streams.writer import Log, Once, Receipt, Unique
from forebay.web.http import RequestHeaders

LONGEST = 255


def once_key_of(headers: RequestHeaders) -> str | None:
    """The request's idempotency key. Raises DataRejected."""
    key: str | None = headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= LONGEST:
        raise DataRejected("BadIdempotencyKey", f"1 to {LONGEST} characters, please")
    return key


def once_of(key: str, caller: str, door: Door, body: bytes, refused: Sequence[Refused]) -> Once:
    """What is kept of a request by its key: the answer in the plain form."""
    return Once(
        f"{caller}\0ingest.{door.name}",
        key,
        hashlib.sha256(body).digest(),
        lambda accepted, duplicate: pack(*answer(accepted, duplicate, refused)),
    )


async def keep_once(log: Log, door: Door, admitted: Admitted, once: Once | None) -> Receipt:
    """Append what is new by the request's idempotency key and by the route's unique field."""
    unique = None
    spec = door.spec.unique
    if spec is not None and admitted.unique is not None:
        unique = Unique(f"ingest.{door.name}", admitted.unique, spec.within, spec.max_keys)
    receipt = await log.submit(admitted.records, admitted.keys, unique=unique, once=once, size=admitted.size)
    counts = door.counts
    if receipt.repeated:
        counts.duplicate += len(admitted.records)
    else:
        counts.accepted += receipt.count
        counts.duplicate += len(receipt.duplicates)
        counts.refused += len(admitted.refused)
    return receipt
