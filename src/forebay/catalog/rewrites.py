"""Objects that give way to others: compaction, and the replay of what was rejected.

Both write their new object under an intent, as a flush does, and swap in one commit: what was live is
`replaced`, and its file stays until no query that planned it can live (`catalog/sweep.py`).
"""

from __future__ import annotations

import apsw

from forebay.catalog.rows import insert_object, insert_rows
from forebay.catalog.tables import add_columns
from forebay.clock import SECOND, now_us
from forebay.errors import ForebayError
from forebay.ports import Rewrite, Seal


def commit_intent(db: apsw.Connection, intent: Seal) -> None:
    """The intent to write an object that comes of no buffer."""
    db.execute(
        "INSERT INTO intents(buffer, bucket, key, path, created) VALUES (0, ?, ?, ?, ?)",
        (intent.bucket, intent.key, intent.path, now_us()),
    )


def drop_intent(db: apsw.Connection, bucket: str, key: str) -> None:
    """The intent is done with, one way or the other."""
    db.execute("DELETE FROM intents WHERE buffer = 0 AND bucket = ? AND key = ?", (bucket, key))


def commit_rewrite(db: apsw.Connection, rewrite: Rewrite) -> None:
    """Swap objects. Raises ForebayError `ObjectGone` if one is no longer live, `LedgerMismatch`."""
    into = rewrite.into
    inputs = rows = 0
    for id_ in rewrite.out:
        row = db.execute(
            "SELECT inputs, rows FROM objects WHERE id = ? AND state = 'live' AND source = ?",
            (id_, rewrite.consumer),
        ).fetchone()
        if row is None:
            raise ForebayError("ObjectGone", f"object {id_} of {rewrite.consumer} is no longer live")
        inputs += row[0]
        rows += row[1]
    ended = sum(segment.inputs for segment in rewrite.segments) + rewrite.dropped
    if into.inputs + ended != inputs or (not ended and into.rows != rows):
        raise ForebayError(
            "LedgerMismatch",
            f"{inputs} inputs of {rewrite.consumer} were to be rewritten, {into.inputs + ended} were",
        )
    gone = now_us() + int(rewrite.grace * SECOND)
    for id_ in rewrite.out:
        db.execute("UPDATE objects SET state = 'replaced', gone_after = ? WHERE id = ?", (gone, id_))
    insert_object(db, into)
    drop_intent(db, into.bucket, into.key)
    insert_rows(db, rewrite.buffers, rewrite.segments)
    if ended:
        db.execute(
            "UPDATE ledger SET rejected = rejected - ?, dropped = dropped + ? WHERE consumer = ?",
            (ended, rewrite.dropped, rewrite.consumer),
        )
    if rewrite.change is not None:
        add_columns(db, rewrite.change)
