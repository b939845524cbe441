"""Users and roles: made, read, changed, removed, tagged."""

from __future__ import annotations

from forebay.access.identity import Identity
from forebay.runtime.directory import KEY, ROLE, USER, Directory, Json
from forebay.wire.iam.base import (
    SERVICE,
    check_tags,
    conflict,
    made,
    own,
    page,
    path_of,
    person,
    save,
    shown,
    whose,
)
from forebay.wire.iam.documents import check_document
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked


@SERVICE.operation("CreateUser")
async def create_user(asked: Asked, given: Json) -> Json:
    """A user without any right."""
    doc = made(asked, USER, given["UserName"], given)
    save(asked, USER, doc)
    return {"User": shown(USER, doc)}


@SERVICE.operation("GetUser")
async def get_user(asked: Asked, given: Json) -> Json:
    """One user; without a name, who asks."""
    name = given.get("UserName") or caller_name(asked)
    if name is None:
        root = {
            "Path": "/",
            "UserName": "root",
            "UserId": Identity().id,
            "Arn": Identity().arn,
            "CreateDate": 0.0,
        }
        return {"User": root}
    return {"User": shown(USER, person(asked, USER, name))}


def caller_name(asked: Asked) -> str | None:
    """The user who asks; None if it is none."""
    return asked.principal.rpartition("/")[2] if ":user/" in asked.principal else None


@SERVICE.operation("ListUsers")
async def list_users(asked: Asked, given: Json) -> Json:
    """All users whose path begins so."""
    docs = [doc for doc in Directory.of(asked.system).all(USER) if _under(doc, given)]
    part, more = page([shown(USER, doc) for doc in docs], given)
    return {"Users": [_untagged(each) for each in part], **more}


def _under(doc: Json, given: Json) -> bool:
    return bool(doc["path"].startswith(given.get("PathPrefix") or "/"))


def _untagged(answer: Json) -> Json:
    return {name: value for name, value in answer.items() if name != "Tags"}


@SERVICE.operation("UpdateUser")
async def update_user(asked: Asked, given: Json) -> Json:
    """Another name or path."""
    doc = own(asked, USER, given["UserName"])
    new = given.get("NewUserName")
    if new and new != doc["name"]:
        made(asked, USER, new, {})
        documents = asked.system.documents
        for id, key in list(documents.all(KEY)):
            if key["user"] == doc["name"]:
                documents.put(KEY, id, {**key, "user": new})
        documents.delete(USER, doc["name"])
    if given.get("NewPath"):
        doc["path"] = path_of({"Path": given["NewPath"]})
    save(asked, USER, {**doc, "name": new or doc["name"]})
    return {}


@SERVICE.operation("DeleteUser")
async def delete_user(asked: Asked, given: Json) -> Json:
    """Only when nothing hangs on it."""
    doc = own(asked, USER, given["UserName"])
    documents = asked.system.documents
    _bare(doc)
    if any(key["user"] == doc["name"] for _, key in documents.all(KEY)):
        raise conflict("Cannot delete entity, must delete access keys first.")
    documents.delete(USER, doc["name"])
    return {}


def _bare(doc: Json) -> None:
    if doc["attached"]:
        raise conflict("Cannot delete entity, must detach all policies first.")
    if doc["inline"]:
        raise conflict("Cannot delete entity, must delete policies first.")


# Roles.


@SERVICE.operation("CreateRole", partial="permissions boundaries are not kept")
async def create_role(asked: Asked, given: Json) -> Json:
    """A role, which who is trusted may take."""
    check_document(given["AssumeRolePolicyDocument"], trust=True)
    doc = made(asked, ROLE, given["RoleName"], given)
    doc |= {
        "trust": given["AssumeRolePolicyDocument"],
        "description": given.get("Description") or "",
        "longest": _longest(given.get("MaxSessionDuration") or 3600),
    }
    save(asked, ROLE, doc)
    return {"Role": shown(ROLE, doc)}


def _longest(seconds: int) -> int:
    if not 3600 <= seconds <= 43200:
        raise AwsError("ValidationError", "MaxSessionDuration must be between 3600 and 43200", http=400)
    return seconds


@SERVICE.operation("GetRole")
async def get_role(asked: Asked, given: Json) -> Json:
    """One role."""
    return {"Role": shown(ROLE, person(asked, ROLE, given["RoleName"]))}


@SERVICE.operation("ListRoles")
async def list_roles(asked: Asked, given: Json) -> Json:
    """All roles whose path begins so."""
    docs = [doc for doc in Directory.of(asked.system).all(ROLE) if _under(doc, given)]
    part, more = page([shown(ROLE, doc) for doc in docs], given)
    return {"Roles": [_untagged(each) for each in part], **more}


@SERVICE.operation("UpdateRole")
async def update_role(asked: Asked, given: Json) -> Json:
    """Description and longest session."""
    doc = own(asked, ROLE, given["RoleName"])
    if given.get("Description") is not None:
        doc["description"] = given["Description"]
    if given.get("MaxSessionDuration") is not None:
        doc["longest"] = _longest(given["MaxSessionDuration"])
    save(asked, ROLE, doc)
    return {}


@SERVICE.operation("UpdateRoleDescription")
async def update_role_description(asked: Asked, given: Json) -> Json:
    """Another description."""
    doc = own(asked, ROLE, given["RoleName"]) | {"description": given["Description"]}
    save(asked, ROLE, doc)
    return {"Role": shown(ROLE, doc)}


@SERVICE.operation("UpdateAssumeRolePolicy")
async def update_assume_role_policy(asked: Asked, given: Json) -> Json:
    """Trust others."""
    check_document(given["PolicyDocument"], trust=True)
    save(asked, ROLE, own(asked, ROLE, given["RoleName"]) | {"trust": given["PolicyDocument"]})
    return {}


@SERVICE.operation("DeleteRole")
async def delete_role(asked: Asked, given: Json) -> Json:
    """Only when nothing hangs on it; its sessions end at once."""
    doc = own(asked, ROLE, given["RoleName"])
    _bare(doc)
    asked.system.documents.delete(ROLE, doc["name"])
    return {}


# Tags, of either.


@SERVICE.operation("TagUser")
@SERVICE.operation("TagRole")
async def tag(asked: Asked, given: Json) -> Json:
    """Add tags."""
    kind, name = whose(given)
    doc, tags = own(asked, kind, name), given["Tags"]
    check_tags(tags)
    keys = {each["Key"] for each in tags}
    doc["tags"] = [each for each in doc["tags"] if each["Key"] not in keys] + tags
    check_tags(doc["tags"])
    save(asked, kind, doc)
    return {}


@SERVICE.operation("UntagUser")
@SERVICE.operation("UntagRole")
async def untag(asked: Asked, given: Json) -> Json:
    """Remove tags."""
    kind, name = whose(given)
    doc = own(asked, kind, name)
    doc["tags"] = [each for each in doc["tags"] if each["Key"] not in given["TagKeys"]]
    save(asked, kind, doc)
    return {}


@SERVICE.operation("ListUserTags")
@SERVICE.operation("ListRoleTags")
async def list_tags(asked: Asked, given: Json) -> Json:
    """Its tags."""
    part, more = page(person(asked, *whose(given))["tags"], given)
    return {"Tags": part, **more}
