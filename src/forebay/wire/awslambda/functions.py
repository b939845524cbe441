"""Functions: made, seen, changed, removed."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Any

from forebay.errors import DataRejected, ForebayError
from forebay.functions.package import Package, keep
from forebay.functions.section import FunctionSpec
from forebay.lake.section import buckets
from forebay.lake.shelf import Shelf
from forebay.wire.awslambda.base import (
    ALIAS,
    ASYNC,
    FUNCTIONS,
    LATEST,
    POLICY,
    SERVICE,
    Found,
    Named,
    conflict,
    error,
    find,
    function_arn,
    invalid,
    named,
    own,
    page,
    refused,
)
from forebay.wire.awslambda.code import project_zip, url
from forebay.wire.awslambda.config import changed, check, configuration, now, spec_of
from forebay.wire.awslambda.versions import publish
from forebay.wire.s3.objects import opened
from forebay.wire.service import Asked, Json

ZIPPED = 50 << 20
"""Bytes of a zip file that comes with the call; one in a bucket may have as many as its files."""
IN_BUCKET = 256 << 20

PARTIAL = (
    "Python from zip files only, on the Python that runs forebay whatever 3.x is asked for; `VpcConfig`, "
    "`TracingConfig`, `SnapStart`, `EphemeralStorage`, `LoggingConfig` and `KMSKeyArn` are only kept; layers, "
    "images, dead letter queues and file systems are refused; the function is active at once"
)


def code_folder(asked: Asked) -> Path:
    """Where uploads are kept."""
    return asked.system.layout.code


async def _code(asked: Asked, given: Json) -> Package:
    """Keep the code that a call brings or names. Raises AwsError."""
    if given.get("ImageUri"):
        raise refused("container images: functions are zip files of Python")
    data = given.get("ZipFile")
    if data is None and given.get("S3Bucket"):
        data = await asyncio.to_thread(_from_bucket, asked, given)
    elif data is None:
        raise invalid("Please provide a source for function code.")
    elif len(data) > ZIPPED:
        raise error(
            "RequestEntityTooLargeException",
            f"Request must be smaller than 70167211 bytes for the {asked.operation} operation",
            413,
        )
    if not data:
        raise invalid("Uploaded file must be a non-empty zip")
    try:
        return await asyncio.to_thread(keep, code_folder(asked), data)
    except DataRejected as trouble:
        match trouble.code:
            case "TooLarge":
                raise invalid(trouble.message) from None
            case "BadEntry":
                raise invalid(f"Could not unzip uploaded file: {trouble.message}") from None
        text = "Could not unzip uploaded file. Please check your file, then try to upload again."
        raise invalid(text if "non-empty" not in trouble.message else trouble.message) from None


def _from_bucket(asked: Asked, given: Json) -> bytes:
    def said(code: str, message: str) -> Exception:
        text = f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"
        return invalid(text)

    if given["S3Bucket"] not in buckets(asked.system.project()):
        raise said("NoSuchBucket", "The specified bucket does not exist")
    layout = asked.system.layout
    try:
        shelf = Shelf(layout.catalog, layout.lake)
        version = given.get("S3ObjectVersion")
        found, fd = opened(shelf, given["S3Bucket"], given.get("S3Key", ""), version)
        if found.marker:
            raise said("NoSuchKey", "The specified key does not exist.")
        with os.fdopen(fd, "rb") as file:
            if found.size > IN_BUCKET:
                raise invalid("Unzipped size must be smaller than 262144000 bytes")
            return file.read()
    except ForebayError as trouble:
        if trouble.code in ("NoSuchKey", "NoSuchVersion"):
            raise said(trouble.code, trouble.message) from None
        raise
    except OSError as trouble:
        raise said("InternalError", str(trouble)) from None


@SERVICE.operation("CreateFunction", partial=PARTIAL)
async def create_function(asked: Asked, given: Json) -> Json:
    """Make a function."""
    check(given)
    which = named(asked, given)
    if which.qualifier is not None:
        raise invalid("Function name cannot be qualified in this operation")
    if given.get("Handler") is None or given.get("Runtime") is None:
        raise invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    _absent(asked, which)
    package = await _code(asked, given["Code"])
    _absent(asked, which)
    meta: Json = {
        "config": {"Role": given["Role"], "Handler": given["Handler"]},
        "code": {"sha256": package.sha256, "size": package.size},
        "created": now(),
        "tags": given.get("Tags") or {},
        "architectures": given.get("Architectures") or ["x86_64"],
        "versions": 0,
    }
    meta = changed(meta, given)
    put(asked, which.name, meta)
    await asked.system.apply()
    if given.get("Publish"):
        published = await publish(asked, which.name, None)
        return {**published, "FunctionArn": function_arn(asked, which.name)}
    return configuration(asked, find(asked, which))


def _absent(asked: Asked, which: Named) -> None:
    if which.name in asked.system.project().of(FunctionSpec):
        raise conflict(f"Function already exist: {which.name}")


def put(asked: Asked, name: str, meta: Json) -> None:
    """Keep a function's document."""
    spec = spec_of(asked, name, meta)
    asked.system.documents.put(FUNCTIONS, name, {"spec": spec, "meta": meta})


