"""Little bodies, which are acknowledged as soon as they are in the journal of puts: lake/puts.py."""

from __future__ import annotations

from forebay.clock import now_us
from forebay.lake.journal import Put, pack
from forebay.lake.settings import ENCRYPTION, LIFECYCLE
from forebay.wire.s3.base import bucket_names, shelf
from forebay.wire.s3.body import Received, described
from forebay.wire.service import Asked, Json


def takes(asked: Asked, bucket: str, size: int) -> bool:
    """Whether a body of so many bytes is only to be held: in a bucket where an object is put, and no more to it."""
    puts = asked.system.puts
    return (
        puts.takes(bucket, size)
        and bucket in bucket_names(asked.system)
        and puts.plain(bucket, shelf(asked).plain) is not None
    )


async def keep(asked: Asked, bucket: str, key: str, received: Received, meta: Json) -> Json:
    """Acknowledge one that is held, when it is in the journal. Answers what the flow would of `object_put`."""
    assert received.held is not None
    doc = described(asked, bucket, key, received, meta)
    settings = asked.system.puts.plain(bucket, shelf(asked).plain) or {}
    await asked.system.puts.put(Put(bucket, key, pack(doc), received.held))
    encrypted = {} if "sse" in meta else (settings.get(ENCRYPTION) or {}).get("told", {})
    return {
        "version": None,
        "modified": now_us(),
        "lifecycle": settings.get(LIFECYCLE),
        "encrypted": encrypted,
    }
