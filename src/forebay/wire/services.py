"""Every service that forebay offers on the wire, and the module that has its operations."""

from __future__ import annotations

MODULES: dict[str, str] = {
    "firehose": "forebay.wire.firehose",
    "events": "forebay.wire.events",
    "athena": "forebay.wire.athena",
    "glue": "forebay.wire.glue",
    "lambda": "forebay.wire.awslambda",
    "kinesis": "forebay.wire.kinesis",
    "logs": "forebay.wire.logs",
    "s3": "forebay.wire.s3",
    "iam": "forebay.wire.iam",
    "sts": "forebay.wire.sts",
    "dynamodb": "forebay.wire.dynamodb",
    "sns": "forebay.wire.sns",
    "cloudwatch": "forebay.wire.cloudwatch",
}
