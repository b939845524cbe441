"""EventBridge over the wire: connections and API destinations are kept, without what is secret in them."""

from __future__ import annotations

import contextlib
from typing import Any

from tests.harness import System
from tests.wire.events import FILES, PROJECT, arn, refused, rule
from tests.wire.sdk import serving

system = serving(PROJECT, files=FILES)
BASIC = {"BasicAuthParameters": {"Username": "user", "Password": "very-secret"}}


def made(events: Any, name: str) -> str:
    answer = events.create_connection(Name=name, AuthorizationType="BASIC", AuthParameters=BASIC)
    assert answer["ConnectionState"] == "AUTHORIZED"
    return str(answer["ConnectionArn"])


def test_a_connection_is_shown_without_its_secrets(system: System, events: Any) -> None:
    first = made(events, "shown")
    assert first.startswith(arn("events", "connection/shown/"))
    found = events.describe_connection(Name="shown")
    assert found["AuthParameters"] == {"BasicAuthParameters": {"Username": "user"}}
    assert (found["Name"], found["AuthorizationType"]) == ("shown", "BASIC")
    headers = [
        {"Key": "a", "Value": "b", "IsValueSecret": False},
        {"Key": "c", "Value": "d", "IsValueSecret": True},
    ]
    parameters = {
        "ApiKeyAuthParameters": {"ApiKeyName": "k", "ApiKeyValue": "very-secret"},
        "InvocationHttpParameters": {"HeaderParameters": headers},
    }
    events.update_connection(Name="shown", AuthorizationType="API_KEY", AuthParameters=parameters)
    found = events.describe_connection(Name="shown")["AuthParameters"]
    assert found["ApiKeyAuthParameters"] == {"ApiKeyName": "k"}
    assert found["InvocationHttpParameters"]["HeaderParameters"] == [
        headers[0],
        {"Key": "c", "IsValueSecret": True},
    ]
    (listed,) = events.list_connections(NamePrefix="sho")["Connections"]
    assert (listed["ConnectionArn"], listed["AuthorizationType"]) == (first, "API_KEY")
    assert events.deauthorize_connection(Name="shown")["ConnectionState"] == "DEAUTHORIZED"
    assert events.delete_connection(Name="shown")["ConnectionState"] == "DELETING"
    refused(
        "ResourceNotFoundException",
        "Failed to describe the connection(s). Connection 'shown' does not exist.",
        events.describe_connection,
        Name="shown",
    )
    for file in system.layout.root.rglob("*.db*"):
        with contextlib.suppress(FileNotFoundError):  # a log that was let go meanwhile
            assert b"very-secret" not in file.read_bytes()


def test_what_is_no_connection_is_refused(events: Any) -> None:
    refused(
        "ValidationException",
        "1 validation error detected: Value 'NONE' at 'authorizationType' failed to satisfy constraint: Member must"
        " satisfy enum value set: [BASIC, OAUTH_CLIENT_CREDENTIALS, API_KEY]",
        events.create_connection,
        Name="n",
        AuthorizationType="NONE",
        AuthParameters=BASIC,
    )
    long = "no such name " * 5
    refused(
        "ValidationException",
        f"2 validation errors detected: Value '{long}' at 'name' failed to satisfy constraint: Member must satisfy"
        f" regular expression pattern: [\\.\\-_A-Za-z0-9]+; Value '{long}' at 'name' failed to satisfy constraint:"
        " Member must have length less than or equal to 64",
        events.create_connection,
        Name=long,
        AuthorizationType="BASIC",
        AuthParameters=BASIC,
    )
    refused(
        "ValidationException",
        "1 validation error detected: Value 'PAINT' at 'httpMethod' failed to satisfy constraint: Member must"
        " satisfy enum value set: [HEAD, POST, PATCH, DELETE, PUT, GET, OPTIONS]",
        events.create_api_destination,
        Name="n",
        ConnectionArn=arn("events", "connection/n/0f4ee1a1-1b2f-4b71-a8f8-2bd5d3c2d2c1"),
        InvocationEndpoint="https://example.com/api",
        HttpMethod="PAINT",
    )
    refused(
        "ValidationException",
        "Parameter(s) AuthParameters.ApiKeyAuthParameters must be specified.",
        events.create_connection,
        Name="n",
        AuthorizationType="API_KEY",
        AuthParameters=BASIC,
    )
    made(events, "twice")
    refused(
        "ResourceAlreadyExistsException",
        "Connection twice already exists.",
        events.create_connection,
        Name="twice",
        AuthorizationType="BASIC",
        AuthParameters=BASIC,
    )
    refused(
        "ResourceNotFoundException",
        "Connection 'none' does not exist.",
        events.update_connection,
        Name="none",
    )


def test_an_api_destination_is_active_as_long_as_its_connection_is_and_is_no_target(
    events: Any, bus: str
) -> None:
    connection = made(events, "hook")
    given = {"Name": "hooks", "InvocationEndpoint": "https://example.com/api", "HttpMethod": "POST"}
    answer = events.create_api_destination(**given, ConnectionArn=connection, Description="d")
    assert answer["ApiDestinationState"] == "ACTIVE"
    found = events.describe_api_destination(Name="hooks")
    assert {**given, "InvocationRateLimitPerSecond": 300, "Description": "d"}.items() <= found.items()
    events.update_api_destination(Name="hooks", HttpMethod="PUT")
    (listed,) = events.list_api_destinations(ConnectionArn=connection)["ApiDestinations"]
    assert (listed["HttpMethod"], "Description" in listed) == ("PUT", False)
    rule(events, bus, {"source": ["a"]})
    target = {"Id": "t", "Arn": answer["ApiDestinationArn"]}
    assert events.put_targets(Rule="r", EventBusName=bus, Targets=[target])["FailedEntryCount"] == 1
    events.delete_connection(Name="hook")
    assert events.describe_api_destination(Name="hooks")["ApiDestinationState"] == "INACTIVE"
    refused(
        "ResourceNotFoundException",
        "Connection 'hook' does not exist.",
        events.create_api_destination,
        **{**given, "Name": "more"},
        ConnectionArn=connection,
    )
    events.delete_api_destination(Name="hooks")
    refused(
        "ResourceNotFoundException",
        "Failed to describe the api-destination(s). An api-destination 'hooks' does not exist.",
        events.describe_api_destination,
        Name="hooks",
    )
