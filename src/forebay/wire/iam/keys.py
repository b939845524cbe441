"""Access keys: two a user, the secret shown once."""

from __future__ import annotations

from forebay.errors import UsageError
from forebay.runtime.directory import KEY, MOST_KEYS, USER, Directory, Json
from forebay.wire.iam.base import SERVICE, dated, missing, page, person
from forebay.wire.iam.people import caller_name
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked


def new_key(directory: Directory, user: str) -> tuple[str, Json]:
    """Make a key for `user`, and keep it. Raises LimitExceeded."""
    try:
        return directory.new_key(user)
    except UsageError:
        message = f"Cannot exceed quota for AccessKeysPerUser: {MOST_KEYS}"
        raise AwsError("LimitExceeded", message, http=409) from None


def _user(asked: Asked, given: Json) -> str:
    name = given.get("UserName") or caller_name(asked)
    if name is None:
        raise AwsError("ValidationError", "Must specify userName when calling with non-User credentials")
    return str(person(asked, USER, name)["name"])


def _key(asked: Asked, given: Json) -> tuple[str, Json]:
    id = given["AccessKeyId"]
    key = asked.system.documents.get(KEY, id)
    name = given.get("UserName") or caller_name(asked)
    if name is not None:
        person(asked, USER, name)
    if key is None or (name is not None and key["user"] != name):
        raise missing(f"The Access Key with id {id} cannot be found.")
    return id, key


@SERVICE.operation("CreateAccessKey")
async def create_access_key(asked: Asked, given: Json) -> Json:
    """A key and its secret, which is not shown again; for users of the project too."""
    id, key = new_key(Directory.of(asked.system), _user(asked, given))
    return {
        "AccessKey": {
            "UserName": key["user"],
            "AccessKeyId": id,
            "Status": key["status"],
            "SecretAccessKey": key["secret"],
            "CreateDate": dated(key["created"]),
        }
    }


@SERVICE.operation("ListAccessKeys")
async def list_access_keys(asked: Asked, given: Json) -> Json:
    """A user's keys, without their secrets."""
    user = _user(asked, given)
    keys = [
        {
            "UserName": user,
            "AccessKeyId": id,
            "Status": key["status"],
            "CreateDate": dated(key["created"]),
        }
        for id, key in asked.system.documents.all(KEY)
        if key["user"] == user
    ]
    part, more = page(keys, given)
    return {"AccessKeyMetadata": part, **more}


@SERVICE.operation("UpdateAccessKey")
async def update_access_key(asked: Asked, given: Json) -> Json:
    """Close a key, or open it again."""
    id, key = _key(asked, given)
    asked.system.documents.put(KEY, id, {**key, "status": given["Status"]})
    return {}


@SERVICE.operation("DeleteAccessKey")
async def delete_access_key(asked: Asked, given: Json) -> Json:
    """Close a key for good."""
    id, _ = _key(asked, given)
    asked.system.documents.delete(KEY, id)
    return {}


@SERVICE.operation("GetAccessKeyLastUsed", partial="whose key it is; when it was used is not kept")
async def get_access_key_last_used(asked: Asked, given: Json) -> Json:
    """Whose key it is."""
    key = asked.system.documents.get(KEY, given["AccessKeyId"])
    if key is None:
        raise AwsError(
            "AccessDenied", f"The Access Key with id {given['AccessKeyId']} cannot be found", http=403
        )
    return {"UserName": key["user"], "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}
