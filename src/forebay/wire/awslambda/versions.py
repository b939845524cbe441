"""Versions: a function as it was when it was published, which can be called as it was."""

from __future__ import annotations

from typing import Any

from forebay.functions.section import FunctionSpec
from forebay.wire.awslambda.base import (
    FUNCTIONS,
    LATEST,
    SERVICE,
    Named,
    error,
    find,
    function_arn,
    invalid,
    named,
    own,
    page,
)
from forebay.wire.awslambda.config import configuration
from forebay.wire.service import Asked, Json


def ids(asked: Asked, name: str) -> list[str]:
    """The numbers of a function's versions, oldest first."""
    known = asked.system.project().of(FunctionSpec)
    return sorted((id.partition(":")[2] for id in known if id.startswith(f"{name}:")), key=int)


async def publish(asked: Asked, name: str, description: str | None) -> Json:
    """Keep the function as it is now as a version of its own; the last one if nothing changed since."""
    _, doc = own(asked, Named(name, None))
    meta: dict[str, Any] = doc["meta"]
    last = ids(asked, name)[-1:]
    if last:
        newest = find(asked, Named(name, last[0]))
        if newest.meta.get("of") == [meta["code"]["sha256"], meta["config"]]:
            return configuration(asked, newest)
    number = meta["versions"] + 1
    config = dict(meta["config"])
    if description is not None:
        config["Description"] = description
    kept = {**meta, "config": config, "of": [meta["code"]["sha256"], meta["config"]]}
    documents = asked.system.documents
    documents.put(FUNCTIONS, name, {**doc, "meta": {**meta, "versions": number}})
    documents.put(FUNCTIONS, f"{name}:{number}", {"spec": doc["spec"], "meta": kept})
    await asked.system.apply()
    return configuration(asked, find(asked, Named(name, str(number))))


@SERVICE.operation("PublishVersion")
async def publish_version(asked: Asked, given: Json) -> Json:
    """Publish a version."""
    which = named(asked, given)
    _, doc = own(asked, which)
    meta = doc["meta"]
    if given.get("RevisionId") and given["RevisionId"] != meta["revision"]:
        raise error(
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
            "retrieve the latest Revision Id",
            412,
        )
    digest = given.get("CodeSha256")
    current = configuration(asked, find(asked, Named(which.name, None)))["CodeSha256"]
    if digest and digest != current:
        raise invalid(
            f"CodeSHA256 ({digest}) is different from current CodeSHA256 in $LATEST ({current}). Please try again "
            "with the CodeSHA256 in $LATEST."
        )
    return await publish(asked, which.name, given.get("Description"))


@SERVICE.operation("ListVersionsByFunction")
async def list_versions_by_function(asked: Asked, given: Json) -> Json:
    """`$LATEST` and the versions."""
    which = named(asked, given)
    latest = configuration(asked, find(asked, Named(which.name, None)))
    latest["FunctionArn"] = function_arn(asked, which.name, LATEST)
    chosen, more = page(["", *ids(asked, which.name)], given)
    return {
        "Versions": [
            configuration(asked, find(asked, Named(which.name, number))) if number else latest
            for number in chosen
        ],
        **more,
    }
