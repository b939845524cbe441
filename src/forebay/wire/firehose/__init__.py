"""Data Firehose: delivery streams made over the wire are deliveries like the project's own; records put to them."""

from forebay.wire.firehose import records, streams
from forebay.wire.firehose.base import SERVICE

__all__ = ["SERVICE", "records", "streams"]
