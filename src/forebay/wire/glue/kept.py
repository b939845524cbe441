"""What Glue keeps for others: connections, security configurations, the catalog's encryption and its policy.

They are given back as they were given. Nothing here connects to a connection's database or encrypts with a key, which
is said of each operation; a policy that would deny is refused, as it would not be held to.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from forebay.clock import now_us
from forebay.wire.glue.base import SERVICE, invalid, not_found, page
from forebay.wire.glue.tags import put_tags
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, present, seconds

CONNECTION = "glue.connection"
SECURITY = "glue.security"
SETTINGS = "glue.settings"
POLICY = "glue.policy"
MOST = 100
_ONLY = "only kept: nothing connects with it"
_PLAIN = "only kept: what encrypts the disk is the operator's"
_HELD = "kept and given back; identities' policies bound access, so a Deny is refused"


def _exists(what: str) -> AwsError:
    return AwsError("AlreadyExistsException", what, http=400)


# --- connections ---


@SERVICE.operation("CreateConnection", partial=_ONLY)
async def create_connection(asked: Asked, given: Json) -> Json:
    """Keep a connection."""
    made = given["ConnectionInput"]
    name = made["Name"]
    if asked.system.documents.get(CONNECTION, name) is not None:
        raise _exists("Connection already exists.")
    _keep_connection(asked, name, made, now_us())
    put_tags(asked, f"connection/{name}", given.get("Tags") or {})
    return {"CreateConnectionStatus": "READY"}


def _keep_connection(asked: Asked, name: str, made: Json, created: int) -> None:
    doc = {"made": made, "created": created, "updated": now_us()}
    asked.system.documents.put(CONNECTION, name, doc)


def _connection(asked: Asked, name: str) -> Json:
    doc = asked.system.documents.get(CONNECTION, name)
    if doc is None:
        raise not_found(f"Connection {name} not found.")
    return doc


def _connection_of(doc: Json, given: Json) -> Json:
    made = dict(doc["made"])
    if given.get("HidePassword"):
        properties: Json = made.get("ConnectionProperties") or {}
        made["ConnectionProperties"] = {k: v for k, v in properties.items() if k != "PASSWORD"}
    made.pop("ValidateCredentials", None)
    times = {"CreationTime": seconds(doc["created"]), "LastUpdatedTime": seconds(doc["updated"])}
    return {**made, **times, "Status": "READY"}


@SERVICE.operation("GetConnection", partial=_ONLY)
async def get_connection(asked: Asked, given: Json) -> Json:
    """One connection."""
    return {"Connection": _connection_of(_connection(asked, given["Name"]), given)}


@SERVICE.operation("GetConnections", partial=_ONLY)
async def get_connections(asked: Asked, given: Json) -> Json:
    """All connections; those of a type, and with criteria."""
    wanted = given.get("Filter") or {}
    kind, criteria = wanted.get("ConnectionType"), set(wanted.get("MatchCriteria") or ())
    found: list[tuple[str, Any]] = [
        (name, doc)
        for name, doc in asked.system.documents.all(CONNECTION)
        if kind in (None, doc["made"].get("ConnectionType"))
        and criteria <= set(doc["made"].get("MatchCriteria") or ())
    ]
    some, more = page(found, given, MOST, key=lambda item: item[0])
    return {"ConnectionList": [_connection_of(doc, given) for _, doc in some], **more}


@SERVICE.operation("UpdateConnection", partial=_ONLY)
async def update_connection(asked: Asked, given: Json) -> Json:
    """Replace a connection."""
    made = given["ConnectionInput"]
    if made["Name"] != given["Name"]:
        raise invalid("Connection cannot be renamed.")
    _keep_connection(asked, given["Name"], made, _connection(asked, given["Name"])["created"])
    return {}


@SERVICE.operation("DeleteConnection")
async def delete_connection(asked: Asked, given: Json) -> Json:
    """Forget a connection."""
    name = given["ConnectionName"]
    _connection(asked, name)
    asked.system.documents.delete(CONNECTION, name)
    put_tags(asked, f"connection/{name}", {})
    return {}


@SERVICE.operation("BatchDeleteConnection")
async def batch_delete_connection(asked: Asked, given: Json) -> Json:
    """Forget connections; those that are not there are told."""
    done, errors = [], {}
    for name in given["ConnectionNameList"]:
        if asked.system.documents.delete(CONNECTION, name):
            put_tags(asked, f"connection/{name}", {})
            done.append(name)
        else:
            said = f"Connection {name} not found."
            errors[name] = {"ErrorCode": "EntityNotFoundException", "ErrorMessage": said}
    return {"Succeeded": done, "Errors": errors}


# --- encryption ---


@SERVICE.operation("CreateSecurityConfiguration", partial=_PLAIN)
async def create_security_configuration(asked: Asked, given: Json) -> Json:
    """Keep a security configuration."""
    name = given["Name"]
    if asked.system.documents.get(SECURITY, name) is not None:
        raise _exists(f"Security Configuration {name} already exists")
    now = now_us()
    asked.system.documents.put(SECURITY, name, {"made": given["EncryptionConfiguration"], "created": now})
    return {"Name": name, "CreatedTimestamp": seconds(now)}


def _security_of(name: str, doc: Json) -> Json:
    created = seconds(doc["created"])
    return {"Name": name, "CreatedTimeStamp": created, "EncryptionConfiguration": doc["made"]}


@SERVICE.operation("GetSecurityConfiguration", partial=_PLAIN)
async def get_security_configuration(asked: Asked, given: Json) -> Json:
    """One security configuration."""
    doc = asked.system.documents.get(SECURITY, given["Name"])
    if doc is None:
        raise not_found(f"SecurityConfiguration {given['Name']} not found")
    return {"SecurityConfiguration": _security_of(given["Name"], doc)}


@SERVICE.operation("GetSecurityConfigurations", partial=_PLAIN)
async def get_security_configurations(asked: Asked, given: Json) -> Json:
    """All security configurations."""
    found: list[tuple[str, Any]] = list(asked.system.documents.all(SECURITY))
    some, more = page(found, given, MOST, key=lambda item: item[0])
    return {"SecurityConfigurations": [_security_of(name, doc) for name, doc in some], **more}


@SERVICE.operation("DeleteSecurityConfiguration")
async def delete_security_configuration(asked: Asked, given: Json) -> Json:
    """Forget a security configuration."""
    if not asked.system.documents.delete(SECURITY, given["Name"]):
        raise not_found(f"SecurityConfiguration {given['Name']} not found")
    return {}


@SERVICE.operation("GetDataCatalogEncryptionSettings", partial=_PLAIN)
async def get_encryption(asked: Asked, given: Json) -> Json:
    """How the catalog's encryption is set; disabled where nobody set it."""
    kept = asked.system.documents.get(SETTINGS, "encryption")
    none = {
        "EncryptionAtRest": {"CatalogEncryptionMode": "DISABLED"},
        "ConnectionPasswordEncryption": {"ReturnConnectionPasswordEncrypted": False},
    }
    return {"DataCatalogEncryptionSettings": none if kept is None else kept}


