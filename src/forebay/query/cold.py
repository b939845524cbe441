"""Cold rows: which files are a table's, and which partition each belongs to."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from forebay.query.copysql import Entry, Vanished, entry
from forebay.query.listing import Listing, hidden
from forebay.query.partitions import Partitioning, Values, moving
from forebay.query.snapshot import Object, Snapshot, Table

Root = tuple[str, str]
Listed = dict[Root, list[str]]
"""Keys of the files that lie under each root."""
REMEMBERED = 1000


@dataclass(slots=True, eq=False)
class Registered:
    """The live objects under one root, as of `mark`."""

    mark: tuple[Any, ...]
    objects: list[Object]
    keys: frozenset[str]


@dataclass(slots=True, eq=False)
class Cold:
    """A table's objects as of one state of the catalog and the folders (`mark`).

    `chosen` remembers what of them some partition values select.
    """

    mark: tuple[Any, ...]
    partitioning: Partitioning
    by_values: dict[Values, list[Object]]
    live: frozenset[Entry]
    chosen: dict[frozenset[Values] | None, list[tuple[Object, Values]]] = field(default_factory=dict)

    def select(self, keep: frozenset[Values] | None) -> list[tuple[Object, Values]]:
        """The objects of these partition values (None: all); the same list while nothing has changed."""
        if keep is not None:
            keep = frozenset(values for values in keep if values in self.by_values)
        found = self.chosen.get(keep)
        if found is None:
            found = [
                (item, values)
                for values, items in self.by_values.items()
                if keep is None or values in keep
                for item in items
            ]
            if len(self.chosen) > 64:
                self.chosen.clear()
            self.chosen[keep] = found
        return found


class Finder:
    """Finds tables' objects; remembers them for as long as nothing has changed. Thread-safe."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._cold: dict[tuple[int, int], Cold] = {}
        self._registered: dict[Root, Registered] = {}
        self._strays: dict[Root, tuple[list[str], Registered, frozenset[str], list[str]]] = {}
        self._partitionings: dict[tuple[int, int], tuple[list[tuple[Values, str]], Partitioning]] = {}
        self._lock = threading.Lock()

    def roots(self, snapshot: Snapshot, table: Table) -> list[Root]:
        """Where a table's files may be."""
        return self._partitioning(snapshot, table)[1].roots

    def known_roots(self, table: Table) -> list[Root] | None:
        """Where its files were the last time."""
        known = self._partitionings.get(table.key)
        return known[1].roots if known is not None else None

    def look(self, roots: Sequence[Root], *, fresh: bool = False) -> Listed:
        """List the folders. To be called before the snapshot that decides: a file that is being registered
        has its intent in every later snapshot."""
        return {root: self._listing.keys(*root, fresh=fresh) for root in roots}

    def cold(self, snapshot: Snapshot, table: Table, listed: Listed) -> Cold:
        """The objects of a table, by partition values. Raises Vanished if they may lie where nobody looked."""
        partitions, partitioning = self._partitioning(snapshot, table)
        if any(root not in listed for root in partitioning.roots):
            raise Vanished("a partition was added")
        found: list[tuple[Root, Registered, list[Object]]] = []
        for root in partitioning.roots:
            live = self._live(snapshot, root)
            found.append((root, live, self._foreign(snapshot, root, live, listed[root])))
        turn = int(time.monotonic() / 10) if moving(table) else 0
        mark = (partitions, [(live.mark, strays) for _, live, strays in found], turn)
        known = self._cold.get(table.key)
        if known is not None and known.mark == mark:
            return known
        by_values: dict[Values, list[Object]] = {}
        seen: set[str] = set()
        for root, live, strays in found:
            for item in (*live.objects, *strays):
                values = partitioning.values(item.bucket, item.key)
                if values is None or item.url in seen or not item.size or hidden(item.key, root[1]):
                    continue
                seen.add(item.url)
                by_values.setdefault(values, []).append(item)
        entries = frozenset(entry(item, values) for values, items in by_values.items() for item in items)
        fresh = Cold(mark, partitioning, by_values, entries)
        _remember(self._cold, table.key, fresh, self._lock)
        return fresh

    def _partitioning(
        self, snapshot: Snapshot, table: Table
    ) -> tuple[list[tuple[Values, str]], Partitioning]:
        partitions = snapshot.partitions(table) if table.partition_keys else []
        known = self._partitionings.get(table.key)
        if known is None or known[0] != partitions:
            known = (partitions, Partitioning(table, partitions))
            _remember(self._partitionings, table.key, known, self._lock)
        return known

    def _live(self, snapshot: Snapshot, root: Root) -> Registered:
        mark = snapshot.objects_mark(*root)
        known = self._registered.get(root)
        if known is None or known.mark != mark:
            objects = snapshot.objects(*root)
            known = Registered(mark, objects, frozenset(item.key for item in objects))
            _remember(self._registered, root, known, self._lock)
        return known

    def _foreign(self, snapshot: Snapshot, root: Root, live: Registered, listed: list[str]) -> list[Object]:
        if not listed:
            return []
        passing = snapshot.passing(*root)
        known = self._strays.get(root)
        if known is None or known[0] is not listed or known[1] is not live or known[2] != passing:
            keys = [key for key in listed if key not in live.keys and key not in passing]
            known = (listed, live, passing, keys)
            _remember(self._strays, root, known, self._lock)
        return self._listing.objects(root[0], known[3])


def _remember(store: dict[Any, Any], key: Any, value: Any, lock: threading.Lock) -> None:
    with lock:
        if len(store) > REMEMBERED:
            store.clear()
        store[key] = value
