"""Athena: queries started, followed and read; their results as objects; work groups, named queries, metadata."""

from forebay.wire.athena import executions, groups, metadata, named, results
from forebay.wire.athena.base import SERVICE

__all__ = ["SERVICE", "executions", "groups", "metadata", "named", "results"]
