"""A shard's limits on AWS, for streams that ask to be held to them (`throttled`).

Writers: 1,000 records and 1 MiB a second and shard; readers: 5 calls and 2 MiB. Whoever tests how his code
takes ProvisionedThroughputExceededException wants them; nobody else does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from forebay.telemetry.metric_rows import Metric
from forebay.wire.kinesis.base import MIB, Stream, shard_id
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked

CODE = "ProvisionedThroughputExceededException"
RECORDS, WRITTEN = 1000, MIB
CALLS, READ = 5, 2 * MIB
TAG = "forebay:throttled"
"""With the value `true` it asks for the limits, on a stream that is made over the wire."""


class Second:
    """What was used of two budgets within the present second; taken only if both have room."""

    def __init__(self, calls: int, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = (calls, size)
        self._clock = clock
        self._second = -1
        self._used = [0, 0]

    def take(self, size: int) -> bool:
        """Whether there is room for one more of `size` bytes."""
        if self._second != (now := int(self._clock())):
            self._second, self._used = now, [0, 0]
        if self._used[0] + 1 > self._most[0] or self._used[1] + size > self._most[1]:
            return False
        self._used[0] += 1
        self._used[1] += size
        return True

    def add(self, size: int) -> None:
        """Count bytes that were only known afterwards."""
        self._used[1] += size


_writers: dict[tuple[str, int], Second] = {}
_readers: dict[tuple[str, int], Second] = {}


def exceeded(asked: Asked, name: str, shard: int) -> AwsError:
    """The refusal, in Kinesis's words."""
    kind = "Read" if asked.operation == "GetRecords" else "Write"
    metric = Metric.of("AWS/Kinesis", f"{kind}ProvisionedThroughputExceeded", {"StreamName": name})
    asked.system.meter.count(metric)
    where = f"shard {shard_id(shard)} in stream {name} under account {asked.account}"
    return AwsError(CODE, f"Rate exceeded for {where}.")


def admit(
    found: Stream, keys: Sequence[bytes], sizes: Sequence[int], hashes: Mapping[int, bytes]
) -> list[int]:
    """For each record -1, or the number of the shard that takes no more of it in this second."""
    path, shards = str(found.log.path), found.log.map
    refused = []
    for index, size in enumerate(sizes):
        shard = shards.of_hash(hashes[index]) if index in hashes else shards.of_key(keys[index])
        budget = _writers.setdefault((path, shard), Second(RECORDS, WRITTEN))
        refused.append(-1 if budget.take(size) else shard)
    return refused


def admit_read(asked: Asked, found: Stream, shard: int) -> Second:
    """Room for one more GetRecords; to be told its bytes. Raises ProvisionedThroughputExceededException."""
    budget = _readers.setdefault((str(found.log.path), shard), Second(CALLS, READ))
    if not budget.take(0):
        raise exceeded(asked, found.name, shard)
    return budget
