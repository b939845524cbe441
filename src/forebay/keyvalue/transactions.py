"""Several changes, all or none; and several reads of one moment."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from forebay.keyvalue import rows
from forebay.keyvalue.errors import Cancelled, ConditionFailed, Invalid, Reason, TokenReused
from forebay.keyvalue.items import Done, Write, apply, planned
from forebay.keyvalue.rows import Batch
from forebay.keyvalue.table import Table
from forebay.keyvalue.values import Item

MOST = 100
MOST_BYTES = 4 << 20
CONDITION, VALIDATION = "ConditionalCheckFailed", "ValidationError"


def check_once(writes: Sequence[tuple[Table, Item]]) -> None:
    """Raise Invalid where two actions are of one item."""
    places = {(table.id, *rows.place(table.schema, key)) for table, key in writes}
    if len(places) < len(writes):
        raise Invalid("Transaction request cannot include multiple operations on one item")


def perform(
    batch: Batch, writes: Sequence[Write], shown: Sequence[bool], token: str | None, asked: bytes
) -> list[Done] | None:
    """Do all of `writes`; None if that was done under this token already. Raises Cancelled, TokenReused.

    `shown` says whose item a failed condition may tell.
    """
    if token is not None and (same := rows.seen(batch, token, asked)) is not None:
        if not same:
            raise TokenReused
        return None
    done: list[Done] = []
    reasons: list[Reason] = []
    for write, tell in zip(writes, shown, strict=True):
        try:
            done.append(planned(batch, write))
            reasons.append(Reason())
        except ConditionFailed as error:
            reasons.append(Reason(CONDITION, error.message, error.item if tell else None))
        except Invalid as error:
            reasons.append(Reason(VALIDATION, error.message))
    if len(done) < len(writes):
        raise Cancelled(reasons)
    return [apply(batch, write, each) for write, each in zip(writes, done, strict=True)]


def read(db: apsw.Connection, wanted: Sequence[tuple[Table, Item]], now: int) -> list[Item | None]:
    """The items with these keys, all of one moment."""
    return [rows.get(db, table, rows.place(table.schema, key), now) for table, key in wanted]
