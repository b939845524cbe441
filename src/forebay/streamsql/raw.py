"""Events of a log as a table `raw`: `j` (the JSON, UTF-8), `__row` (offset), `__shard`, `__arrival` (microseconds).

Batches of a log are already columns, so no event becomes an object of Python's on its way.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import pyarrow as pa

from forebay.event import Batch
from forebay.streamsql.arrow import Array, pc

PIECE = 16_384
"""So many events are read by one thread at a time."""


def table(
    data: Array, rows: Sequence[int] | Array, shards: Sequence[int], arrivals: Sequence[int]
) -> pa.Table:
    """`raw` of these columns; `data` is of bytes."""
    made = pa.table(
        {
            "j": _text(data),
            "__row": _ints(rows),
            "__shard": _ints(shards),
            "__arrival": _ints(arrivals),
        }
    )
    return pa.Table.from_batches(made.to_batches(max_chunksize=PIECE), made.schema)


def of_batches(batches: Sequence[Batch], first: int, end: int | None = None) -> pa.Table:
    """`raw` of the events from offset `first` on, and before `end`."""
    lengths, pieces = array("I"), []
    shards, arrivals = array("q"), array("q")
    runs: list[tuple[int, int]] = []
    for batch in batches:
        low = max(first, batch.offset)
        high = batch.end if end is None else min(batch.end, end)
        if low >= high:
            continue
        columns = batch.columns(keys=False)
        own, data = columns.lengths, columns.data
        if high - low < batch.n:
            own = columns.lengths[low - batch.offset : high - batch.offset]
            begin = sum(columns.lengths[: low - batch.offset])
            data = data[begin : begin + sum(own)]
        pieces.append(data)
        lengths.extend(own)
        shards.extend(array("q", (batch.shard,)) * len(own))
        arrivals.extend(array("q", (batch.arrival,)) * len(own))
        if runs and runs[-1][1] == low:
            runs[-1] = (runs[-1][0], high)
        else:
            runs.append((low, high))
    rows = pa.concat_arrays([_range(low, high) for low, high in runs] or [pa.array([], pa.int64())])
    return table(_cut(b"".join(pieces), lengths), rows, shards, arrivals)


def _range(low: int, high: int) -> Array:
    return pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), high - low), start=low - 1)


def _cut(data: bytes, lengths: array[int]) -> Array:
    """The bytes that lie end to end, each by itself."""
    sizes = pa.Array.from_buffers(pa.uint32(), len(lengths), [None, pa.py_buffer(lengths)])
    ends = pc.cumulative_sum(pc.cast(sizes, pa.int32()))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    return pa.Array.from_buffers(pa.binary(), len(lengths), [None, offsets.buffers()[1], pa.py_buffer(data)])


def _text(data: Array) -> Array:
    try:
        return data.cast(pa.string())
    except pa.ArrowInvalid:  # what is no UTF-8 is no JSON either
        return pa.array([_readable(each) for each in data.to_pylist()], pa.string())


def _readable(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return ""


def _ints(values: Sequence[int] | Array) -> Array:
    if isinstance(values, pa.Array):
        return values
    if isinstance(values, array):
        return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(values)])
    return pa.array(values, pa.int64())
