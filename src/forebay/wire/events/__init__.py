"""EventBridge: buses, rules and their targets, events in, archives and replays, schedules."""

from __future__ import annotations

from forebay.wire.events import archives, buses, connections, patterns, put, replays, rules, tags, targets
from forebay.wire.events.base import SERVICE

__all__ = [
    "SERVICE",
    "archives",
    "buses",
    "connections",
    "patterns",
    "put",
    "replays",
    "rules",
    "tags",
    "targets",
]
