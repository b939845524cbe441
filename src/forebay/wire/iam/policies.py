"""Managed policies and their versions."""

from __future__ import annotations

from forebay.access.managed import PREFIX, managed_arns, managed_text
from forebay.clock import now_us
from forebay.runtime.directory import POLICY, ROLE, USER, Directory, Json, arn_of
from forebay.wire.iam.base import (
    SERVICE,
    conflict,
    dated,
    encoded,
    made,
    missing,
    no_policy,
    page,
    refuse_declared,
    save,
)
from forebay.wire.iam.documents import check_document
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked

MOST_VERSIONS = 5


def _find(asked: Asked, arn: str) -> Json:
    text = managed_text(arn)
    if text is not None:
        path, _, name = ("/" + arn.removeprefix(PREFIX)).rpartition("/")
        versions = {"v1": {"text": text, "created": 0}}
        return {
            "name": name, "path": f"{path}/", "id": "ANPAAWS", "created": 0, "tags": [], "description": "",
            "default": "v1", "versions": versions, "arn": arn,
        }  # fmt: skip
    found = Directory.of(asked.system).get(POLICY, arn.rpartition("/")[2])
    if found is None or arn_of(POLICY, found) != arn:
        no_policy(arn)
    return found


def _own(asked: Asked, arn: str) -> Json:
    found = _find(asked, arn)
    if "arn" in found:
        raise AwsError("AccessDenied", f"{arn} is AWS's own policy", http=403)
    refuse_declared(asked, POLICY, found["name"])
    return found


def _holders(asked: Asked, arn: str) -> dict[str, list[Json]]:
    directory = Directory.of(asked.system)
    return {kind: [doc for doc in directory.all(kind) if arn in doc["attached"]] for kind in (USER, ROLE)}


def _shown(asked: Asked, doc: Json) -> Json:
    arn = doc.get("arn") or arn_of(POLICY, doc)
    answer = {
        "PolicyName": doc["name"],
        "PolicyId": doc["id"],
        "Arn": arn,
        "Path": doc["path"],
        "DefaultVersionId": doc["default"],
        "AttachmentCount": sum(map(len, _holders(asked, arn).values())),
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "CreateDate": dated(doc["created"]),
        "UpdateDate": dated(max(each["created"] for each in doc["versions"].values())),
    }
    if doc["description"]:
        answer["Description"] = doc["description"]
    if doc["tags"]:
        answer["Tags"] = doc["tags"]
    return answer


@SERVICE.operation("CreatePolicy")
async def create_policy(asked: Asked, given: Json) -> Json:
    """A policy that users and roles may be given."""
    doc = made(asked, POLICY, given["PolicyName"], given)
    check_document(given["PolicyDocument"], managed=True)
    del doc["inline"], doc["attached"]
    doc |= {
        "description": given.get("Description") or "",
        "default": "v1",
        "versions": {"v1": {"text": given["PolicyDocument"], "created": doc["created"]}},
    }
    save(asked, POLICY, doc)
    return {"Policy": _shown(asked, doc)}


@SERVICE.operation("GetPolicy")
async def get_policy(asked: Asked, given: Json) -> Json:
    """One policy, without its document."""
    return {"Policy": _shown(asked, _find(asked, given["PolicyArn"]))}


@SERVICE.operation("ListPolicies", partial="of AWS's own policies, those of the services offered")
async def list_policies(asked: Asked, given: Json) -> Json:
    """All policies: the account's, AWS's, or both."""
    scope = given.get("Scope") or "All"
    docs = [] if scope == "AWS" else list(Directory.of(asked.system).all(POLICY))
    if scope != "Local":
        docs += [_find(asked, arn) for arn in managed_arns()]
    prefix = given.get("PathPrefix") or "/"
    shown = [_shown(asked, doc) for doc in docs if doc["path"].startswith(prefix)]
    if given.get("OnlyAttached"):
        shown = [each for each in shown if each["AttachmentCount"]]
    part, more = page(shown, given)
    return {"Policies": [{k: v for k, v in each.items() if k != "Tags"} for each in part], **more}


