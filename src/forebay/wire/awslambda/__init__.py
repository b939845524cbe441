"""Lambda on the wire: functions and their versions, calls, event source mappings, permissions, settings."""

from __future__ import annotations

from forebay.wire.awslambda import aliases, functions, invoke, mappings, policy, settings, tags, versions
from forebay.wire.awslambda.base import SERVICE

__all__ = ["SERVICE", "aliases", "functions", "invoke", "mappings", "policy", "settings", "tags", "versions"]
