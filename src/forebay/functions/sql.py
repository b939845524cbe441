"""A SQL transform, seen from forebay: columns out instead of lines, and the same bounds as for Python."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from forebay.functions.job import LOST, Job, cuts
from forebay.functions.pool import Invocation, LoadFailed, Pool
from forebay.functions.process import Answer, OutOfMemory, TimedOut
from forebay.functions.tables import join
from forebay.ports import Outcome, Table

BYTES = 8 << 20
EVENTS = 25_000
"""What goes to the worker at once. Large: types are inferred per piece, and one type a batch is best."""

ENGINE = 64 << 20
"""Bytes that the engine itself takes beside what a transform's `memory` grants."""

LOOK_FOR = 60.0
"""Seconds that halving a batch which kills the engine may take."""


class SqlPolicy:
    """Whole batches; halves only where the engine itself dies, hangs or runs out of memory."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def slices(self, job: Job) -> Iterator[tuple[int, int]]:
        """Pieces of bounded count and size."""
        return cuts(job.records, 0, len(job.records), EVENTS, BYTES)

    def run(self, job: Job, low: int, high: int) -> None:
        """Decide the records from `low` to `high`."""
        try:
            answer, data = self._pool.invoke({}, job.blob(low, high), records=high - low)
        except LoadFailed as failed:
            job.fail(low, high, "SQL.Error", str(failed))
        except Invocation as failed:
            if not failed.fresh:
                self.run(job, low, high)
            elif high - low > 1 and job.may_bisect(LOOK_FOR):
                middle = (low + high) // 2
                self.run(job, low, middle)
                self.run(job, middle, high)
            else:
                job.fail(low, high, *_named(failed))
        else:
            self._done(job, low, high, answer, data)

    def _done(self, job: Job, low: int, high: int, answer: Answer, data: bytes) -> None:
        with pa.ipc.open_stream(data) as stream:
            rows = stream.read_all()
        source = [low + i for i in answer.source or ()]
        if len(source) != rows.num_rows:
            job.fail(low, high, LOST, f"the worker sent {rows.num_rows} rows for {len(source)} events")
        elif job.verdicts(low, high, answer):
            with job.lock:
                job.tables.append((low, rows, source))

    def outcome(self, job: Job) -> Outcome:
        """What became of the batch."""
        pieces = sorted(job.tables, key=lambda piece: piece[0])
        source = [i for _, _, sources in pieces for i in sources]
        return job.outcome(Table(join([rows for _, rows, _ in pieces]), source))


def _named(failed: Invocation) -> tuple[str, str]:
    match failed.died:
        case TimedOut():
            return "Function.Timeout", f"the SQL {failed.died.reason}"
        case OutOfMemory():
            return "Function.OutOfMemory", f"the SQL {failed.died.reason}"
    return "Function.Crashed", f"the SQL engine's process {failed.died.reason}"