def _location(asked: Asked, found: Found) -> Json:
    if found.doc is not None:
        sha256 = found.meta["code"]["sha256"]
    else:
        sha256 = hashlib.sha256(project_zip(asked.system.project(), found.spec)).hexdigest()
    return {"RepositoryType": "S3", "Location": url(asked, found.name, sha256)}


@SERVICE.operation("GetFunction")
async def get_function(asked: Asked, given: Json) -> Json:
    """A function, its code's place and its tags."""
    which = named(asked, given)
    found = find(asked, which)
    answer: Json = {
        "Configuration": await asyncio.to_thread(configuration, asked, found, which),
        "Code": _location(asked, found),
    }
    if found.meta.get("tags"):
        answer["Tags"] = found.meta["tags"]
    reserved = _latest_meta(asked, found).get("reserved")
    if reserved is not None:
        answer["Concurrency"] = {"ReservedConcurrentExecutions": reserved}
    return answer


def _latest_meta(asked: Asked, found: Found) -> Json:
    doc = asked.system.documents.get(FUNCTIONS, found.name)
    return doc["meta"] if doc is not None else {}


@SERVICE.operation("GetFunctionConfiguration")
async def get_function_configuration(asked: Asked, given: Json) -> Json:
    """A function's configuration."""
    which = named(asked, given)
    return await asyncio.to_thread(configuration, asked, find(asked, which), which)


@SERVICE.operation("ListFunctions")
async def list_functions(asked: Asked, given: Json) -> Json:
    """The functions, with `FunctionVersion=ALL` their versions too."""
    everything = given.get("FunctionVersion") == "ALL"
    found = []
    for id in sorted(asked.system.project().of(FunctionSpec)):
        name, colon, version = id.partition(":")
        if not colon or everything:
            found.append(Named(name, version or None))
    chosen, more = page(found, given)
    answers = [await asyncio.to_thread(configuration, asked, find(asked, which)) for which in chosen]
    if everything:
        answers = [
            {**each, "FunctionArn": f"{each['FunctionArn']}:{LATEST}"} if each["Version"] == LATEST else each
            for each in answers
        ]
    return {"Functions": answers, **more}


@SERVICE.operation("UpdateFunctionCode", partial="zip files only; the new code is active at once")
async def update_function_code(asked: Asked, given: Json) -> Json:
    """Replace a function's code."""
    which = named(asked, given)
    _, doc = own(asked, which)
    _revision(doc, given)
    package = await _code(asked, given)
    found, doc = own(asked, which)
    meta: Json = {
        **changed(doc["meta"], {}),
        "code": {"sha256": package.sha256, "size": package.size},
    }
    if given.get("Architectures"):
        meta["architectures"] = given["Architectures"]
    if given.get("DryRun"):
        return configuration(asked, Found(found.name, LATEST, found.spec, {**doc, "meta": meta}))
    put(asked, which.name, meta)
    await asked.system.apply()
    if given.get("Publish"):
        return await publish(asked, which.name, None)
    return configuration(asked, find(asked, Named(which.name, None)))


@SERVICE.operation("UpdateFunctionConfiguration", partial=PARTIAL)
async def update_function_configuration(asked: Asked, given: Json) -> Json:
    """Change what a function is given."""
    which = named(asked, given)
    _, doc = own(asked, which)
    check(given)
    _revision(doc, given)
    put(asked, which.name, changed(doc["meta"], given))
    await asked.system.apply()
    return configuration(asked, find(asked, Named(which.name, None)))


def _revision(doc: Json, given: Json) -> None:
    asked_for: Any = given.get("RevisionId")
    if asked_for and asked_for != doc["meta"]["revision"]:
        raise error(
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
            "retrieve the latest Revision Id",
            412,
        )


@SERVICE.operation("DeleteFunction")
async def delete_function(asked: Asked, given: Json) -> Json:
    """Remove a function with its versions and settings, or one version."""
    which = named(asked, given)
    documents = asked.system.documents
    if which.qualifier is not None:
        if which.qualifier == LATEST:
            raise invalid("$LATEST version cannot be deleted without deleting the function.")
        found = find(asked, which)
        own(asked, Named(which.name, None))
        if not which.qualifier.isdigit():
            raise invalid("Deletion of aliases is not currently supported.")
        pointing = [
            id for id, doc in documents.all(ALIAS, f"{which.name}:") if doc["version"] == found.version
        ]
        if pointing:
            raise conflict(
                f"Unable to delete version because the following aliases reference it: [{', '.join(pointing)}]"
            )
        documents.delete(FUNCTIONS, found.id)
        documents.delete(POLICY, found.id)
        documents.delete(ASYNC, found.id)
    else:
        own(asked, which)
        documents.delete(FUNCTIONS, which.name)
        for kind in (FUNCTIONS, ALIAS, POLICY, ASYNC):
            documents.delete_all(kind, f"{which.name}:")
        documents.delete(POLICY, which.name)
    await asked.system.apply()
    return {}
