"""A retry at the door is not a second event: idempotency keys, and fields that are unique.

Both are looked up and kept inside the group commit that holds the events, so a key is known if and only
if its events are on disk. Used by the log's writer thread only, within its transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import apsw

from forebay.clock import SECOND
from forebay.errors import DataRejected, Throttled

DAY = 86_400.0


@dataclass(slots=True)
class Once:
    """An idempotency key: `scope` says whose and for what (principal and target), `body` hashes the request.

    `answer` renders what the first request is answered, from (accepted, duplicates); it is kept
    `within` seconds and given verbatim to a repeat. `answer_placed`, where given, does so instead, from
    the arrival and the places of a receipt.
    """

    scope: str
    key: str
    body: bytes
    answer: Callable[[int, int], bytes]
    within: float = DAY
    answer_placed: Callable[[int, Sequence[tuple[int, int, Sequence[int]]]], bytes] | None = None

    def id(self) -> bytes:
        """What the key is stored under."""
        return blake2b(f"{self.scope}\0{self.key}".encode(), digest_size=16).digest()


@dataclass(slots=True)
class Unique:
    """Values of which an event is kept once `within` seconds: `values[i]` is record i's.

    `scope` keeps apart what is unique on its own (a route). At most `max_keys` values are remembered.
    """

    scope: str
    values: Sequence[bytes]
    within: float = DAY
    max_keys: int = 10_000_000


class Deduplicator:
    """The two tables of keys, as the writer sees them.

    Counts per scope are kept in memory and written with the commit; after a failed one, `load` again.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._db = connection
        self._scopes: dict[str, int] = {}
        self._count: dict[int, int] = {}
        self._changed: set[int] = set()
        self.load()

    def load(self) -> None:
        """Read what is on disk, in place of what memory holds."""
        self._changed.clear()
        self._scopes.clear()
        self._count.clear()
        for scope, name, keys in self._db.execute("SELECT id, name, keys FROM scopes"):
            self._scopes[name] = scope
            self._count[scope] = keys

    def first_answer(self, once: Once, now: int) -> bytes | None:
        """The kept answer of a repeat, None for a key not seen. Raises DataRejected for another body."""
        row = self._db.execute(
            "SELECT body, answer FROM once WHERE id=? AND expires>?", (once.id(), now)
        ).fetchone()
        if row is None:
            return None
        refuse_other_body(once, row[0])
        return bytes(row[1])

    def keep_answer(self, once: Once, answer: bytes, now: int) -> None:
        """Remember the first answer; an expired one in its place is replaced."""
        self._db.execute(
            "INSERT OR REPLACE INTO once VALUES(?,?,?,?)",
            (once.id(), once.body, answer, now + int(once.within * SECOND)),
        )

    def sift(self, unique: Unique, now: int) -> list[int]:
        """The indexes of the events whose value is new, in order; their values are remembered.

        Raises Throttled, with nothing remembered, if there would be more than `max_keys`.
        """
        scope = self._scope(unique.scope)
        salt = scope.to_bytes(8, "little")
        ids = [blake2b(value, digest_size=16, salt=salt).digest() for value in unique.values]
        room = unique.max_keys - self._count[scope]
        if room < len(ids):
            self.expire_unique(scope, now, limit=len(ids) + 1000)
            room = unique.max_keys - self._count[scope]
        if room < len(ids):
            self._refuse_beyond(scope, ids, room, now, unique)
        expires = now + int(unique.within * SECOND)
        cursor = self._db.cursor()
        taken = []
        added = 0
        for index, id in enumerate(ids):
            row = (id, scope, expires)
            if cursor.execute(
                "INSERT INTO unique_keys VALUES(?,?,?) ON CONFLICT DO NOTHING RETURNING 1", row
            ).fetchall():
                added += 1
                taken.append(index)
            elif cursor.execute(
                "UPDATE unique_keys SET expires=? WHERE id=? AND expires<=? RETURNING 1", (expires, id, now)
            ).fetchall():
                taken.append(index)
        self._add(scope, added)
        return taken

    def _refuse_beyond(self, scope: int, ids: list[bytes], room: int, now: int, unique: Unique) -> None:
        new = sum(
            1
            for id in set(ids)
            if not self._db.execute(
                "SELECT 1 FROM unique_keys WHERE id=? AND expires>?", (id, now)
            ).fetchall()
        )
        if new <= room:
            return
        first = self._db.execute("SELECT min(expires) FROM unique_keys WHERE scope=?", (scope,)).get
        raise Throttled(
            "TooManyUniqueKeys",
            f"{unique.max_keys:,} unique values are remembered for {unique.scope}, and there is no room for {new} more",
            fix="raise max_keys or shorten within",
            retry_after=max(1, min(3600, ((first or now) - now) // SECOND + 1)),
        )

    def _scope(self, name: str) -> int:
        scope = self._scopes.get(name)
        if scope is None:
            scope = int(self._db.execute("INSERT INTO scopes(name) VALUES(?) RETURNING id", (name,)).get)
            self._scopes[name] = scope
            self._count[scope] = 0
        return scope

    def _add(self, scope: int, keys: int) -> None:
        if keys:
            self._count[scope] += keys
            self._changed.add(scope)

    def flush_counts(self) -> None:
        """Write the counts that changed; the last thing before a commit."""
        for scope in self._changed:
            self._db.execute("UPDATE scopes SET keys=? WHERE id=?", (self._count[scope], scope))
        self._changed.clear()

    def expire_unique(self, scope: int, now: int, *, limit: int) -> int:
        """Forget up to `limit` expired values of a scope; how many."""
        self._db.execute(
            "DELETE FROM unique_keys WHERE id IN "
            "(SELECT id FROM unique_keys WHERE scope=? AND expires<=? ORDER BY expires LIMIT ?)",
            (scope, now, limit),
        )
        gone = self._db.changes()
        self._add(scope, -gone)
        return gone

    def expire(self, now: int, *, limit: int = 5000) -> bool:
        """Forget expired keys in a bounded slice, within a transaction; True if there may be more."""
        self._db.execute(
            "DELETE FROM once WHERE id IN (SELECT id FROM once WHERE expires<=? ORDER BY expires LIMIT ?)",
            (now, limit),
        )
        more = self._db.changes() == limit
        for scope in list(self._count):
            more |= self.expire_unique(scope, now, limit=limit) == limit
        return more

    def due(self, now: int) -> bool:
        """Whether any key has expired."""
        return bool(
            self._db.execute(
                "SELECT EXISTS(SELECT 1 FROM once WHERE expires<=?1) "
                "OR EXISTS(SELECT 1 FROM scopes s JOIN unique_keys u ON u.scope=s.id AND u.expires<=?1)",
                (now,),
            ).get
        )


def refuse_other_body(once: Once, body: bytes) -> None:
    """Raise DataRejected unless `once` comes with the body that its key was first used with."""
    if body != once.body:
        raise DataRejected(
            "IdempotencyKeyReused",
            "this Idempotency-Key was first used with another body",
            why="a key names one request; its repeat must be the same, byte for byte",
            fix="use a new key for a new request",
        )
