"""What the Data Firehose tests share: their project, what was delivered, and what was refused."""

from __future__ import annotations

import contextlib
import gzip
from typing import Any

from tests.harness import System
from tests.wire.s3 import read
from tests.wire.sdk import client, failure

PROJECT = """\
name: shop
delivery:
  own: {to: lake.shop/own/, compression: gzip}
functions:
  shout: functions/shout.handler
lake:
  landing: {}
"""
FUNCTION = """\
import base64
import contextlib

def handler(event, context):
    out = []
    for record in event["records"]:
        data = base64.b64decode(record["data"]).upper() + b"\\n"
        out.append({"recordId": record["recordId"], "result": "Ok", "data": base64.b64encode(data).decode()})
    return {"records": out}
"""
S3 = {"RoleARN": "arn:aws:iam::000000000000:role/firehose", "BucketARN": "arn:aws:s3:::landing"}


def delivered(system: System, name: str, prefix: str | None = None) -> bytes:
    """Flush, and what its objects under `prefix` (or its name) hold, decompressed and joined in order."""
    system.flush(name)
    with contextlib.closing(client(system, "s3")) as s3:
        found = s3.list_objects_v2(Bucket="landing", Prefix=f"{prefix or name}/").get("Contents", [])
        bodies = [read(s3, "landing", key) for key in sorted(item["Key"] for item in found)]
    return b"".join(gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body for body in bodies)


def refused(call: Any, **arguments: Any) -> tuple[str, str]:
    """The code and message of the error that a call raises."""
    error = failure(call, **arguments)["Error"]
    return error["Code"], error["Message"]
