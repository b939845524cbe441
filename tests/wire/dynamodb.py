"""What the tests of DynamoDB share: tables of a test's own."""

from __future__ import annotations

import uuid
from typing import Any

import boto3  # type: ignore[import-untyped, unused-ignore]

KEYS = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
    ],
    "BillingMode": "PAY_PER_REQUEST",
}
"""A table of `pk` (text) and `sk` (numbers)."""


def resource(client: Any) -> Any:
    """The boto3 resource beside a client."""
    keys = client._request_signer._credentials
    return boto3.resource(
        "dynamodb",
        endpoint_url=client.meta.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
    )


def made(client: Any, **more: Any) -> str:
    """The name of a new table."""
    name: str = more.get("TableName") or f"table-{uuid.uuid4().hex[:8]}"
    client.create_table(**{**KEYS, **more, "TableName": name})
    return name
