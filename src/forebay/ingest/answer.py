"""What a batch is answered: how many were kept, and what was wrong with the others.

200 if all were kept (a duplicate is kept already), 207 if some, 400 if none. The body is
`{accepted, duplicate, refused: [{index, code, path, reason}]}`; of more than 100 refusals the first 100
are listed, and `refused_total` says how many there are.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from forebay.ingest.body import Refused

LISTED = 100
_encode = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[int, bytes]).decode

ONE = b'{"accepted":1,"duplicate":0,"refused":[]}'


def answer(accepted: int, duplicate: int, refused: Sequence[Refused]) -> tuple[int, bytes]:
    """The status and body for a batch."""
    if not refused:
        if accepted == 1 and not duplicate:
            return 200, ONE
        return 200, b'{"accepted":%d,"duplicate":%d,"refused":[]}' % (accepted, duplicate)
    body: dict[str, object] = {
        "accepted": accepted,
        "duplicate": duplicate,
        "refused": refused[:LISTED],
    }
    if len(refused) > LISTED:
        body["refused_total"] = len(refused)
    return (207 if accepted or duplicate else 400), _encode(body)


def pack(status: int, body: bytes) -> bytes:
    """An answer as it is kept beside its idempotency key."""
    return _pack((status, body))


def unpack(kept: bytes) -> tuple[int, bytes]:
    """Undo `pack`."""
    return _unpack(kept)
