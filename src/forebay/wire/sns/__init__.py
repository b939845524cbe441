"""SNS: topics, who is subscribed to them, and what is published."""

from __future__ import annotations

from forebay.wire.sns import confirm, permissions, publish, subscriptions, tags, topics
from forebay.wire.sns.base import SERVICE

__all__ = ["SERVICE", "confirm", "permissions", "publish", "subscriptions", "tags", "topics"]
