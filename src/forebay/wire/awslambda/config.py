"""A function's configuration: what may be asked for, and how it is answered."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec

from forebay.arn import ACCOUNT
from forebay.functions.section import FunctionSpec
from forebay.wire.awslambda.base import ASYNC, LATEST, Found, Named, function_arn, invalid, refused
from forebay.wire.awslambda.code import code_file, project_zip
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, present

WORKERS = 8
"""Processes that run a function at once where its concurrency is not reserved."""

KEPT_ONLY = ("VpcConfig", "TracingConfig", "KMSKeyArn", "EphemeralStorage", "SnapStart", "LoggingConfig")
"""What is kept and given back, and changes nothing."""

_RESERVED = (
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
)  # fmt: skip
_LIMITS = (("Timeout", "timeout", 900), ("MemorySize", "memorySize", 10240))
_REFUSED = {
    "Layers": "layers: put the libraries into the function's zip file",
    "FileSystemConfigs": "file systems in functions",
    "CodeSigningConfigArn": "code signing",
    "DurableConfig": "durable functions",
    "TenancyConfig": "tenant isolation",
    "CapacityProviderConfig": "capacity providers",
    "AcceleratorConfig": "accelerators",
}


def own_runtime() -> str:
    """The runtime that functions run on, in Lambda's words."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def check(given: Json) -> None:
    """Refuse what a function may not be, or may not be here."""
    for member, name, most in _LIMITS:
        if given.get(member, 0) > most:
            raise AwsError(
                "ValidationException",
                f"1 validation error detected: Value '{given[member]}' at '{name}' failed to satisfy constraint: "
                f"Member must have value less than or equal to {most}",
                http=400,
            )
    for member, what in _REFUSED.items():
        if given.get(member):
            raise refused(what)
    if given.get("PackageType") == "Image":
        raise refused("container images: functions are zip files of Python")
    if (given.get("DeadLetterConfig") or {}).get("TargetArn"):
        raise refused("dead letter queues of functions: use PutFunctionEventInvokeConfig's OnFailure")
    runtime = given.get("Runtime")
    if runtime is not None and not _python(runtime):
        raise invalid(
            f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
            f"[python3.9, python3.10, python3.11, python3.12, python3.13, python3.14] or be a valid ARN; "
            "forebay runs Python only"
        )
    variables = (given.get("Environment") or {}).get("Variables") or {}
    reserved = [name for name in variables if name in _RESERVED]
    if reserved:
        raise invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used "
            f"in this request: {', '.join(reserved)}"
        )
    measured = json.dumps(variables, separators=(",", ":"))
    if len(measured) > 4096:
        raise invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the 4KB limit. String measured: {measured}"
        )


def _python(runtime: str) -> bool:
    kind, dot, minor = runtime.partition(".")
    return kind == "python3" and dot == "." and minor.isdigit() and int(minor) >= 6


def now() -> str:
    """A time, as a function's configuration has it."""
    at = datetime.now(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}+0000"


def changed(meta: Json, given: Json) -> Json:
    """`meta` with what is given of a configuration."""
    meta = {**meta, "modified": now(), "revision": str(uuid.uuid4())}
    for member in ("Runtime", "Role", "Handler", "Description", "Timeout", "MemorySize", *KEPT_ONLY):
        if member in given:
            meta["config"] = {**meta["config"], member: given[member]}
    if "Environment" in given:
        variables = (given["Environment"] or {}).get("Variables") or {}
        meta["config"] = {**meta["config"], "Environment": variables}
    return meta


def spec_of(asked: Asked, name: str, meta: Json) -> Json:
    """What the flow runs, from what the API knows: an encoded `FunctionSpec`."""
    config = meta["config"]
    reserved = meta.get("reserved")
    doc = asked.system.documents.get(ASYNC, f"{name}:{LATEST}") or {}
    spec = FunctionSpec(
        handler=config["Handler"],
        timeout=float(config.get("Timeout", 3)),
        memory=int(config.get("MemorySize", 128)) << 20,
        environment=config.get("Environment") or {},
        workers=WORKERS if reserved is None else min(WORKERS, int(reserved)),
        code=meta["code"]["sha256"],
        role=config["Role"].rpartition("/")[2],
    )
    encoded: Json = msgspec.to_builtins(spec)
    return {**encoded, **asynchronous(doc)}


