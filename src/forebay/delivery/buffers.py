"""The open buffers of one delivery: where rows join, and when no more may.

A buffer belongs to a slot (kind and partition values) and takes the key's time from its first record.
Whoever places rows or seals buffers holds `lock` until the store has been asked to commit it, so that the
store's order is the order in which it was decided.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from forebay.clock import SECOND, now_us
from forebay.delivery.group import ERROR, Group, Slot
from forebay.delivery.prefix import Prefix, object_name
from forebay.delivery.route import LIMIT
from forebay.ports import BufferRow, DeliveryStore, LakeFiles, Seal, SegmentRow


@dataclass(frozen=True, slots=True)
class Target:
    """Where a delivery writes and how long it buffers."""

    delivery: str
    bucket: str
    location: str
    data: Prefix
    errors: Prefix
    seconds: float
    bytes: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """A buffer that takes no more rows, the intent of its object, and the bytes it holds."""

    row: BufferRow
    seal: Seal
    size: int


@dataclass(slots=True)
class _Open:
    row: BufferRow
    bytes: int
    slot: Slot | None
    due: float  # by the monotonic clock: the wall's may be set back


def make_seal(row: BufferRow, files: LakeFiles) -> Seal:
    """The intent that makes an object of a buffer."""
    meta = row.meta
    name = object_name(
        row.delivery, row.opened, meta["format"], meta.get("compression", "none"), meta.get("extension")
    )
    key = row.prefix + name
    _, path = files.locate(row.bucket, key)
    return Seal(row.id, row.bucket, key, path)


class Buffers:
    """Open buffers by slot. Those found in the store (`restore`) are claimed by the slot that fits."""

    def __init__(self, target: Target, store: DeliveryStore, files: LakeFiles) -> None:
        self.lock = threading.RLock()
        self._target = target
        self._store = store
        self._files = files
        self._open: dict[int, _Open] = {}
        self._slots: dict[Slot, int] = {}
        self._promised: set[Slot] = set()
        self.restore()

    def restore(self) -> None:
        """Begin again from what is committed."""
        with self.lock:
            self._slots.clear()
            self._promised.clear()
            self._open = {
                row.id: _Open(row, size, None, self._due(now_us() - row.since))
                for row, size in self._store.buffers(self._target.delivery, "open")
            }

    def _due(self, age: int) -> float:
        return time.monotonic() + self._target.seconds - max(0, age) / SECOND

    def admit(self, slot: Slot) -> bool:
        """Whether `slot` has a buffer, or one more may be opened (AWS's limit of active partitions)."""
        with self.lock:
            if slot in self._slots or slot in self._promised:
                return True
            data = sum(buffer.row.kind != ERROR for buffer in self._open.values())
            if data + len(self._promised) >= LIMIT:
                return False
            self._promised.add(slot)
            return True

    def place(self, groups: Sequence[Group]) -> tuple[list[BufferRow], list[SegmentRow], list[int]]:
        """Buffers to open and segments to append for `groups`. Hold `lock` until they are submitted.

        A buffer whose rows are written otherwise than the group's (another format, another header) takes
        no more: its id is among the last, to be sealed.
        """
        opened: list[BufferRow] = []
        segments: list[SegmentRow] = []
        stale: list[int] = []
        self._promised.clear()
        for group in groups:
            buffer = self._find(group)
            if buffer is not None and buffer.row.meta != group.meta:
                stale.append(buffer.row.id)
                self._slots.pop(group.slot, None)
                buffer = None
            if buffer is None:
                buffer = self._make(group)
                opened.append(buffer.row)
            buffer.bytes += group.size
            segments.append(
                SegmentRow(buffer.row.id, group.rows, group.inputs, group.size, group.encoding, group.payload)
            )
        return opened, segments, stale

    def joined(self, group: Group) -> tuple[int, int] | None:
        """The open buffer that these rows join, and its bytes; (0, 0) if they would open one, None if it takes no more."""
        with self.lock:
            buffer = self._find(group)
            if buffer is None:
                return 0, 0
            return (buffer.row.id, buffer.bytes) if buffer.row.meta == group.meta else None

    def straight(self, id_: int, group: Group) -> Sealed:
        """Close the buffer, for an object that is to hold more than it; one of id 0 if it is not open any more.

        Hold `lock` until what it says is submitted.
        """
        if sealed := self.seals([id_]):
            return sealed[0]
        row = self._row(0, group)
        return Sealed(row, make_seal(row, self._files), 0)

    def due(self) -> list[int]:
        """The buffers that have reached their bytes or their seconds."""
        most, now = self._target.bytes, time.monotonic()
        with self.lock:
            return [id_ for id_, buffer in self._open.items() if buffer.bytes >= most or buffer.due <= now]

    def all(self) -> list[int]:
        """Every open buffer."""
        with self.lock:
            return list(self._open)

    def held(self) -> int:
        """Bytes in open buffers."""
        with self.lock:
            return sum(buffer.bytes for buffer in self._open.values())

    def seals(self, ids: Iterable[int]) -> list[Sealed]:
        """Close those of these buffers that are open, and name their objects. Hold `lock` until submitted."""
        sealed = []
        for id_ in ids:
            buffer = self._open.pop(id_, None)
            if buffer is None:
                continue
            if buffer.slot is not None and self._slots.get(buffer.slot) == id_:
                del self._slots[buffer.slot]
            sealed.append(Sealed(buffer.row, make_seal(buffer.row, self._files), buffer.bytes))
        return sealed

    def _find(self, group: Group) -> _Open | None:
        id_ = self._slots.get(group.slot)
        if id_ is not None:
            return self._open[id_]
        for id_, buffer in self._open.items():
            if (
                buffer.slot is None
                and buffer.row.kind == group.slot.kind
                and buffer.row.prefix == self._prefix(group.slot, buffer.row.opened)
            ):
                buffer.slot = group.slot
                self._slots[group.slot] = id_
                return buffer
        return None

    def _make(self, group: Group) -> _Open:
        row = self._row(self._store.new_buffer(), group)
        buffer = self._open[row.id] = _Open(row, 0, group.slot, self._due(0))
        self._slots[group.slot] = row.id
        return buffer

    def _row(self, id_: int, group: Group) -> BufferRow:
        return BufferRow(
            id=id_,
            delivery=self._target.delivery,
            kind=group.slot.kind,
            bucket=self._target.bucket,
            prefix=self._prefix(group.slot, group.arrival),
            opened=group.arrival,
            since=now_us(),
            meta=group.meta,
        )

    def _prefix(self, slot: Slot, opened: int) -> str:
        if slot.kind == ERROR:
            prefix = self._target.errors.resolve(opened, error=slot.mapping()["type"])
            # Below the data, the object's own name begins with _: as in Hive, tables pass over it.
            return prefix + "_" if prefix.startswith(self._target.location) else prefix
        return self._target.data.resolve(opened, slot.mapping()) + slot.folders
