"""Events of a log as a table `raw`: `j` (the JSON as it came), `__row` (offset), `__shard`, `__arrival` (microseconds).

Batches of a log are already columns, so no event becomes an object of Python's on its way.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from forebay.event import Batch, split_records
from forebay.streamsql.arrow import Array, pc

PIECE = 16_384
"""So many events are read by one thread at a time."""
LARGE = 2048
"""Batches of fewer events are put together to so many."""
_SCHEMA: pa.Schema = pa.schema(
    {"j": pa.string(), **dict.fromkeys(("__row", "__shard", "__arrival"), pa.int64())}  # type: ignore[arg-type]
)


def table(
    data: Array, rows: Sequence[int] | Array, shards: Sequence[int], arrivals: Sequence[int]
) -> pa.Table:
    """`raw` of these columns; `data` is of bytes."""
    # Whether it is UTF-8 is seen where it is read as JSON.
    text = data.cast(pa.string(), safe=False)
    made = pa.table([text, _ints(rows), _ints(shards), _ints(arrivals)], schema=_SCHEMA)
    return pa.Table.from_batches(made.to_batches(max_chunksize=PIECE), _SCHEMA)


def of_batches(batches: Sequence[Batch], first: int, end: int | None = None) -> pa.Table:
    """`raw` of the events from offset `first` on, and before `end`."""
    pieces = []
    small: list[Part] = []
    for batch in batches:
        low = max(first, batch.offset)
        high = batch.end if end is None else min(batch.end, end)
        if low >= high:
            continue
        if low == batch.offset and high == batch.end and batch.n >= LARGE:
            if small:
                pieces.append(_joined(small))
                small = []
            pieces.append(_large(batch))
            continue
        columns = batch.columns(keys=False)
        lengths, data = columns.lengths, columns.data
        if high - low < batch.n:
            lengths = columns.lengths[low - batch.offset : high - batch.offset]
            begin = sum(columns.lengths[: low - batch.offset])
            data = data[begin : begin + sum(lengths)]
        small.append(Part(low, batch.shard, batch.arrival, lengths, data))
        if sum(len(each.lengths) for each in small) >= LARGE:
            pieces.append(_joined(small))
            small = []
    if small:
        pieces.append(_joined(small))
    return pa.Table.from_batches(pieces, _SCHEMA)


def _large(batch: Batch) -> pa.RecordBatch:
    """A whole batch, its events where they lie in its blob."""
    lengths, data = split_records(batch.blob)
    sizes = pa.Array.from_buffers(pa.uint32(), len(lengths) // 4, [None, pa.py_buffer(lengths)])
    if pc.sum(sizes).as_py() != len(data):
        batch.columns()  # says what is wrong with it
    shard, arrival = (
        pa.repeat(pa.scalar(each, pa.int64()), batch.n) for each in (batch.shard, batch.arrival)
    )
    rows = _range(batch.offset, batch.end)
    return pa.RecordBatch.from_arrays([_texts(data, sizes), rows, shard, arrival], schema=_SCHEMA)


@dataclass(slots=True)
class Part:
    """Some events of a batch, from offset `low` on."""

    low: int
    shard: int
    arrival: int
    lengths: array[int]
    data: memoryview


def _joined(parts: Sequence[Part]) -> pa.RecordBatch:
    """Parts as one piece."""
    lengths, rows = array("I"), array("q")
    shard, arrival = array("q"), array("q")
    for part in parts:
        count = len(part.lengths)
        lengths.extend(part.lengths)
        rows.extend(range(part.low, part.low + count))
        shard.extend(array("q", (part.shard,)) * count)
        arrival.extend(array("q", (part.arrival,)) * count)
    data = b"".join(part.data for part in parts)
    return pa.RecordBatch.from_arrays(
        [_cut(data, lengths), _ints(rows), _ints(shard), _ints(arrival)], schema=_SCHEMA
    )


def _range(low: int, high: int) -> Array:
    return pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), high - low), start=low - 1)


def _cut(data: bytes | memoryview, lengths: array[int]) -> Array:
    """The texts that lie end to end, each by itself."""
    return _texts(data, pa.Array.from_buffers(pa.uint32(), len(lengths), [None, pa.py_buffer(lengths)]))


def _texts(data: bytes | memoryview, sizes: Array) -> Array:
    ends = pc.cumulative_sum(pc.cast(sizes, pa.int32()))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    return pa.Array.from_buffers(pa.string(), len(sizes), [None, offsets.buffers()[1], pa.py_buffer(data)])


def _ints(values: Sequence[int] | Array) -> Array:
    if isinstance(values, pa.Array):
        return values
    if isinstance(values, array):
        return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(values)])
    return pa.array(values, pa.int64())
