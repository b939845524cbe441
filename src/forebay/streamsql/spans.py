"""The shards of a log as a query sees them; light, as the flow needs it where there is no query, too."""

from __future__ import annotations

from dataclasses import dataclass

NEVER = -(1 << 62)


@dataclass(frozen=True, slots=True)
class ShardSpan:
    """A shard takes events from offset `first` on, and once closed none from `closed` on."""

    number: int
    first: int = 0
    closed: int | None = None
