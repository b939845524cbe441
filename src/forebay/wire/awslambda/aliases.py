"""Aliases: names for versions."""

from __future__ import annotations

import uuid

from forebay.wire.awslambda.base import (
    ALIAS,
    SERVICE,
    Named,
    conflict,
    error,
    find,
    function_arn,
    named,
    not_found,
    own,
    page,
    refused,
)
from forebay.wire.awslambda.mappings import retarget
from forebay.wire.awslambda.tags import check_tags
from forebay.wire.service import Asked, Json

PARTIAL = "an alias stands for one version: weights between two are refused"


def _shown(asked: Asked, function: str, name: str, doc: Json) -> Json:
    return {
        "AliasArn": function_arn(asked, function, name),
        "Name": name,
        "FunctionVersion": doc["version"],
        "Description": doc["description"],
        "RevisionId": doc["revision"],
    }


def _get(asked: Asked, given: Json) -> tuple[str, str, Json]:
    which = named(asked, given)
    find(asked, Named(which.name, None))
    name = given["Name"]
    doc = asked.system.documents.get(ALIAS, f"{which.name}:{name}")
    if doc is None:
        raise not_found(f"Cannot find alias arn: {function_arn(asked, which.name, name)}")
    return which.name, name, doc


def _check_weights(given: Json) -> None:
    if (given.get("RoutingConfig") or {}).get("AdditionalVersionWeights"):
        raise refused("aliases that stand for two versions by weight")


@SERVICE.operation("CreateAlias", partial=PARTIAL)
async def create_alias(asked: Asked, given: Json) -> Json:
    """Name a version."""
    _check_weights(given)
    check_tags(given.get("Tags") or {})
    which = named(asked, given)
    own(asked, which)
    name, version = given["Name"], given["FunctionVersion"]
    if asked.system.documents.get(ALIAS, f"{which.name}:{name}") is not None:
        raise conflict(f"Alias already exists: {function_arn(asked, which.name, name)}")
    find(asked, Named(which.name, version))
    doc = {"version": version, "description": given.get("Description", ""), "revision": str(uuid.uuid4())}
    asked.system.documents.put(ALIAS, f"{which.name}:{name}", doc)
    return _shown(asked, which.name, name, doc)


@SERVICE.operation("GetAlias", partial=PARTIAL)
async def get_alias(asked: Asked, given: Json) -> Json:
    """An alias."""
    return _shown(asked, *_get(asked, given))


@SERVICE.operation("ListAliases", partial=PARTIAL)
async def list_aliases(asked: Asked, given: Json) -> Json:
    """A function's aliases, or those of one of its versions."""
    which = named(asked, given)
    find(asked, Named(which.name, None))
    wanted = given.get("FunctionVersion")
    found = [
        _shown(asked, which.name, id.partition(":")[2], doc)
        for id, doc in asked.system.documents.all(ALIAS, f"{which.name}:")
        if wanted in (None, doc["version"])
    ]
    chosen, more = page(found, given)
    return {"Aliases": chosen, **more}


@SERVICE.operation("UpdateAlias", partial=PARTIAL)
async def update_alias(asked: Asked, given: Json) -> Json:
    """Have an alias stand for another version."""
    _check_weights(given)
    function, name, doc = _get(asked, given)
    if given.get("RevisionId") and given["RevisionId"] != doc["revision"]:
        raise error(
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
            "retrieve the latest Revision Id",
            412,
        )
    if "FunctionVersion" in given:
        find(asked, Named(function, given["FunctionVersion"]))
        doc["version"] = given["FunctionVersion"]
    doc["description"] = given.get("Description", doc["description"])
    doc["revision"] = str(uuid.uuid4())
    asked.system.documents.put(ALIAS, f"{function}:{name}", doc)
    await retarget(asked, function)
    return _shown(asked, function, name, doc)


@SERVICE.operation("DeleteAlias")
async def delete_alias(asked: Asked, given: Json) -> Json:
    """Forget an alias; whether there was one does not matter."""
    which = named(asked, given)
    find(asked, Named(which.name, None))
    if asked.system.documents.delete(ALIAS, f"{which.name}:{given['Name']}"):
        await retarget(asked, which.name)
    return {}
