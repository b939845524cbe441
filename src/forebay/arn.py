"""Amazon Resource Names, for the account and region that a local system answers as."""

from __future__ import annotations

import hashlib
import re

ACCOUNT = "000000000000"
CANONICAL_USER = hashlib.sha256(ACCOUNT.encode()).hexdigest()
"""Who owns every bucket and object, as S3 names accounts."""
REGION = "us-east-1"
_WHOLE = re.compile(r"arn:aws[a-z-]*:([a-z0-9-]+):[a-z0-9-]+:(\d{12}):(\S+)", re.ASCII)
_CONSUMER = re.compile(r"stream/([\w.-]+)/consumer/([\w.-]+):(\d+)", re.ASCII)


def arn(service: str, resource: str, *, region: str = REGION, account: str = ACCOUNT) -> str:
    """`arn:aws:<service>:<region>:<account>:<resource>`; S3 names have neither region nor account."""
    if service == "s3":
        return f"arn:aws:s3:::{resource}"
    return f"arn:aws:{service}:{region}:{account}:{resource}"


def resource_in(text: str, service: str) -> str:
    """`stream/orders` of an ARN of the service in this account, of any region; '' for what is no such ARN.

    What rights are asked for is the whole ARN, so what is acted on may not be a part that is found in it somewhere.
    """
    found = _WHOLE.fullmatch(text)
    return found[3] if found and found[1] == service and found[2] == ACCOUNT else ""


def name_in(text: str, service: str, kind: str) -> str:
    """The name in an ARN whose resource is `<kind><name>`; '' for what is no such ARN."""
    resource = resource_in(text, service)
    return resource.removeprefix(kind) if resource.startswith(kind) else ""


def consumer_in(text: str) -> tuple[str, str, str] | None:
    """(stream, consumer, seconds of its making) in the ARN of a stream's consumer."""
    found = _CONSUMER.fullmatch(resource_in(text, "kinesis"))
    return None if found is None else (found[1], found[2], found[3])
