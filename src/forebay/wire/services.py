"""Every service that forebay offers on the wire, and the module that has its operations."""

from __future__ import annotations

MODULES: dict[str, str] = {
    "firehose": "forebay.wire.firehose",
    "athena": "forebay.wire.athena",
    "glue": "forebay.wire.glue",
    "kinesis": "forebay.wire.kinesis",
    "lambda": "forebay.wire.awslambda",
    "logs": "forebay.wire.logs",
    "s3": "forebay.wire.s3",
}
