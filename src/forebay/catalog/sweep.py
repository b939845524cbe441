"""Takes away what nobody can need any more: files of replaced objects, and objects past their bucket's expiry.

A file goes when its object has been replaced for longer than a query may run; its row goes well after
the file, so that whoever lists folders and reads the catalog afterwards never takes a file that is going
for somebody else's.
"""

from __future__ import annotations

import logging
from typing import Any

import apsw

from forebay.catalog.store import Store
from forebay.clock import SECOND, now_us
from forebay.ports import LakeFiles

log = logging.getLogger(__name__)

AT_ONCE = 200
ROW_OUTLIVES = 60.0
_UNLINKED = "unlinked"


def sweep(store: Store, files: LakeFiles) -> int:
    """Remove files whose time is over, at most a few hundred; how many. Raises OSError as the disk does."""
    now = now_us()
    rows = store.reader.execute(
        "SELECT id, bucket, key, path FROM objects WHERE state = 'replaced' AND gone_after < ?"
        " AND etag != ? ORDER BY gone_after LIMIT ?",
        (now, _UNLINKED, AT_ONCE),
    ).fetchall()
    going: list[tuple[Any, ...]] = list(rows)
    over = store.reader.execute(
        "SELECT 1 FROM objects WHERE state = 'replaced' AND gone_after < ? AND etag = ? LIMIT 1",
        (now, _UNLINKED),
    ).fetchone()
    if not going and over is None:
        return 0
    for _, bucket, key, path in going:
        if not _reborn(store, bucket, key, path):
            files.remove(files.at(bucket, key, path))
    later = now + int(ROW_OUTLIVES * SECOND)
    ids = [(_UNLINKED, later, row[0]) for row in going]

    def work(db: apsw.Connection) -> None:
        db.executemany("UPDATE objects SET etag = ?, gone_after = ? WHERE id = ?", ids)
        db.execute(
            "DELETE FROM objects WHERE state = 'replaced' AND etag = ? AND gone_after < ?", (_UNLINKED, now)
        )

    store.write(work)
    return len(going)


def _reborn(store: Store, bucket: str, key: str, path: str | None) -> bool:
    # The key was written again at the same path, or is about to be shown there: its file is the new object's.
    query = "SELECT 1 FROM objects WHERE bucket = ?1 AND key = ?2 AND state = 'live' AND (?3 IS NULL OR path = ?3)"
    return store.reader.execute(query, (bucket, key, path)).fetchone() is not None


def registered(store: Store, bucket: str, key: str) -> bool:
    """Whether the catalog knows a file of this name, or is about to."""
    query = (
        "SELECT 1 FROM objects WHERE bucket = ?1 AND key = ?2 UNION ALL"
        " SELECT 1 FROM intents WHERE bucket = ?1 AND key = ?2 LIMIT 1"
    )
    return store.reader.execute(query, (bucket, key)).fetchone() is not None
