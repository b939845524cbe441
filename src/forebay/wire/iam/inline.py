"""Policies inside of a user or role, and managed ones that are attached to it."""

from __future__ import annotations

from forebay.arn import ACCOUNT
from forebay.runtime.directory import ROLE, USER, Directory, Json
from forebay.wire.iam.base import SERVICE, check_document, encoded, missing, own, page, person, save
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked

_LARGEST = {USER: 2048, ROLE: 10_240}


def _put(asked: Asked, kind: str, name: str, given: Json) -> Json:
    doc = own(asked, kind, name)
    check_document(given["PolicyDocument"])
    doc["inline"][given["PolicyName"]] = given["PolicyDocument"]
    if sum(len("".join(text.split())) for text in doc["inline"].values()) > _LARGEST[kind]:
        what = "user" if kind == USER else "role"
        raise AwsError(
            "LimitExceeded",
            f"Maximum policy size of {_LARGEST[kind]} bytes exceeded for {what} {name}",
            http=409,
        )
    save(asked, kind, doc)
    return {}


def _inline(asked: Asked, doc: Json, given: Json) -> str:
    name = given["PolicyName"]
    if name not in doc["inline"]:
        what = "user" if "trust" not in doc else "role"
        raise missing(f"The {what} policy with name {name} cannot be found.")
    return str(doc["inline"][name])


def _delete(asked: Asked, kind: str, name: str, given: Json) -> Json:
    doc = own(asked, kind, name)
    _inline(asked, doc, given)
    del doc["inline"][given["PolicyName"]]
    save(asked, kind, doc)
    return {}


def _attach(asked: Asked, kind: str, name: str, given: Json) -> Json:
    doc, arn = own(asked, kind, name), given["PolicyArn"]
    _check_arn(arn)
    if Directory.of(asked.system).policy_text(arn) is None:
        raise missing(f"Policy {arn} does not exist or is not attachable.")
    if arn not in doc["attached"]:
        if len(doc["attached"]) >= 20:
            what = "User" if kind == USER else "Role"
            raise AwsError("LimitExceeded", f"Cannot exceed quota for PoliciesPer{what}: 20", http=409)
        doc["attached"].append(arn)
        save(asked, kind, doc)
    return {}


def _check_arn(arn: str) -> None:
    if not arn.startswith((f"arn:aws:iam::{ACCOUNT}:policy/", "arn:aws:iam::aws:policy/")):
        raise AwsError("InvalidInput", f"ARN {arn} is not valid.", http=400)


def _detach(asked: Asked, kind: str, name: str, given: Json) -> Json:
    doc, arn = own(asked, kind, name), given["PolicyArn"]
    if arn not in doc["attached"]:
        raise missing(f"Policy {arn} was not found.")
    doc["attached"].remove(arn)
    save(asked, kind, doc)
    return {}


def _attached(asked: Asked, kind: str, name: str, given: Json) -> Json:
    prefix = given.get("PathPrefix") or "/"
    arns = [
        arn for arn in person(asked, kind, name)["attached"] if arn.partition(":policy")[2].startswith(prefix)
    ]
    part, more = page([{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in arns], given)
    return {"AttachedPolicies": part, **more}


def _names(asked: Asked, kind: str, name: str, given: Json) -> Json:
    part, more = page(sorted(person(asked, kind, name)["inline"]), given)
    return {"PolicyNames": part, **more}


@SERVICE.operation("PutUserPolicy")
async def put_user_policy(asked: Asked, given: Json) -> Json:
    """A policy of this user only."""
    return _put(asked, USER, given["UserName"], given)


@SERVICE.operation("GetUserPolicy")
async def get_user_policy(asked: Asked, given: Json) -> Json:
    """A policy, as it was put."""
    text = _inline(asked, person(asked, USER, given["UserName"]), given)
    return {
        "UserName": given["UserName"],
        "PolicyName": given["PolicyName"],
        "PolicyDocument": encoded(text),
    }


@SERVICE.operation("ListUserPolicies")
async def list_user_policies(asked: Asked, given: Json) -> Json:
    """Names of a user's own policies."""
    return _names(asked, USER, given["UserName"], given)


@SERVICE.operation("DeleteUserPolicy")
async def delete_user_policy(asked: Asked, given: Json) -> Json:
    """Remove a policy."""
    return _delete(asked, USER, given["UserName"], given)


@SERVICE.operation("AttachUserPolicy", partial="of AWS's own policies, those of the services offered")
async def attach_user_policy(asked: Asked, given: Json) -> Json:
    """Give a user what a managed policy says."""
    return _attach(asked, USER, given["UserName"], given)


@SERVICE.operation("DetachUserPolicy")
async def detach_user_policy(asked: Asked, given: Json) -> Json:
    """Take it away."""
    return _detach(asked, USER, given["UserName"], given)


@SERVICE.operation("ListAttachedUserPolicies")
async def list_attached_user_policies(asked: Asked, given: Json) -> Json:
    """A user's managed policies."""
    return _attached(asked, USER, given["UserName"], given)


@SERVICE.operation("PutRolePolicy")
async def put_role_policy(asked: Asked, given: Json) -> Json:
    """A policy of this role only."""
    return _put(asked, ROLE, given["RoleName"], given)


@SERVICE.operation("GetRolePolicy")
async def get_role_policy(asked: Asked, given: Json) -> Json:
    """A policy, as it was put."""
    text = _inline(asked, person(asked, ROLE, given["RoleName"]), given)
    return {
        "RoleName": given["RoleName"],
        "PolicyName": given["PolicyName"],
        "PolicyDocument": encoded(text),
    }


@SERVICE.operation("ListRolePolicies")
async def list_role_policies(asked: Asked, given: Json) -> Json:
    """Names of a role's own policies."""
    return _names(asked, ROLE, given["RoleName"], given)


@SERVICE.operation("DeleteRolePolicy")
async def delete_role_policy(asked: Asked, given: Json) -> Json:
    """Remove a policy."""
    return _delete(asked, ROLE, given["RoleName"], given)


@SERVICE.operation("AttachRolePolicy", partial="of AWS's own policies, those of the services offered")
async def attach_role_policy(asked: Asked, given: Json) -> Json:
    """Give a role what a managed policy says."""
    return _attach(asked, ROLE, given["RoleName"], given)


@SERVICE.operation("DetachRolePolicy")
async def detach_role_policy(asked: Asked, given: Json) -> Json:
    """Take it away."""
    return _detach(asked, ROLE, given["RoleName"], given)


@SERVICE.operation("ListAttachedRolePolicies")
async def list_attached_role_policies(asked: Asked, given: Json) -> Json:
    """A role's managed policies."""
    return _attached(asked, ROLE, given["RoleName"], given)
