"""Who else may call a function: statements of its resource-based policy."""

from __future__ import annotations

import json
import uuid
from typing import Any

from forebay.wire.awslambda.base import (
    LATEST,
    POLICY,
    SERVICE,
    Named,
    conflict,
    error,
    find,
    function_arn,
    invalid,
    named,
    not_found,
)
from forebay.wire.service import Asked, Json

_MISSING = "The resource you requested does not exist."


def _load(asked: Asked, given: Json) -> tuple[Named, str, Json]:
    which = named(asked, given)
    find(asked, which)
    if which.qualifier == LATEST:
        raise invalid("We currently do not support adding policies for $LATEST.")
    id = which.name if which.qualifier is None else f"{which.name}:{which.qualifier}"
    return which, id, asked.system.documents.get(POLICY, id) or {}


def _revision(doc: Json, given: Json) -> None:
    if given.get("RevisionId") and given["RevisionId"] != doc.get("revision"):
        raise error(
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the "
            "latest Revision Id",
            412,
        )


def _principal(text: str) -> Any:
    if text == "*":
        return "*"
    if text.isdigit():
        return {"AWS": f"arn:aws:iam::{text}:root"}
    return {"AWS": text} if text.startswith("arn:") else {"Service": text}


@SERVICE.operation("AddPermission")
async def add_permission(asked: Asked, given: Json) -> Json:
    """Add a statement."""
    which, id, doc = _load(asked, given)
    _revision(doc, given)
    action = given["Action"]
    if action != "lambda:*" and not action.startswith("lambda:"):
        raise error(
            "ValidationException",
            f"1 validation error detected: Value '{action}' at 'action' failed to satisfy constraint: Member must "
            r"satisfy regular expression pattern: (lambda:[*]|lambda:[a-zA-Z]+|[*])",
            400,
        )
    statements = doc.get("statements") or []
    sid = given["StatementId"]
    if any(each["Sid"] == sid for each in statements):
        raise conflict(
            f"The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the "
            "existing statement."
        )
    statement: Json = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": _principal(given["Principal"]),
        "Action": action,
        "Resource": function_arn(asked, which.name, which.qualifier),
    }
    condition: Json = {}
    if given.get("SourceAccount"):
        condition["StringEquals"] = {"AWS:SourceAccount": given["SourceAccount"]}
    if given.get("PrincipalOrgID"):
        condition.setdefault("StringEquals", {})["aws:PrincipalOrgID"] = given["PrincipalOrgID"]
    if given.get("FunctionUrlAuthType"):
        condition.setdefault("StringEquals", {})["lambda:FunctionUrlAuthType"] = given["FunctionUrlAuthType"]
    if given.get("EventSourceToken"):
        condition.setdefault("StringEquals", {})["lambda:EventSourceToken"] = given["EventSourceToken"]
    if given.get("SourceArn"):
        condition["ArnLike"] = {"AWS:SourceArn": given["SourceArn"]}
    if condition:
        statement["Condition"] = condition
    doc = {"statements": [*statements, statement], "revision": str(uuid.uuid4())}
    asked.system.documents.put(POLICY, id, doc)
    return {"Statement": json.dumps(statement, separators=(",", ":"))}


@SERVICE.operation("GetPolicy")
async def get_policy(asked: Asked, given: Json) -> Json:
    """The policy."""
    _, _, doc = _load(asked, given)
    if not doc.get("statements"):
        raise not_found(_MISSING)
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": doc["statements"]}
    return {"Policy": json.dumps(policy, separators=(",", ":")), "RevisionId": doc["revision"]}


@SERVICE.operation("RemovePermission")
async def remove_permission(asked: Asked, given: Json) -> Json:
    """Take a statement away."""
    _, id, doc = _load(asked, given)
    _revision(doc, given)
    if not doc.get("statements"):
        raise not_found("No policy is associated with the given resource.")
    kept = [each for each in doc["statements"] if each["Sid"] != given["StatementId"]]
    if len(kept) == len(doc["statements"]):
        raise not_found(f"Statement {given['StatementId']} is not found in resource policy.")
    if kept:
        asked.system.documents.put(POLICY, id, {"statements": kept, "revision": str(uuid.uuid4())})
    else:
        asked.system.documents.delete(POLICY, id)
    return {}
