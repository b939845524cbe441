"""Connections and API destinations: kept and shown as AWS shows them, without what is secret.

No rule can send to them, so that there is nothing to authorise with: secrets are let go as soon as they come.
"""

from __future__ import annotations

import uuid
from typing import Any

from forebay.clock import now_us
from forebay.wire.events.base import SERVICE, exists, invalid, missing, page
from forebay.wire.service import Asked, Json, present, seconds

CONNECTION, DESTINATION = "events.connection", "events.destination"
KEPT = "only kept: PutTargets fails the entry of an API destination. Secrets are not kept, and there is no SecretArn"
_PARAMETERS = {
    "API_KEY": "ApiKeyAuthParameters",
    "BASIC": "BasicAuthParameters",
    "OAUTH_CLIENT_CREDENTIALS": "OAuthParameters",
}
_SECRET = frozenset({"ApiKeyValue", "Password", "ClientSecret"})
_SHOWN = ("HttpMethod", "InvocationEndpoint", "InvocationRateLimitPerSecond", "ConnectionArn")


def _public(given: Any) -> Any:
    """Parameters without what is secret in them."""
    if isinstance(given, list):
        return [_public(each) for each in given]
    if not isinstance(given, dict):
        return given
    hidden = _SECRET | ({"Value"} if given.get("IsValueSecret") else frozenset())
    return {name: _public(value) for name, value in given.items() if name not in hidden}


# --- connections ---


def _connection(asked: Asked, name: str, sentence: str = "Connection '{}' does not exist.") -> Json:
    doc = asked.system.documents.get(CONNECTION, name)
    if doc is None:
        raise missing(sentence.format(name))
    return doc


def _parameters(kind: str, given: Json) -> Json:
    """The parameters of a connection, as they are kept. Raises ValidationException."""
    wanted = _PARAMETERS[kind]
    if wanted not in given:
        raise invalid(f"Parameter(s) AuthParameters.{wanted} must be specified.")
    kept: Json = _public(given)
    return kept


def _changed(
    asked: Asked, name: str, doc: Json, state: str | None = None, *, authorised: bool = True
) -> Json:
    return present(
        {
            "ConnectionArn": asked.arn(f"connection/{name}/{doc['id']}"),
            "ConnectionState": state or doc["state"],
            "CreationTime": seconds(doc["created"]),
            "LastModifiedTime": seconds(doc["modified"]),
            "LastAuthorizedTime": seconds(doc.get("authorized")) if authorised else None,
        }
    )


def _state(kind: str) -> str:
    # Nobody asks an authorisation server, so that no token ever comes.
    return "AUTHORIZING" if kind == "OAUTH_CLIENT_CREDENTIALS" else "AUTHORIZED"


@SERVICE.operation("CreateConnection", partial=KEPT)
async def create_connection(asked: Asked, given: Json) -> Json:
    """Keep a connection."""
    name, kind = given["Name"], given["AuthorizationType"]
    if asked.system.documents.get(CONNECTION, name) is not None:
        raise exists(f"Connection {name} already exists.")
    now = now_us()
    doc = {
        "id": str(uuid.uuid4()),
        "type": kind,
        "parameters": _parameters(kind, given.get("AuthParameters") or {}),
        "description": given.get("Description"),
        "state": _state(kind),
        "created": now,
        "modified": now,
        "authorized": now,
    }
    asked.system.documents.put(CONNECTION, name, doc)
    return _changed(asked, name, doc, authorised=False)


@SERVICE.operation("DescribeConnection", partial=KEPT)
async def describe_connection(asked: Asked, given: Json) -> Json:
    """A connection."""
    name = given["Name"]
    why = "Failed to describe the connection(s). Connection '{}' does not exist."
    doc = _connection(asked, name, why)
    return present(
        {
            **_changed(asked, name, doc),
            "Name": name,
            "Description": doc["description"],
            "AuthorizationType": doc["type"],
            "AuthParameters": doc["parameters"],
        }
    )


@SERVICE.operation("ListConnections")
async def list_connections(asked: Asked, given: Json) -> Json:
    """All connections, or those of a state or with a prefix."""
    found = [
        (name, doc)
        for name, doc in asked.system.documents.all(CONNECTION)
        if name.startswith(given.get("NamePrefix") or "")
        and given.get("ConnectionState") in (None, doc["state"])
    ]
    chosen, more = page(found, given)
    shown = [
        {**_changed(asked, name, doc), "Name": name, "AuthorizationType": doc["type"]} for name, doc in chosen
    ]
    return {"Connections": shown, **more}


@SERVICE.operation("UpdateConnection", partial=KEPT)
async def update_connection(asked: Asked, given: Json) -> Json:
    """Change what is kept of a connection."""
    name = given["Name"]
    doc = dict(_connection(asked, name))
    if "Description" in given:
        doc["description"] = given["Description"]
    kind = given.get("AuthorizationType") or doc["type"]
    if given.get("AuthParameters") or kind != doc["type"]:
        doc["parameters"] = _parameters(kind, given.get("AuthParameters") or {})
        doc |= {"type": kind, "state": _state(kind), "authorized": now_us()}
    doc["modified"] = now_us()
    asked.system.documents.put(CONNECTION, name, doc)
    return _changed(asked, name, doc)


