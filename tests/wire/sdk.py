"""boto3 clients of a running system."""

from __future__ import annotations

from typing import Any

import boto3  # type: ignore[import-untyped, unused-ignore]
from botocore.config import Config

from tests.harness import System


def client(system: System, service: str, **config: Any) -> Any:
    """A client of the system's AWS port."""
    return boto3.client(
        service,
        endpoint_url=system.urls["aws"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 5}, **config),
    )
