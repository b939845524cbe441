"""A Lambda handler as a transform: Firehose's contract and retries, then halves until the culprits are found."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any

from forebay.arn import arn
from forebay.functions import shapes
from forebay.functions.job import Job, cuts
from forebay.functions.pool import Invocation, LoadFailed, Pool
from forebay.functions.process import OutOfMemory, TimedOut
from forebay.ports import Outcome

BACKOFF = 0.05
"""Seconds before the first retry; doubled for each further one."""

LOOK_FOR = 60.0
"""Seconds that halving a failed batch may take. AWS fails the whole batch at once."""


class LambdaPolicy:
    """How batches are cut, retried and given up.

    AWS retries three times and then skips the batch. So do we, except that within `LOOK_FOR` seconds
    we halve it first, so that one poisonous record does not take thousands along.
    """

    def __init__(self, pool: Pool, retries: int) -> None:
        self._pool = pool
        self._retries = retries

    def slices(self, job: Job) -> Iterator[tuple[int, int]]:
        """As AWS: at most 1 MiB of records of one log, which is far below what Lambda's request holds."""
        low = 0
        for _, run in groupby(job.origins, attrgetter("log")):
            end = low + sum(1 for _ in run)
            yield from cuts(job.records, low, end, shapes.INVOCATION_RECORDS, shapes.INVOCATION_RAW)
            low = end

    def run(self, job: Job, low: int, high: int) -> None:
        """Decide the records from `low` to `high`."""
        if high - low == 1 and shapes.payload_size(len(job.records[low])) > shapes.PAYLOAD:
            reason = f"a record of {len(job.records[low])} bytes is more than Lambda's request of 6 MiB holds"
            job.fail(low, high, "Lambda.RequestTooLarge", reason)
            return
        self._decide(job, low, high, 1 + self._retries)

    def outcome(self, job: Job) -> Outcome:
        """What became of the batch."""
        return job.lines()

    def _decide(self, job: Job, low: int, high: int, tries: int) -> None:
        code, reason = "", ""
        attempt = 0
        while attempt < tries:
            if attempt:
                self._pool.stop.wait(BACKOFF * 2 ** (attempt - 1))
            attempt += 1
            try:
                answer, data = self._pool.invoke(
                    self._head(job, low, high), job.blob(low, high), records=high - low
                )
            except LoadFailed as failed:
                job.fail(low, high, "Lambda.FunctionError", str(failed))
                return
            except Invocation as failed:
                code, reason = _named(failed)
                if not failed.fresh and attempt == tries:
                    tries += 1  # perhaps what earlier batches left behind: once more, in a new process
                continue
            if answer.error is None:
                if answer.unknown:
                    job.warnings["the handler returned recordIds that were not sent; they are ignored"] = None
                job.done(low, high, answer, data)
                return
            code, reason = answer.error
        if high - low > 1 and job.may_bisect(LOOK_FOR):
            middle = (low + high) // 2
            self._decide(job, low, middle, 1)
            self._decide(job, middle, high, 1)
        else:
            job.fail(low, high, code, reason)

    def _head(self, job: Job, low: int, high: int) -> dict[str, Any]:
        origins = job.origins[low:high]
        log = origins[0].log
        head: dict[str, Any] = {
            # The id is made of log and offset: the same on a retry, unique as long as the log lives.
            "prefix": f"{zlib.crc32(log.encode()):010d}",
            "offsets": [origin.offset for origin in origins],
            "arrivals": [origin.arrival // 1000 for origin in origins],
        }
        if log.startswith("streams."):
            head["stream"] = {
                "arn": arn("kinesis", f"stream/{log.removeprefix('streams.')}"),
                "shards": [origin.shard for origin in origins],
                "keys": [(origin.key or b"").decode("utf-8", "replace") for origin in origins],
            }
        return head


def _named(failed: Invocation) -> tuple[str, str]:
    match failed.died:
        case TimedOut():
            return "Lambda.InvokeTimeout", f"the function {failed.died.reason}"
        case OutOfMemory():
            return "Function.OutOfMemory", f"the function {failed.died.reason}"
    return "Lambda.FunctionError", f"Runtime.ExitError: the function's process {failed.died.reason}"