@SERVICE.operation("DeauthorizeConnection")
async def deauthorize_connection(asked: Asked, given: Json) -> Json:
    """Note that a connection is to be used no more."""
    name = given["Name"]
    doc = {**_connection(asked, name), "state": "DEAUTHORIZED", "modified": now_us()}
    asked.system.documents.put(CONNECTION, name, doc)
    return _changed(asked, name, doc)


@SERVICE.operation("DeleteConnection")
async def delete_connection(asked: Asked, given: Json) -> Json:
    """Forget a connection; its API destinations are inactive from then on."""
    name = given["Name"]
    doc = _connection(asked, name)
    asked.system.documents.delete(CONNECTION, name)
    return _changed(asked, name, doc, "DELETING")


# --- API destinations ---


def _destination(asked: Asked, name: str, sentence: str = "An api-destination '{}' does not exist.") -> Json:
    doc = asked.system.documents.get(DESTINATION, name)
    if doc is None:
        raise missing(sentence.format(name))
    return doc


def _connected(asked: Asked, arn: str) -> Json | None:
    """The connection of an ARN, if it is still the same one."""
    name, _, id = arn.partition(":connection/")[2].partition("/")
    doc = asked.system.documents.get(CONNECTION, name)
    return doc if doc is not None and doc["id"] == id else None


def _made(asked: Asked, name: str, doc: Json) -> Json:
    connection = _connected(asked, doc["made"]["ConnectionArn"])
    active = connection is not None and connection["state"] == "AUTHORIZED"
    return {
        "ApiDestinationArn": asked.arn(f"api-destination/{name}/{doc['id']}"),
        "ApiDestinationState": "ACTIVE" if active else "INACTIVE",
        "CreationTime": seconds(doc["created"]),
        "LastModifiedTime": seconds(doc["modified"]),
    }


def _shown(asked: Asked, name: str, doc: Json) -> Json:
    return {**_made(asked, name, doc), "Name": name, **{key: doc["made"][key] for key in _SHOWN}}


def _check_connection(asked: Asked, arn: str) -> None:
    if _connected(asked, arn) is None:
        name = arn.partition(":connection/")[2].partition("/")[0]
        raise missing(f"Connection '{name}' does not exist.")


@SERVICE.operation("CreateApiDestination", partial=KEPT)
async def create_api_destination(asked: Asked, given: Json) -> Json:
    """Keep an API destination of a connection."""
    name = given["Name"]
    if asked.system.documents.get(DESTINATION, name) is not None:
        raise exists(f"An api-destination '{name}' already exists.")
    _check_connection(asked, given["ConnectionArn"])
    now = now_us()
    made = {"InvocationRateLimitPerSecond": 300, **{key: given[key] for key in _SHOWN if key in given}}
    doc = {
        "id": str(uuid.uuid4()),
        "made": made,
        "description": given.get("Description"),
        "created": now,
        "modified": now,
    }
    asked.system.documents.put(DESTINATION, name, doc)
    return _made(asked, name, doc)


@SERVICE.operation("DescribeApiDestination")
async def describe_api_destination(asked: Asked, given: Json) -> Json:
    """An API destination."""
    name = given["Name"]
    why = "Failed to describe the api-destination(s). An api-destination '{}' does not exist."
    doc = _destination(asked, name, why)
    return present({**_shown(asked, name, doc), "Description": doc["description"]})


@SERVICE.operation("ListApiDestinations")
async def list_api_destinations(asked: Asked, given: Json) -> Json:
    """All API destinations, or those of a connection or with a prefix."""
    found = [
        (name, doc)
        for name, doc in asked.system.documents.all(DESTINATION)
        if name.startswith(given.get("NamePrefix") or "")
        and given.get("ConnectionArn") in (None, doc["made"]["ConnectionArn"])
    ]
    chosen, more = page(found, given)
    return {"ApiDestinations": [_shown(asked, name, doc) for name, doc in chosen], **more}


@SERVICE.operation("UpdateApiDestination", partial=KEPT)
async def update_api_destination(asked: Asked, given: Json) -> Json:
    """Change what is kept of an API destination."""
    name = given["Name"]
    doc = dict(_destination(asked, name))
    if "ConnectionArn" in given:
        _check_connection(asked, given["ConnectionArn"])
    doc["made"] = {**doc["made"], **{key: given[key] for key in _SHOWN if key in given}}
    if "Description" in given:
        doc["description"] = given["Description"]
    doc["modified"] = now_us()
    asked.system.documents.put(DESTINATION, name, doc)
    return _made(asked, name, doc)


@SERVICE.operation("DeleteApiDestination")
async def delete_api_destination(asked: Asked, given: Json) -> Json:
    """Forget an API destination."""
    _destination(asked, given["Name"])
    asked.system.documents.delete(DESTINATION, given["Name"])
    return {}
