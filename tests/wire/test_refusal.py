"""What the AWS port does not offer it refuses with 501, in the caller's protocol, naming the operation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from forebay.access.guard import Guard
from forebay.runtime.system import System
from forebay.wire.app import HEALTH, WireApp
from tests.ingest.server import Client, served
from tests.wire.sdk import client_at


@pytest.fixture(scope="module")
def port() -> Iterator[Client]:
    # No operation asked here is offered, so nothing is asked of the system.
    with served(lambda: WireApp(Guard(), cast("System", None))) as client:
        yield client


def sdk(port: Client, service: str, **config: Any) -> Any:
    return client_at(f"http://localhost:{port.port}", service, retries=0, **config)


CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("kinesis", "DescribeAccountSettings", {}),
    ("dynamodb", "ExecuteStatement", {"Statement": "SELECT * FROM t"}),
    ("events", "ListEndpoints", {}),
    ("athena", "ListCapacityReservations", {}),
    ("glue", "ListSessions", {}),
    ("logs", "ListAnomalies", {}),
    ("sns", "ListPlatformApplications", {}),
    ("sts", "DecodeAuthorizationMessage", {"EncodedMessage": "m"}),
    ("iam", "ListSAMLProviders", {}),
    ("cloudwatch", "PutDashboard", {"DashboardName": "n", "DashboardBody": "{}"}),
    ("lambda", "ListCodeSigningConfigs", {}),
    ("s3", "GetObjectTorrent", {"Bucket": "shop", "Key": "raw/a.csv"}),
    ("s3", "GetBucketMetadataConfiguration", {"Bucket": "shop"}),
    ("s3", "GetBucketAbac", {"Bucket": "shop"}),
    ("sqs", "ListQueues", {}),
    ("stepfunctions", "ListStateMachines", {}),
]


@pytest.mark.parametrize(("service", "operation", "arguments"), CALLS, ids=lambda each: str(each)[:25])
def test_a_real_client_sees_501_and_the_name_of_the_operation(
    port: Client, service: str, operation: str, arguments: dict[str, Any]
) -> None:
    client = sdk(port, service)
    method = next(name for name, op in client.meta.method_to_api_mapping.items() if op == operation)
    with pytest.raises(ClientError) as raised:
        getattr(client, method)(**arguments)
    client.close()
    error = raised.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert error["Error"]["Code"] == "NotImplemented"
    assert f"{service}.{operation}" in error["Error"]["Message"]


def test_a_service_that_forebay_knows_nothing_of_is_refused_the_same(port: Client) -> None:
    for service, method in (("ec2", "describe_regions"), ("kafka", "list_clusters"), ("kms", "list_keys")):
        client = sdk(port, service)
        with pytest.raises(ClientError) as raised:
            getattr(client, method)()
        client.close()
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_a_bucket_in_the_host_name_is_understood(port: Client) -> None:
    answer = port("GET", "/a.csv?torrent", host=f"shop.localhost:{port.port}")
    assert answer.status == 501
    assert b"s3.GetObjectTorrent" in answer.body


def test_a_head_request_is_refused_without_a_body(port: Client) -> None:
    answer = port("HEAD", "/2015-03-31/functions/none")
    assert (answer.status, answer.body) == (501, b"")


def test_the_port_says_that_it_is_up(port: Client) -> None:
    answer = port("GET", HEALTH)
    assert (answer.status, answer.json["status"]) == (200, "ok")


def test_a_foreign_host_or_a_page_is_refused_before_anything_else(port: Client) -> None:
    assert port("GET", "/", host="evil.example").status == 421
    assert port("GET", HEALTH, host=f"rebound.example:{port.port}").status == 421
    assert port("POST", "/", b"{}", origin="https://evil.example").status == 403


def test_a_large_body_is_not_read_forever(port: Client) -> None:
    head = b"PUT /shop/big?acl HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
    with port.raw(head) as connection:
        assert b" 413 " in connection.recv(100)