@SERVICE.operation("DeletePolicy")
async def delete_policy(asked: Asked, given: Json) -> Json:
    """Only when nobody has it and it has one version."""
    doc = _own(asked, given["PolicyArn"])
    if any(_holders(asked, given["PolicyArn"]).values()):
        raise conflict("Cannot delete a policy attached to entities.")
    if len(doc["versions"]) > 1:
        raise conflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's"
            " versions. The default version is deleted with the policy."
        )
    asked.system.documents.delete(POLICY, doc["name"])
    return {}


@SERVICE.operation("ListEntitiesForPolicy", partial="there are no groups")
async def list_entities_for_policy(asked: Asked, given: Json) -> Json:
    """Who has it."""
    _find(asked, given["PolicyArn"])
    holders = _holders(asked, given["PolicyArn"])
    wanted = given.get("EntityFilter")
    users = [{"UserName": doc["name"], "UserId": doc["id"]} for doc in holders[USER]]
    roles = [{"RoleName": doc["name"], "RoleId": doc["id"]} for doc in holders[ROLE]]
    return {
        "PolicyGroups": [],
        "PolicyUsers": users if wanted in (None, "User", "LocalManagedPolicy") else [],
        "PolicyRoles": roles if wanted in (None, "Role", "LocalManagedPolicy") else [],
        "IsTruncated": False,
    }


# Versions.


def _version(doc: Json, id: str) -> Json:
    found = doc["versions"].get(id)
    if found is None:
        arn = doc.get("arn") or arn_of(POLICY, doc)
        raise missing(f"Policy {arn} version {id} does not exist or is not attachable.")
    return {
        "VersionId": id,
        "IsDefaultVersion": doc["default"] == id,
        "CreateDate": dated(found["created"]),
    }


@SERVICE.operation("CreatePolicyVersion")
async def create_policy_version(asked: Asked, given: Json) -> Json:
    """Another document, at once in force if asked."""
    doc = _own(asked, given["PolicyArn"])
    check_document(given["PolicyDocument"], managed=True)
    if len(doc["versions"]) >= MOST_VERSIONS:
        raise AwsError(
            "LimitExceeded",
            "A managed policy can have up to 5 versions. Before you create a new version, you must delete an"
            " existing version.",
            http=409,
        )
    last = doc.get("last") or max(int(each[1:]) for each in doc["versions"])
    id = f"v{last + 1}"
    doc["versions"][id] = {"text": given["PolicyDocument"], "created": now_us()}
    doc["last"] = last + 1
    if given.get("SetAsDefault"):
        doc["default"] = id
    save(asked, POLICY, doc)
    return {"PolicyVersion": _version(doc, id)}


@SERVICE.operation("GetPolicyVersion")
async def get_policy_version(asked: Asked, given: Json) -> Json:
    """One version with its document."""
    doc = _find(asked, given["PolicyArn"])
    version = _version(doc, given["VersionId"])
    text = doc["versions"][given["VersionId"]]["text"]
    return {"PolicyVersion": {**version, "Document": encoded(text)}}


@SERVICE.operation("ListPolicyVersions")
async def list_policy_versions(asked: Asked, given: Json) -> Json:
    """Newest first."""
    doc = _find(asked, given["PolicyArn"])
    ids = sorted(doc["versions"], key=lambda id: -int(id[1:]))
    part, more = page([_version(doc, id) for id in ids], given)
    return {"Versions": part, **more}


@SERVICE.operation("SetDefaultPolicyVersion")
async def set_default_policy_version(asked: Asked, given: Json) -> Json:
    """Put a version in force."""
    doc = _own(asked, given["PolicyArn"])
    _version(doc, given["VersionId"])
    save(asked, POLICY, doc | {"default": given["VersionId"]})
    return {}


@SERVICE.operation("DeletePolicyVersion")
async def delete_policy_version(asked: Asked, given: Json) -> Json:
    """Remove a version that is not in force."""
    doc = _own(asked, given["PolicyArn"])
    if _version(doc, given["VersionId"])["IsDefaultVersion"]:
        raise conflict("Cannot delete the default version of a policy.")
    doc["last"] = doc.get("last") or max(int(each[1:]) for each in doc["versions"])
    del doc["versions"][given["VersionId"]]
    save(asked, POLICY, doc)
    return {}
