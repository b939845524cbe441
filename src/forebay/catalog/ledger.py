"""The ledger of the catalog's consumers: every event that was read has a recorded end, or waits in a segment.

A view: nothing here is stored, and no term is the remainder of the others. `delivered`, `dropped`,
`rejected` and `erased` are counted where they happen, in the commit that makes them so; what waits is
counted from the segments; and their sum must be what the position says was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import apsw

from forebay.errors import ForebayError

_ENDS = ("delivered", "dropped", "rejected", "erased")


def subscriptions(db: apsw.Connection, heads: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """Per subscription: `accepted`, the ends, `buffered`, `expired` (0), `log`, `lag`, and `mismatch` if any.

    `db` reads the catalog; `heads` are the logs' heads, to be read after this connection's snapshot began
    if a position is never to be ahead of them (`snapshot` does that in the right order).
    """
    return view(snapshot(db), heads)


def snapshot(db: apsw.Connection) -> list[dict[str, Any]]:
    """What the catalog says of every consumer, in one statement, so at one moment."""
    rows = db.execute(
        "SELECT p.consumer, p.log, p.start, p.position, l.delivered, l.dropped, l.rejected, l.erased,"
        " (SELECT coalesce(sum(s.inputs), 0) FROM buffers b JOIN segments s ON s.buffer = b.id"
        "   WHERE 'delivery.' || b.delivery = p.consumer)"
        " FROM positions p JOIN ledger l ON l.consumer = p.consumer ORDER BY p.consumer"
    )
    names = ("consumer", "log", "start", "position", *_ENDS, "waiting")
    return [dict(zip(names, row, strict=True)) for row in rows]


def view(rows: list[dict[str, Any]], heads: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """The ledger's lines from a `snapshot` and heads that were read after it."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        head = max(heads.get(row["log"], row["position"]), row["position"])
        lag = head - row["position"]
        ended = sum(row[name] for name in _ENDS)
        line: dict[str, Any] = {
            "accepted": head - row["start"],
            **{name: row[name] for name in _ENDS},
            "expired": 0,
            "buffered": lag + row["waiting"],
            "log": row["log"],
            "lag": lag,
        }
        read = row["position"] - row["start"]
        if ended + row["waiting"] != read:
            line["mismatch"] = ForebayError(
                "LedgerMismatch",
                f"{row['consumer']} read {read} events and has an end or a buffer for {ended + row['waiting']}",
                why="the catalog was changed by something else, or this is a fault in forebay",
            ).to_dict()
        found[row["consumer"]] = line
    return found


def verify(db: apsw.Connection) -> list[str]:
    """Check the counts against the objects they count; a line for each consumer that does not add up."""
    rows = db.execute(
        "SELECT l.consumer, l.delivered + l.rejected - l.removed,"
        " (SELECT coalesce(sum(o.inputs), 0) FROM objects o WHERE o.source = l.consumer AND o.state = 'live')"
        " FROM ledger l"
    )
    return [
        f"{consumer}: {counted} events are delivered or rejected, its objects hold {held}"
        for consumer, counted, held in rows
        if counted != held
    ]
