"""How far functions are that a stream's records call: a position in each shard.

A shard whose batch fails again and again holds up only itself, so the shards of a log are at different
offsets. The consumer's row in `positions` says how many events have an end: `start` plus that many, wherever
in the log they lie. So what its log still has for it is `head` minus that, as with every other consumer.

Each function here runs in a transaction of the catalog's writer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

from forebay.errors import ForebayError


def attach(
    db: apsw.Connection, consumer: str, log: str, id: str, begin: Callable[[], int]
) -> tuple[int, dict[int, int]]:
    """Where it began, and its position in each shard that it has read.

    It begins at `begin` the first time, and again when another trigger (`id`) takes the place of the last.
    """
    row: Any = db.execute(
        "SELECT id, begun FROM function_triggers WHERE consumer = ? AND log = ?", (consumer, log)
    ).fetchone()
    if row is None or row[0] != id:
        start = begin()
        db.execute("INSERT OR IGNORE INTO positions VALUES (?, ?, ?, ?)", (consumer, log, start, start))
        db.execute("INSERT OR IGNORE INTO ledger(consumer) VALUES (?)", (consumer,))
        db.execute(
            "UPDATE positions SET start = ?1 - (position - start), position = ?1"
            " WHERE consumer = ?2 AND log = ?3",
            (start, consumer, log),
        )
        db.execute("INSERT OR REPLACE INTO function_triggers VALUES (?, ?, ?, ?)", (consumer, log, id, start))
        db.execute("DELETE FROM function_shards WHERE consumer = ? AND log = ?", (consumer, log))
        return start, {}
    shards: Any = db.execute(
        "SELECT shard, position FROM function_shards WHERE consumer = ? AND log = ?", (consumer, log)
    ).fetchall()
    return int(row[1]), dict(shards)


def move(
    db: apsw.Connection,
    consumer: str,
    log: str,
    shard: int,
    moved: tuple[int, int],
    *,
    events: int,
    delivered: int = 0,
    dropped: int = 0,
    rejected: int = 0,
) -> None:
    """Move a shard's position from `moved[0]` to `moved[1]`, past `events` of its events, with their ends.

    They count as removed at once, as no object of the consumer's bears them out. Raises ForebayError
    `PositionMoved` if the position is not (or, where it never was, past) the first, `LedgerMismatch`.
    """
    before, after = moved
    if delivered + dropped + rejected != events or not events <= after - before:
        raise ForebayError(
            "LedgerMismatch",
            f"{consumer} read {events} events between {before} and {after} and has an end for "
            f"{delivered + dropped + rejected}",
        )
    stands: Any = db.execute(
        "SELECT position FROM function_shards WHERE consumer = ? AND log = ? AND shard = ?",
        (consumer, log, shard),
    ).get
    if stands is not None and stands > before:
        raise ForebayError("PositionMoved", f"{consumer} is past {before} of {log}, shard {shard}")
    db.execute("INSERT OR REPLACE INTO function_shards VALUES (?, ?, ?, ?)", (consumer, log, shard, after))
    db.execute(
        "UPDATE positions SET position = position + ? WHERE consumer = ? AND log = ?", (events, consumer, log)
    )
    db.execute(
        "UPDATE ledger SET delivered = delivered + ?1, dropped = dropped + ?2, rejected = rejected + ?3,"
        " removed = removed + ?1 + ?3 WHERE consumer = ?4",
        (delivered, dropped, rejected, consumer),
    )
