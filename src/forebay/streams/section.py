"""The `streams` section: durable ordered logs."""

from __future__ import annotations

from typing import Annotated

from forebay.project.field import WAS, Field
from forebay.project.model import Spec
from forebay.project.section import Section


class StreamSpec(Spec, frozen=True, kw_only=True):
    """A durable ordered log."""

    shards: Annotated[
        int,
        Field(
            "Order is kept within a shard; the partition key chooses it. A change splits or merges shards.",
            minimum=1,
            maximum=1000,
        ),
    ] = 1
    retention: Annotated[
        float,
        Field(
            "How long an event is kept at least. One that a declared consumer has not read yet stays longer.",
            example="24h",
            kind="duration",
            minimum=1,
        ),
    ] = 86400.0
    key: Annotated[
        str | None,
        Field(
            "The field whose value is the partition key. Otherwise events are spread evenly.",
            example="user_id",
        ),
    ] = None
    throttled: Annotated[
        bool,
        Field(
            "Hold Kinesis's clients to a shard's limits on AWS: 1 MiB and 1,000 records a second in, 2 MiB and "
            "5 calls out."
        ),
    ] = False
    was: Annotated[str | None, WAS] = None


SECTION = Section(
    noun="streams",
    title="Streams",
    doc=(
        "Each entry is a log: events are appended durably, kept in order, and read by any number of consumers "
        "with positions of their own."
    ),
    example="""\
activity: {shards: 4, retention: 24h, key: category_id}
suspicious: {}
""",
    spec=StreamSpec,
    holds=lambda _: True,
    log=lambda _: True,
)
