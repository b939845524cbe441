"""What else a function is told: its concurrency, what becomes of asynchronous calls, limits of the account."""

from __future__ import annotations

import time
from typing import Any

from forebay.functions.section import FunctionSpec
from forebay.lake.section import buckets
from forebay.wire.awslambda.base import (
    ASYNC,
    FUNCTIONS,
    LATEST,
    SERVICE,
    Named,
    find,
    function_arn,
    invalid,
    named,
    not_found,
    own,
    page,
    refused,
)
from forebay.wire.awslambda.config import WORKERS
from forebay.wire.awslambda.functions import put
from forebay.wire.service import Asked, Json

LIMIT = 1000
KEPT_BACK = 100
UNZIPPED, ZIPPED, TOTAL = 262_144_000, 52_428_800, 80_530_636_800


@SERVICE.operation("PutFunctionConcurrency", partial=f"more than {WORKERS} is {WORKERS}")
async def put_function_concurrency(asked: Asked, given: Json) -> Json:
    """Bound how many calls of a function run at once; 0 stops it."""
    which = named(asked, given)
    if which.qualifier is not None:
        raise invalid("This operation does not support a function's version or alias.")
    _, doc = own(asked, which)
    reserved = given["ReservedConcurrentExecutions"]
    others = sum(
        each["meta"].get("reserved") or 0
        for id, each in asked.system.documents.all(FUNCTIONS)
        if ":" not in id and id != which.name
    )
    if LIMIT - others - reserved < KEPT_BACK:
        raise invalid(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{KEPT_BACK}]."
        )
    put(asked, which.name, {**doc["meta"], "reserved": reserved})
    await asked.system.apply()
    return {"ReservedConcurrentExecutions": reserved}


@SERVICE.operation("GetFunctionConcurrency")
async def get_function_concurrency(asked: Asked, given: Json) -> Json:
    """The bound, if there is one."""
    found = find(asked, Named(named(asked, given).name, None))
    reserved = found.spec.workers if found.doc is None else found.meta.get("reserved")
    return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}


@SERVICE.operation("DeleteFunctionConcurrency")
async def delete_function_concurrency(asked: Asked, given: Json) -> Json:
    """Take the bound away."""
    which = named(asked, given)
    _, doc = own(asked, which)
    put(asked, which.name, {name: value for name, value in doc["meta"].items() if name != "reserved"})
    await asked.system.apply()
    return {}


# What becomes of asynchronous calls.

_TOLD = "an asynchronous call's `OnSuccess` is a function, its `OnFailure` a function or a bucket"


def _destination(asked: Asked, arn: str, when: str) -> Json:
    """Where a destination goes, in the parts of a function's specification."""
    service = arn.split(":")[2] if arn.count(":") >= 5 else ""
    match service:
        case "lambda":
            which = named(asked, {"FunctionName": arn})
            if which.name not in asked.system.project().of(FunctionSpec):
                raise invalid(f"The destination ARN {arn} is invalid.")
            return {
                "on_success" if when == "OnSuccess" else "on_failure": {
                    "noun": "functions",
                    "name": which.name,
                }
            }
        case "s3" if when == "OnFailure":
            bucket = arn.removeprefix("arn:aws:s3:::")
            if bucket not in buckets(asked.system.project()):
                raise invalid(f"The destination ARN {arn} is invalid.")
            return {"errors": {"bucket": bucket, "prefix": ""}}
        case "sqs" | "sns" | "events" | "s3":
            raise refused(f"{arn} as a destination of {when}: {_TOLD}")
    raise invalid(f"The provided destination config DestinationConfig is invalid: {arn}")


def _where(asked: Asked, given: Json) -> tuple[Named, str, str]:
    which = named(asked, given)
    find(asked, which)
    if not which.unqualified:
        raise refused("settings of asynchronous calls for versions and aliases")
    return which, f"{which.name}:{LATEST}", function_arn(asked, which.name, which.qualifier or LATEST)


async def _keep(asked: Asked, which: Named, id: str, doc: Json | None) -> None:
    _, function = own(asked, which)
    if doc is None:
        asked.system.documents.delete(ASYNC, id)
    else:
        asked.system.documents.put(ASYNC, id, doc)
    put(asked, which.name, function["meta"])
    await asked.system.apply()


def _made(asked: Asked, given: Json, doc: Json) -> Json:
    doc, name = dict(doc), named(asked, given).name
    if given.get("MaximumRetryAttempts") is not None:
        doc["retries"] = given["MaximumRetryAttempts"]
    if given.get("MaximumEventAgeInSeconds") is not None:
        doc["max_age"] = given["MaximumEventAgeInSeconds"]
    if "DestinationConfig" in given:
        config = given["DestinationConfig"] or {}
        for part in ("on_success", "on_failure", "errors"):
            doc.pop(part, None)
        for when in ("OnSuccess", "OnFailure"):
            arn = (config.get(when) or {}).get("Destination")
            if arn:
                doc |= _destination(asked, arn, when)
                if doc.get("on_success" if when == "OnSuccess" else "on_failure", {}).get("name") == name:
                    raise invalid("You can't specify the function as a destination for itself.")
        doc["destinations"] = config
    doc["modified"] = time.time()
    return doc


def _shown(asked: Asked, name: str, doc: Json) -> Json:
    answer: Json = {
        "LastModified": doc["modified"],
        "FunctionArn": function_arn(asked, name, LATEST),
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}, **(doc.get("destinations") or {})},
    }
    if "retries" in doc:
        answer["MaximumRetryAttempts"] = doc["retries"]
    if "max_age" in doc:
        answer["MaximumEventAgeInSeconds"] = doc["max_age"]
    return answer


