"""What flows: batches of events, as columns rather than as a row per event.

A `Batch` is one row of a log: one group commit of one shard. Its events share shard and arrival;
their log offsets are consecutive, and the offset is the sequence number. An event's id is
(log, shard, offset).

Blob format 1, all integers little-endian:

    byte 0      format version (1)
    byte 1      flags: bit 0 set if partition keys follow
    2..6        n, the number of records (uint32)
    then        n record lengths (uint32 each)
    with keys   n key lengths (uint32 each), then the keys, concatenated
    then        the records, concatenated
"""

from __future__ import annotations

import itertools
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from forebay.errors import ForebayError

FORMAT = 1
_HEAD = struct.Struct("<BBI")
_HAS_KEYS = 1


def _lengths(items: Sequence[bytes]) -> bytes:
    return _written(array("I", map(len, items)))


def _written(lengths: array[int]) -> bytes:
    if sys.byteorder == "big":  # the format is little-endian wherever it is written
        lengths = lengths[:]
        lengths.byteswap()
    return lengths.tobytes()


def encode_records(records: Sequence[bytes], keys: Sequence[bytes] | None = None) -> bytes:
    """The blob (format 1) for `records`; `keys`, if given, has one partition key per record."""
    if keys is not None and len(keys) != len(records):
        raise ValueError(f"{len(keys)} keys for {len(records)} records")
    if keys is None and isinstance(records, Records):
        return records.blob()
    head = _HEAD.pack(FORMAT, _HAS_KEYS if keys is not None else 0, len(records))
    parts = [head, _lengths(records)]
    if keys is not None:
        parts += [_lengths(keys), *keys]
    return b"".join([*parts, *records])


@dataclass(frozen=True, slots=True)
class Columns:
    """A decoded blob. `data` holds all records end to end; record i is `data[ends[i-1]:ends[i]]`."""

    lengths: array[int]
    data: memoryview
    keys: list[bytes] | None

    def __len__(self) -> int:
        return len(self.lengths)

    def records(self) -> list[bytes]:
        """Every record as its own bytes."""
        return list(_cut(self.data, self.lengths))

    def after(self, n: int) -> Columns:
        """Without the first `n`."""
        keys = None if self.keys is None else self.keys[n:]
        return Columns(self.lengths[n:], self.data[sum(self.lengths[:n]) :], keys)


class Records(Sequence[bytes]):
    """The records of several blobs, one after another; each is made an object only when somebody asks for one.

    Who hands them on as they are (`encode_records`) does so by the blob.
    """

    def __init__(self, parts: Sequence[Columns]) -> None:
        self._parts = parts
        self._size = sum(map(len, parts))
        self._cut: list[bytes] | None = None

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        return self.cut()[index]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.cut())

    def cut(self) -> list[bytes]:
        """Every record as its own bytes; the same list each time."""
        if self._cut is None:
            self._cut = [record for part in self._parts for record in part.records()]
        return self._cut

    def full(self) -> bool:
        """Whether no record is empty, as `all` says."""
        return not any(0 in part.lengths for part in self._parts)

    def joined(self) -> bytes:
        """All records end to end."""
        return b"".join(part.data for part in self._parts)

    def blob(self) -> bytes:
        """Their blob (format 1), without keys."""
        head = _HEAD.pack(FORMAT, 0, self._size)
        lengths = (_written(part.lengths) for part in self._parts)
        return b"".join([head, *lengths, *(part.data for part in self._parts)])


def _cut(data: memoryview, lengths: array[int]) -> Iterator[bytes]:
    whole = bytes(data)
    ends = list(itertools.accumulate(lengths))
    starts = [0, *ends[:-1]] if ends else []
    return (whole[a:b] for a, b in zip(starts, ends, strict=True))


def decode_records(blob: bytes | memoryview, *, keys: bool = True) -> Columns:
    """Undo `encode_records`; with `keys` false the keys are passed over. Raises ForebayError (`LogCorrupt`, `LogTooNew`) on what it cannot read."""
    view = memoryview(blob)
    if len(view) < _HEAD.size:
        raise ForebayError("LogCorrupt", f"a blob of {len(view)} bytes is shorter than its header")
    version, flags, n = _HEAD.unpack_from(view)
    if version > FORMAT:
        raise ForebayError(
            "LogTooNew", f"blob format {version} was written by a newer forebay", fix="upgrade forebay"
        )
    at = _HEAD.size
    lengths = _take_lengths(view, at, n)
    at += 4 * n
    found: list[bytes] | None = None
    if flags & _HAS_KEYS:
        key_lengths = _take_lengths(view, at, n)
        at += 4 * n
        size = sum(key_lengths)
        if keys:
            found = list(_cut(view[at : at + size], key_lengths))
        at += size
    if len(view) - at != sum(lengths):
        raise ForebayError(
            "LogCorrupt", f"a blob holds {len(view) - at} bytes of records, its lengths say {sum(lengths)}"
        )
    return Columns(lengths, view[at:], found)


def split_records(blob: bytes | memoryview) -> tuple[memoryview, memoryview]:
    """A blob's record lengths (uint32 each, little-endian) and its records, where they lie; unchecked.

    For readers in columns: that the lengths add up to the records is theirs to see, where it is cheaper.
    Raises ForebayError as `decode_records` does for a header that it cannot read.
    """
    view = memoryview(blob)
    version, flags, n = _HEAD.unpack_from(view) if len(view) >= _HEAD.size else (0, 0, 0)
    if version != FORMAT or flags & _HAS_KEYS or len(view) < _HEAD.size + 4 * n:
        columns = decode_records(blob, keys=False)
        return memoryview(columns.lengths).cast("B"), columns.data
    return view[_HEAD.size : _HEAD.size + 4 * n], view[_HEAD.size + 4 * n :]


def _take_lengths(view: memoryview, at: int, n: int) -> array[int]:
    lengths = array("I")
    lengths.frombytes(view[at : at + 4 * n])
    if sys.byteorder == "big":
        lengths.byteswap()
    if len(lengths) != n:
        raise ForebayError("LogCorrupt", f"a blob ends inside its lengths ({len(lengths)} of {n})")
    return lengths


@dataclass(frozen=True, slots=True)
class Batch:
    """One row of a log: `n` events of one shard that were committed together.

    `offset` is the log offset (and sequence number) of the first, `arrival` the UTC microseconds
    stamped once for all of them. Offsets are dense over the whole log, all shards together, so a
    consumer's position is a single integer: the offset of the next event it has not consumed.
    """

    offset: int
    shard: int
    arrival: int
    n: int
    blob: bytes

    @property
    def end(self) -> int:
        """The offset after the last event."""
        return self.offset + self.n

    def columns(self, *, keys: bool = True) -> Columns:
        """The events, decoded; their keys only if they are wanted."""
        return decode_records(self.blob, keys=keys)
