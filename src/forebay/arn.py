"""Amazon Resource Names, for the account and region that a local system answers as."""

from __future__ import annotations

import hashlib

ACCOUNT = "000000000000"
CANONICAL_USER = hashlib.sha256(ACCOUNT.encode()).hexdigest()
"""Who owns every bucket and object, as S3 names accounts."""
REGION = "us-east-1"


def arn(service: str, resource: str, *, region: str = REGION, account: str = ACCOUNT) -> str:
    """`arn:aws:<service>:<region>:<account>:<resource>`; S3 names have neither region nor account."""
    if service == "s3":
        return f"arn:aws:s3:::{resource}"
    return f"arn:aws:{service}:{region}:{account}:{resource}"