@SERVICE.operation("PutDataCatalogEncryptionSettings", partial=_PLAIN)
async def put_encryption(asked: Asked, given: Json) -> Json:
    """Keep how it should be."""
    asked.system.documents.put(SETTINGS, "encryption", given["DataCatalogEncryptionSettings"])
    return {}


# --- the catalog's policy ---


def _place(asked: Asked, given: Json) -> str:
    return str(given.get("ResourceArn") or asked.arn("catalog"))


@SERVICE.operation("GetResourcePolicy", partial=_HELD)
async def get_resource_policy(asked: Asked, given: Json) -> Json:
    """The policy of the catalog."""
    doc = asked.system.documents.get(POLICY, _place(asked, given))
    if doc is None:
        raise not_found("Policy not found")
    return _policy_of(doc)


def _policy_of(doc: Json) -> Json:
    times = {"CreateTime": seconds(doc["created"]), "UpdateTime": seconds(doc["updated"])}
    return present({"PolicyInJson": doc["policy"], "PolicyHash": doc["hash"], **times})


@SERVICE.operation("GetResourcePolicies", partial=_HELD)
async def get_resource_policies(asked: Asked, given: Json) -> Json:
    """All of them."""
    found: list[tuple[str, Any]] = list(asked.system.documents.all(POLICY))
    some, more = page(found, given, MOST, key=lambda item: item[0])
    return {"GetResourcePoliciesResponseList": [_policy_of(doc) for _, doc in some], **more}


def _policy_checked(text: str) -> str:
    try:
        made = json.loads(text)
        statements = made["Statement"]
        statements = statements if isinstance(statements, list) else [statements]
        effects = {statement["Effect"] for statement in statements}
    except (ValueError, KeyError, TypeError):
        raise invalid("The policy is malformed: it has to be JSON with statements") from None
    if effects != {"Allow"}:
        raise invalid("forebay keeps policies of the catalog that allow; deny in the policies of identities")
    return text


@SERVICE.operation("PutResourcePolicy", partial=_HELD)
async def put_resource_policy(asked: Asked, given: Json) -> Json:
    """Keep a policy, under the conditions that are asked."""
    text, place = _policy_checked(given["PolicyInJson"]), _place(asked, given)
    kept = asked.system.documents.get(POLICY, place)
    wanted, asks = given.get("PolicyHashCondition"), given.get("PolicyExistsCondition")
    if wanted and (kept is None or kept["hash"] != wanted):
        raise AwsError("ConcurrentModificationException", "Policy has been modified.", http=400)
    if asks == ("MUST_EXIST" if kept is None else "NOT_EXIST"):
        said = "does not exist" if kept is None else "exists"
        raise AwsError(
            "ResourceNumberLimitExceededException",
            f"Resource policy {said}, which the PolicyExistsCondition {asks} excludes.",
            http=400,
        )
    now = now_us()
    digest = base64.b64encode(hashlib.md5(text.encode(), usedforsecurity=False).digest()).decode()
    doc = {
        "policy": text,
        "hash": digest,
        "created": now if kept is None else kept["created"],
        "updated": now,
    }
    asked.system.documents.put(POLICY, place, doc)
    return {"PolicyHash": digest}


@SERVICE.operation("DeleteResourcePolicy")
async def delete_resource_policy(asked: Asked, given: Json) -> Json:
    """Forget it, if it is still the one that is meant."""
    place = _place(asked, given)
    kept = asked.system.documents.get(POLICY, place)
    if kept is None:
        raise not_found("Policy not found")
    wanted = given.get("PolicyHashCondition")
    if wanted and kept["hash"] != wanted:
        raise AwsError("ConcurrentModificationException", "Policy has been modified.", http=400)
    asked.system.documents.delete(POLICY, place)
    return {}
