"""CloudWatch Logs: groups, streams and events; functions' logs among them."""

from forebay.wire.logs import events, groups, insights, streams, tags
from forebay.wire.logs.base import SERVICE

__all__ = ["SERVICE", "events", "groups", "insights", "streams", "tags"]
