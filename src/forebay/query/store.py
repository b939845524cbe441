"""Decoded rows in memory, bounded: hot segments, and cold objects until they are copied."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

import pyarrow as pa


class Memory:
    """Arrow tables by key, the least recently asked for dropped past `limit` bytes. Thread-safe."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0
        self._kept: OrderedDict[Hashable, tuple[pa.Table, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> pa.Table | None:
        """What is kept under `key`."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, table: pa.Table, size: int) -> None:
        """Keep `table`, which counts for `size` bytes."""
        with self._lock:
            old = self._kept.pop(key, None)
            self.bytes += size - (old[1] if old else 0)
            self._kept[key] = (table, size)
            while self.bytes > self.limit and len(self._kept) > 1:
                _, (_, gone) = self._kept.popitem(last=False)
                self.bytes -= gone

    def drop(self, key: Hashable) -> None:
        """Forget it."""
        with self._lock:
            old = self._kept.pop(key, None)
            self.bytes -= old[1] if old else 0

    def __len__(self) -> int:
        return len(self._kept)
