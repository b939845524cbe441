"""What policies would decide, without doing it."""

from __future__ import annotations

from collections.abc import Iterable

from forebay.access.policy import Asked as Question
from forebay.access.policy import Statement, decide
from forebay.runtime.directory import ROLE, USER, Directory, Json, arn_of
from forebay.wire.iam.base import SERVICE, missing
from forebay.wire.iam.caller import statements
from forebay.wire.iam.documents import check_document
from forebay.wire.service import Asked

_SAID = {"allow": "allowed", "deny": "explicitDeny", "implicit": "implicitDeny"}


def _results(given: Json, found: Iterable[Statement], principal: str) -> Json:
    rules = tuple(found)
    context = {
        entry["ContextKeyName"].lower(): entry["ContextKeyValues"]
        for entry in given.get("ContextEntries") or ()
        if entry.get("ContextKeyName")
    }
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": _SAID[decide(rules, Question(action, resource, principal, context))],
            "MatchedStatements": [],
            "MissingContextValues": [],
        }
        for action in given["ActionNames"]
        for resource in given.get("ResourceArns") or ["*"]
    ]
    return {"EvaluationResults": results, "IsTruncated": False}


_PARTIAL = "which statements matched is not told"


@SERVICE.operation("SimulateCustomPolicy", partial=_PARTIAL)
async def simulate_custom_policy(asked: Asked, given: Json) -> Json:
    """What these policies would decide."""
    for text in given["PolicyInputList"]:
        check_document(text)
    return _results(given, statements(given["PolicyInputList"]), given.get("CallerArn") or "*")


@SERVICE.operation("SimulatePrincipalPolicy", partial=_PARTIAL)
async def simulate_principal_policy(asked: Asked, given: Json) -> Json:
    """What a user's or role's policies would decide."""
    arn, directory = given["PolicySourceArn"], Directory.of(asked.system)
    more = given.get("PolicyInputList") or []
    for text in more:
        check_document(text)
    kind = USER if ":user/" in arn else ROLE
    found = directory.get(kind, arn.rpartition("/")[2])
    if found is None or arn_of(kind, found) != arn:
        raise missing(f"The entity {arn} cannot be found.")
    return _results(given, statements([*directory.texts(found), *more]), arn)