def _something(given: Json) -> None:
    members = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
    if all(given.get(member) is None for member in members):
        raise invalid("You must specify at least one of error handling or destination setting.")


@SERVICE.operation("PutFunctionEventInvokeConfig", partial=_TOLD)
async def put_function_event_invoke_config(asked: Asked, given: Json) -> Json:
    """Say what becomes of asynchronous calls."""
    _something(given)
    which, id, _ = _where(asked, given)
    doc = _made(asked, given, {})
    await _keep(asked, which, id, doc)
    return _shown(asked, which.name, doc)


@SERVICE.operation("UpdateFunctionEventInvokeConfig", partial=_TOLD)
async def update_function_event_invoke_config(asked: Asked, given: Json) -> Json:
    """Change what becomes of asynchronous calls."""
    _something(given)
    which, id, arn = _where(asked, given)
    doc = _existing(asked, id, arn)
    doc = _made(asked, given, doc)
    await _keep(asked, which, id, doc)
    return _shown(asked, which.name, doc)


def _existing(asked: Asked, id: str, arn: str) -> Json:
    doc: Json | None = asked.system.documents.get(ASYNC, id)
    if doc is None:
        raise not_found(f"The function {arn} doesn't have an EventInvokeConfig")
    return doc


@SERVICE.operation("GetFunctionEventInvokeConfig", partial=_TOLD)
async def get_function_event_invoke_config(asked: Asked, given: Json) -> Json:
    """What becomes of asynchronous calls."""
    which, id, arn = _where(asked, given)
    return _shown(asked, which.name, _existing(asked, id, arn))


@SERVICE.operation("DeleteFunctionEventInvokeConfig")
async def delete_function_event_invoke_config(asked: Asked, given: Json) -> Json:
    """Back to two retries and nobody told."""
    which, id, arn = _where(asked, given)
    _existing(asked, id, arn)
    await _keep(asked, which, id, None)
    return {}


@SERVICE.operation("ListFunctionEventInvokeConfigs", partial=_TOLD)
async def list_function_event_invoke_configs(asked: Asked, given: Json) -> Json:
    """Those of a function: one at most."""
    which, id, _ = _where(asked, {"FunctionName": given["FunctionName"]})
    doc = asked.system.documents.get(ASYNC, id)
    return {"FunctionEventInvokeConfigs": [] if doc is None else [_shown(asked, which.name, doc)]}


# What is the same for everybody.


@SERVICE.operation("GetAccountSettings")
async def get_account_settings(asked: Asked, given: Json) -> Json:
    """Limits, and what is used of them."""
    sizes: dict[str, int] = {}
    count = 0
    for id, doc in asked.system.documents.all(FUNCTIONS):
        sizes[doc["meta"]["code"]["sha256"]] = doc["meta"]["code"]["size"]
        count += ":" not in id
    reserved = sum(
        doc["meta"].get("reserved") or 0 for id, doc in asked.system.documents.all(FUNCTIONS) if ":" not in id
    )
    declared = sum(":" not in id for id in asked.system.declared().of(FunctionSpec))
    return {
        "AccountLimit": {
            "TotalCodeSize": TOTAL,
            "CodeSizeUnzipped": UNZIPPED,
            "CodeSizeZipped": ZIPPED,
            "ConcurrentExecutions": LIMIT,
            "UnreservedConcurrentExecutions": LIMIT - reserved,
        },
        "AccountUsage": {"TotalCodeSize": sum(sizes.values()), "FunctionCount": count + declared},
    }


@SERVICE.operation("GetFunctionCodeSigningConfig", partial="there is none")
async def get_function_code_signing_config(asked: Asked, given: Json) -> Json:
    """That the function has none."""
    which = named(asked, given)
    find(asked, Named(which.name, None))
    return {"FunctionName": which.name}


@SERVICE.operation("GetRuntimeManagementConfig", partial="runtimes change with forebay's Python")
async def get_runtime_management_config(asked: Asked, given: Json) -> Json:
    """That the runtime is what it is."""
    which = named(asked, given)
    find(asked, which)
    return {
        "UpdateRuntimeOn": "Auto",
        "FunctionArn": function_arn(asked, which.name, which.qualifier or LATEST),
    }


@SERVICE.operation("GetFunctionRecursionConfig", partial="loops are not looked for")
async def get_function_recursion_config(asked: Asked, given: Json) -> Json:
    """That loops are allowed."""
    find(asked, Named(named(asked, given).name, None))
    return {"RecursiveLoop": "Allow"}


@SERVICE.operation("ListLayers", partial="there are none")
async def list_layers(asked: Asked, given: Json) -> Json:
    """No layers."""
    layers: list[Any] = []
    chosen, more = page(layers, given)
    del asked
    return {"Layers": chosen, **more}


@SERVICE.operation("ListFunctionUrlConfigs", partial="there are none")
async def list_function_url_configs(asked: Asked, given: Json) -> Json:
    """No URLs: a route of the project can lead to a function."""
    find(asked, Named(named(asked, given).name, None))
    return {"FunctionUrlConfigs": []}


@SERVICE.operation("GetFunctionUrlConfig", partial="there is none")
async def get_function_url_config(asked: Asked, given: Json) -> Json:
    """That there is none."""
    find(asked, Named(named(asked, given).name, None))
    raise not_found("The resource you requested does not exist.")


@SERVICE.operation("ListProvisionedConcurrencyConfigs", partial="there are none")
async def list_provisioned_concurrency_configs(asked: Asked, given: Json) -> Json:
    """No workers are kept ready beyond those that ran."""
    find(asked, Named(named(asked, given).name, None))
    return {"ProvisionedConcurrencyConfigs": []}
