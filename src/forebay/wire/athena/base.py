"""What Athena's operations share: the service, its documents, errors and pages."""

from __future__ import annotations

import time
from typing import Any

from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, Service

SERVICE = Service("athena", validation="InvalidRequestException")
SERVICE.sees_objects = True

EXECUTION = "athena.execution"
GROUP = "athena.workgroup"
NAMED = "athena.named"
PREPARED = "athena.prepared"
TOKEN = "athena.token"  # noqa: S105 - a kind of document

PRIMARY = "primary"
DEFAULT_BUCKET = "athena-results"
ENGINE = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}


def invalid(message: str) -> AwsError:
    """InvalidRequestException."""
    return AwsError("InvalidRequestException", message, http=400)


def now() -> float:
    """UTC seconds, to the millisecond."""
    return round(time.time(), 3)


def group_of(asked: Asked, name: str | None) -> Json:
    """A work group's document. Raises AwsError where there is none."""
    found = asked.system.documents.get(GROUP, name or PRIMARY)
    if found is not None:
        return found
    if (name or PRIMARY) == PRIMARY:
        return {
            "Name": PRIMARY,
            "State": "ENABLED",
            "Description": "",
            "CreationTime": 0,
            "Configuration": {
                "ResultConfiguration": {"OutputLocation": f"s3://{DEFAULT_BUCKET}/"},
                "EnforceWorkGroupConfiguration": False,
                "PublishCloudWatchMetricsEnabled": False,
                "RequesterPaysEnabled": False,
                "EngineVersion": ENGINE,
            },
        }
    raise invalid(f"WorkGroup {name} is not found.")


def page(items: list[Any], given: Json, most: int) -> tuple[list[Any], Json]:
    """A page of `items` after the token, and the answer's `NextToken` where more follow."""
    token = given.get("NextToken")
    if token is not None and not (token.isdecimal() and len(token) < 19):
        raise invalid("NextToken is not valid")
    start = int(token or 0)
    size = int(given.get("MaxResults") or most)
    more = {"NextToken": str(start + size)} if start + size < len(items) else {}
    return items[start : start + size], more


def split_url(url: str) -> tuple[str, str]:
    """`s3://bucket/prefix` → (bucket, prefix with a slash, or ''). Raises AwsError."""
    if not url.startswith("s3://") or len(url) < 6:
        raise invalid("outputLocation is not a valid S3 path.")
    bucket, _, prefix = url[5:].partition("/")
    return bucket, prefix if not prefix or prefix.endswith("/") else prefix + "/"
