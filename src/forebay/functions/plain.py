"""A plain function of one event as a transform: batched, and only the event that breaks it fails."""

from __future__ import annotations

from collections.abc import Iterator

from forebay.functions.job import Job, cuts
from forebay.functions.pool import Invocation, LoadFailed, Pool
from forebay.functions.process import OutOfMemory, TimedOut
from forebay.ports import Outcome

EVENTS = 4096
BYTES = 4 << 20
"""What goes to a worker at once: enough to hide the round trip, little enough to do again after a crash."""

LOOK_FOR = 60.0
"""Seconds (or ten timeouts) for which a batch goes on after a worker's death; so it is with 128 deaths."""


class PlainPolicy:
    """How batches are cut, and how the event is found that killed a worker.

    A worker notes the index of the event under way in memory that outlives it. One that hung is to
    blame at once. One during which the process died or passed its memory may have suffered for
    others (a leak): it is blamed if a new process dies of it too. The rest is done again.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def slices(self, job: Job) -> Iterator[tuple[int, int]]:
        """Pieces of bounded count and size."""
        return cuts(job.records, 0, len(job.records), EVENTS, BYTES)

    def run(self, job: Job, low: int, high: int) -> None:
        """Decide the records from `low` to `high`."""
        todo = [(low, high, False)]
        while todo:
            low, high, fresh = todo.pop()
            if low == high:
                continue
            try:
                answer, data = self._pool.invoke(
                    {}, job.blob(low, high), records=high - low, fresh=fresh, progress=True
                )
            except LoadFailed as failed:
                job.fail(low, high, "Function.ImportError", str(failed))
            except Invocation as failed:
                todo += reversed(self._after(job, low, high, failed))
                if not job.may_go_on(max(LOOK_FOR, 10 * self._pool.code.timeout)):
                    code, reason = _named(failed)
                    for first, last, _ in todo:
                        job.fail(first, last, code, f"given up with its batch: {reason}, again and again")
                    return
            else:
                job.done(low, high, answer, data)

    def outcome(self, job: Job) -> Outcome:
        """What became of the batch."""
        return job.lines()

    def _after(self, job: Job, low: int, high: int, failed: Invocation) -> list[tuple[int, int, bool]]:
        """What is left to do after a worker's death."""
        code, reason = _named(failed)
        if failed.died.index is None:  # not during an event: after a fork, say, or while it decoded
            if high - low == 1 and failed.fresh:
                job.fail(low, high, code, reason)
                return []
            if failed.fresh:
                middle = (low + high) // 2
                return [(low, middle, True), (middle, high, True)]
            return [(low, high, True)]
        at = min(low + failed.died.index, high - 1)
        if isinstance(failed.died, TimedOut) or (at == low and failed.fresh):
            job.fail(at, at + 1, code, reason)
            return [(low, at, False), (at + 1, high, False)]
        return [(low, at, False), (at, high, True)]


def _named(failed: Invocation) -> tuple[str, str]:
    match failed.died:
        case TimedOut():
            return "Function.Timeout", f"the function {failed.died.reason}"
        case OutOfMemory():
            return "Function.OutOfMemory", f"the function {failed.died.reason}"
    return "Function.Crashed", f"the function's process {failed.died.reason}"
