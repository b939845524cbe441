"""What a user or role may: policies inside of it, and managed ones that are attached to it.

The operations of users are those of roles with other names, so that each function serves both.
"""

from __future__ import annotations

from forebay.arn import ACCOUNT
from forebay.runtime.directory import ROLE, USER, Directory, Json
from forebay.wire.iam.base import (
    SERVICE,
    WHAT,
    encoded,
    missing,
    own,
    page,
    person,
    save,
    whose,
)
from forebay.wire.iam.documents import check_document
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked

_LARGEST = {USER: 2048, ROLE: 10_240}
_ATTACHED = 20
_PART = "of AWS's own policies, those of the services offered"


@SERVICE.operation("PutUserPolicy")
@SERVICE.operation("PutRolePolicy")
async def put_policy(asked: Asked, given: Json) -> Json:
    """A policy of this one only."""
    kind, name = whose(given)
    doc = own(asked, kind, name)
    check_document(given["PolicyDocument"])
    doc["inline"][given["PolicyName"]] = given["PolicyDocument"]
    if sum(len("".join(text.split())) for text in doc["inline"].values()) > _LARGEST[kind]:
        raise AwsError(
            "LimitExceeded",
            f"Maximum policy size of {_LARGEST[kind]} bytes exceeded for {WHAT[kind]} {name}",
            http=409,
        )
    save(asked, kind, doc)
    return {}


@SERVICE.operation("GetUserPolicy")
@SERVICE.operation("GetRolePolicy")
async def get_policy(asked: Asked, given: Json) -> Json:
    """A policy, as it was put."""
    kind, name = whose(given)
    text = _inline(kind, person(asked, kind, name), given)
    return {
        f"{WHAT[kind].capitalize()}Name": name,
        "PolicyName": given["PolicyName"],
        "PolicyDocument": encoded(text),
    }


def _inline(kind: str, doc: Json, given: Json) -> str:
    name = given["PolicyName"]
    if name not in doc["inline"]:
        raise missing(f"The {WHAT[kind]} policy with name {name} cannot be found.")
    return str(doc["inline"][name])


@SERVICE.operation("ListUserPolicies")
@SERVICE.operation("ListRolePolicies")
async def list_policies(asked: Asked, given: Json) -> Json:
    """Names of its own policies."""
    part, more = page(sorted(person(asked, *whose(given))["inline"]), given)
    return {"PolicyNames": part, **more}


@SERVICE.operation("DeleteUserPolicy")
@SERVICE.operation("DeleteRolePolicy")
async def delete_policy(asked: Asked, given: Json) -> Json:
    """Remove a policy."""
    kind, name = whose(given)
    doc = own(asked, kind, name)
    _inline(kind, doc, given)
    del doc["inline"][given["PolicyName"]]
    save(asked, kind, doc)
    return {}


@SERVICE.operation("AttachUserPolicy", partial=_PART)
@SERVICE.operation("AttachRolePolicy", partial=_PART)
async def attach_policy(asked: Asked, given: Json) -> Json:
    """Give what a managed policy says."""
    kind, name = whose(given)
    doc, arn = own(asked, kind, name), given["PolicyArn"]
    _check_arn(arn)
    if Directory.of(asked.system).policy_text(arn) is None:
        raise missing(f"Policy {arn} does not exist or is not attachable.")
    if arn not in doc["attached"]:
        if len(doc["attached"]) >= _ATTACHED:
            quota = f"PoliciesPer{WHAT[kind].capitalize()}"
            raise AwsError("LimitExceeded", f"Cannot exceed quota for {quota}: {_ATTACHED}", http=409)
        doc["attached"].append(arn)
        save(asked, kind, doc)
    return {}


def _check_arn(arn: str) -> None:
    if not arn.startswith((f"arn:aws:iam::{ACCOUNT}:policy/", "arn:aws:iam::aws:policy/")):
        raise AwsError("InvalidInput", f"ARN {arn} is not valid.", http=400)


@SERVICE.operation("DetachUserPolicy")
@SERVICE.operation("DetachRolePolicy")
async def detach_policy(asked: Asked, given: Json) -> Json:
    """Take it away."""
    kind, name = whose(given)
    doc, arn = own(asked, kind, name), given["PolicyArn"]
    if arn not in doc["attached"]:
        raise missing(f"Policy {arn} was not found.")
    doc["attached"].remove(arn)
    save(asked, kind, doc)
    return {}


@SERVICE.operation("ListAttachedUserPolicies")
@SERVICE.operation("ListAttachedRolePolicies")
async def list_attached_policies(asked: Asked, given: Json) -> Json:
    """The managed policies that are attached to it."""
    prefix = given.get("PathPrefix") or "/"
    arns = [
        arn
        for arn in person(asked, *whose(given))["attached"]
        if arn.partition(":policy")[2].startswith(prefix)
    ]
    part, more = page([{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in arns], given)
    return {"AttachedPolicies": part, **more}
