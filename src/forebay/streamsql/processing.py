"""Processing time: when an event arrived, as the log says, so that reading it again gives the same windows.

Over all shards it never goes back: an event that was stamped before one that stands in front of it has that one's
time. No event is late.
"""

from __future__ import annotations

import pyarrow as pa

from forebay.streamsql.arrow import Array, pc, whole
from forebay.streamsql.marks import Marks, shifted

GRACE_MS = 2000
"""How long after a moment the clock counts it as passed where no event comes: what was stamped before is there."""


def clocked(chunk: pa.Table, column: str, marks: Marks) -> tuple[pa.Table, Array]:
    """`chunk` with processing time as `__ts` and in `column`, and the watermark before each event; `marks` go on."""
    arrived = pc.divide(whole(chunk.column("__arrival")), 1000)
    times = pc.cumulative_max(pc.max_element_wise(arrived, pa.scalar(marks.now + 1, pa.int64())))
    passed = pc.subtract(times, 1)
    before = shifted(passed, marks.now)
    marks.now = passed[-1].as_py()
    shown = pc.multiply(times, 1000).cast(pa.timestamp("us"))
    for name, values in (("__ts", times), (column, shown)):
        chunk = chunk.set_column(chunk.column_names.index(name), name, values)
    return chunk, before