def asynchronous(doc: Json) -> Json:
    """The parts of an encoded spec that PutFunctionEventInvokeConfig sets."""
    found: Json = {}
    if doc.get("retries") is not None:
        found["retries"] = doc["retries"]
    if doc.get("max_age") is not None:
        found["max_age"] = float(doc["max_age"])
    for member in ("on_failure", "on_success", "errors"):
        if doc.get(member):
            found[member] = doc[member]
    return found


def configuration(asked: Asked, found: Found, which: Named | None = None) -> Json:
    """`FunctionConfiguration`. Its ARN is qualified as in `which`, else where it is a version's."""
    if found.doc is None:
        return _declared(asked, found)
    meta = found.meta
    config = meta["config"]
    qualifier = None if found.version == LATEST else found.version
    if which is not None:
        qualifier = which.qualifier
    answer: Json = {
        "FunctionName": found.name,
        "FunctionArn": function_arn(asked, found.name, qualifier),
        "Runtime": config.get("Runtime"),
        "Role": config["Role"],
        "Handler": config["Handler"],
        "CodeSize": meta["code"]["size"],
        "Description": config.get("Description", ""),
        "Timeout": config.get("Timeout", 3),
        "MemorySize": config.get("MemorySize", 128),
        "LastModified": meta["modified"],
        "CodeSha256": base64.b64encode(bytes.fromhex(meta["code"]["sha256"])).decode(),
        "Version": found.version,
        "TracingConfig": {"Mode": (config.get("TracingConfig") or {}).get("Mode", "PassThrough")},
        "RevisionId": meta["revision"],
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": meta.get("architectures", ["x86_64"]),
        "EphemeralStorage": config.get("EphemeralStorage") or {"Size": 512},
        "SnapStart": {
            "ApplyOn": (config.get("SnapStart") or {}).get("ApplyOn", "None"),
            "OptimizationStatus": "Off",
        },
        "LoggingConfig": {
            "LogFormat": "Text",
            "LogGroup": f"/aws/lambda/{found.name}",
            **(config.get("LoggingConfig") or {}),
        },
        "RuntimeVersionConfig": {"RuntimeVersionArn": _runtime_arn(asked, config.get("Runtime"))},
    }
    if config.get("Environment"):
        answer["Environment"] = {"Variables": config["Environment"]}
    if config.get("VpcConfig"):
        answer["VpcConfig"] = {
            "SubnetIds": config["VpcConfig"].get("SubnetIds", []),
            "SecurityGroupIds": config["VpcConfig"].get("SecurityGroupIds", []),
            "VpcId": "",
        }
    if config.get("KMSKeyArn"):
        answer["KMSKeyArn"] = config["KMSKeyArn"]
    return present(answer)


def _runtime_arn(asked: Asked, runtime: Any) -> str:
    digest = hashlib.sha256(f"{runtime}".encode()).hexdigest()
    return f"arn:aws:lambda:{asked.region}::runtime:{digest}"


def _declared(asked: Asked, found: Found) -> Json:
    """The same of a function that the project declares."""
    spec, project = found.spec, asked.system.project()
    file, content = code_file(project, spec), project_zip(project, spec)
    modified = time.gmtime(file.stat().st_mtime if file is not None else 0)
    answer: Json = {
        "FunctionName": found.name,
        "FunctionArn": function_arn(asked, found.name),
        "Runtime": own_runtime(),
        "Role": f"arn:aws:iam::{ACCOUNT}:role/{spec.role or found.name}",
        "Handler": spec.handler,
        "CodeSize": len(content),
        "Description": f"functions.{found.name} of the project {project.name}",
        "Timeout": max(1, round(spec.timeout)),
        "MemorySize": spec.memory >> 20,
        "LastModified": time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", modified),
        "CodeSha256": base64.b64encode(hashlib.sha256(content).digest()).decode(),
        "Version": LATEST,
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": str(uuid.uuid5(uuid.NAMESPACE_OID, spec.handler)),
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": ["x86_64" if os.uname().machine == "x86_64" else "arm64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{found.name}"},
    }
    if spec.environment:
        answer["Environment"] = {"Variables": spec.environment}  # secrets stand there by name only
    return answer
