"""Targets of rules. One that cannot be reached is a failed entry: success is not answered for what would not arrive."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import orjson

from forebay.bus.inputs import PREDEFINED, parse_path, placeholders
from forebay.bus.section import TargetSpec, default_errors
from forebay.delivery.section import DeliverySpec
from forebay.errors import UsageError
from forebay.lake.section import buckets
from forebay.project.model import Location, Ref
from forebay.wire.events import base
from forebay.wire.events.base import (
    ARCHIVE_RULE,
    BUS,
    SERVICE,
    bus_of,
    changed,
    find_bus,
    invalid,
    page,
    refuse_declared,
    rule_of,
    rules_of,
    settle,
)
from forebay.wire.events.rules import managed
from forebay.wire.logs.base import store
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

MOST = 5
_ARN = re.compile(r"arn:[^:\s]+:([^:\s]+):[^:\s]*:[^:\s]*:(\S+)")
_NOUN = {
    "kinesis": ("streams", "stream/"),
    "firehose": ("delivery", "deliverystream/"),
    "lambda": ("functions", "function:"),
    "events": ("bus", "event-bus/"),
    "logs": ("telemetry", "log-group:"),
    "sns": ("topics", ""),
}
_ON_AWS = {
    *(*_NOUN, "sqs", "states", "ecs", "batch", "codebuild", "codepipeline", "execute-api", "appsync", "ssm"),
    *("redshift", "redshift-serverless", "redshift-data", "sagemaker", "inspector", "ssm-incidents", "glue"),
}
"""What EventBridge has targets of; another service's is refused with the whole call."""
_SERVICE = {
    "streams": "kinesis",
    "delivery": "firehose",
    "functions": "lambda",
    "bus": "events",
    "topics": "sns",
    "telemetry": "logs",
}


class Unreachable(AwsError):
    """A target that is well-formed and that nothing would arrive at: PutTargets fails its entry, not the call."""


def target_ref(asked: Asked, id: str, arn: str) -> Ref:
    """The resource behind a target's ARN. Raises Unreachable for what is not there, or is nothing to deliver to."""
    found = _ARN.fullmatch(arn)
    if found is None:
        raise invalid(f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.")
    service, resource = found[1], found[2]
    noun, prefix = _NOUN.get(service, ("", ""))
    if not noun or not resource.startswith(prefix):
        raise Unreachable(
            "ValidationException",
            f"Target {id} cannot be reached: forebay delivers to {', '.join(sorted(_NOUN))}, not to {arn}",
        )
    name = resource.removeprefix(prefix)
    if noun == "functions":
        name = name.removesuffix(":$LATEST")
    elif noun == "telemetry":
        name = name.removesuffix(":*")
    ref = Ref(noun, name)
    if noun == "bus":
        there: Any = find_bus(asked, name)
    elif noun == "telemetry":
        there = next((group for group in store(asked.system.layout).all(name) if group.name == name), None)
    else:
        there = asked.system.project().get(ref)
    if there is None:
        raise Unreachable(
            "ResourceNotFoundException", f"Target {id} cannot be reached: {arn} does not exist."
        )
    if isinstance(there, DeliverySpec) and there.from_ is not None:
        raise Unreachable(
            "ValidationException",
            f"Target {id} cannot be reached: {arn} reads {there.from_} and is not put to.",
        )
    if isinstance(there, DeliverySpec) and there.backup is not None:
        raise Unreachable(
            "ValidationException",
            f"Target {id} cannot be reached: {arn} keeps copies of what is put to it, and would have none of this.",
        )
    return ref


def _errors(asked: Asked, id: str, config: Json) -> Location | None:
    arn = config.get("Arn")
    if not arn:
        return None
    if not arn.startswith("arn:aws:s3:::"):
        raise Unreachable(
            "ValidationException",
            f"DeadLetterConfig of target {id} cannot be reached: forebay keeps dead letters in a bucket"
            f" (arn:aws:s3:::bucket/prefix/), not in {arn}",
        )
    try:
        place = Location.parse("s3://" + arn.removeprefix("arn:aws:s3:::"))
    except ValueError as error:
        raise invalid(f"DeadLetterConfig of target {id} is not valid: {error}") from None
    if place.bucket not in buckets(asked.system.project()):
        raise invalid(f"DeadLetterConfig of target {id} is not valid: there is no bucket {place.bucket}")
    return place


def target_spec(asked: Asked, given: Json) -> TargetSpec:
    """A target as a rule keeps it. Raises AwsError."""
    id, arn = given["Id"], given["Arn"]
    transformer = given.get("InputTransformer")
    inputs = [name for name in ("Input", "InputPath", "InputTransformer") if given.get(name)]
    if len(inputs) > 1:
        raise invalid(f"Only one of Input, InputPath, or InputTransformer must be provided for target {id}.")
    constant = given.get("Input") or None
    if constant is not None:
        try:
            orjson.loads(constant)
        except ValueError:
            raise invalid(f"Input for target {id} is not valid JSON text.") from None
    paths: dict[str, str] = {}
    template = None
    if transformer:
        paths, template = dict(transformer.get("InputPathsMap") or {}), transformer["InputTemplate"]
        for name in paths:
            if name.lower().startswith("aws"):
                raise invalid(f"InputPathsMap for target {id} contains invalid key {name}.")
        for name in placeholders(template):
            if name not in paths and name not in PREDEFINED:
                raise invalid(f"InputTemplate for target {id} contains invalid placeholder {name}.")
        _check_template(id, template)
    key = (given.get("KinesisParameters") or {}).get("PartitionKeyPath")
    for name, path in (("InputPath", given.get("InputPath")), ("PartitionKeyPath", key), *paths.items()):
        try:
            parse_path(path or "$")
        except UsageError:
            raise invalid(f"Invalid JSONPath {path} for {name} of target {id}.") from None
    policy = given.get("RetryPolicy") or {}
    spec: Json = {
        "to": target_ref(asked, id, arn),
        "input": given.get("InputPath") or None,
        "paths": paths,
        "template": template,
        "constant": constant,
        "key": key,
        "errors": _errors(asked, id, given.get("DeadLetterConfig") or {}),
    }
    if spec["to"].noun == "functions" and spec["errors"] is None:
        spec["errors"] = default_errors(asked.system.project())
    if "MaximumRetryAttempts" in policy:
        spec["retries"] = policy["MaximumRetryAttempts"]
    if "MaximumEventAgeInSeconds" in policy:
        spec["max_age"] = float(policy["MaximumEventAgeInSeconds"])
    return TargetSpec(**spec)


def _check_template(id: str, template: str) -> None:
    """A template is text in quotes, or JSON once its placeholders are values."""
    sample = re.sub(r"<[A-Za-z0-9_.\-]+>", "0", template)
    for line in [sample, *sample.splitlines()]:
        try:
            orjson.loads(line)
        except ValueError:
            continue
        return
    raise invalid(f"Invalid InputTemplate for target {id} : {template}.")


@SERVICE.operation(
    "PutTargets",
    partial="targets are streams, deliveries, functions, buses, topics and log groups that exist; another, and one with "
    "a dead-letter queue, is a failed entry. Dead letters are objects in a bucket",
)
async def put_targets(asked: Asked, given: Json) -> Json:
    """Add targets to a rule, or change them; those that cannot be reached are told."""
    bus = bus_of(asked, given.get("EventBusName"))
    for target in given["Targets"]:
        if ":sqs:" in target["Arn"] and target["Arn"].endswith(".fifo") and not target.get("SqsParameters"):
            raise invalid(f"Parameter(s) SqsParameters must be specified for target: {target['Id']}.")
    rule = rule_of(asked, bus.name, given["Rule"])
    refuse_declared(rule.declared, f"Rule {rule.name}")
    for target in given["Targets"]:
        found = _ARN.fullmatch(target["Arn"])
        if found is None:
            raise invalid(
                f"Parameter {target['Arn']} is not valid. Reason: Provided Arn is not in correct format."
            )
        if found[1] not in _ON_AWS:
            raise invalid(f"{found[1]} is not a supported service for a target.")
    kept = {target["Id"]: target for target in rule.meta["targets"]}
    specs = dict(zip(kept, rule.spec.to, strict=True))
    failed: list[Json] = []
    taken: dict[str, TargetSpec] = {}
    replaced = False
    for target in given["Targets"]:
        try:
            spec = target_spec(asked, target)
            _refuse_circle(asked, bus.name, spec.to)
        except Unreachable as error:
            failed.append({"TargetId": target["Id"], "ErrorCode": error.code, "ErrorMessage": error.message})
            continue
        replaced = replaced or target["Id"] in kept
        taken[target["Id"]] = specs[target["Id"]] = spec
        kept[target["Id"]] = target
    if len(kept) > MOST:
        raise AwsError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
    if taken:
        added = [spec.to for spec in taken.values()]
        for ref in added:
            if ref.noun == BUS:
                await base.ensure(asked, bus_of(asked, ref.name))
        await settle(asked, bus.name)
        rule.spec = msgspec.structs.replace(rule.spec, to=list(specs.values()))
        rule.meta["targets"] = list(kept.values())
        base.put_rule(asked, rule)
        await changed(asked, bus.name, added, fewer=replaced)
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


def _refuse_circle(asked: Asked, bus: str, ref: Ref) -> None:
    """Raise where events would come round for ever."""
    pending = [ref.name] if ref.noun == BUS else []
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name == bus:
            raise Unreachable(
                "ValidationException",
                f"Events would come from event bus {bus} to {ref.name} and back to {bus} for ever.",
            )
        if name not in seen:
            seen.add(name)
            pending += [
                target.to.name
                for rule in rules_of(asked, name).values()
                for target in rule.spec.to
                if target.to.noun == BUS
            ]


@SERVICE.operation("RemoveTargets")
async def remove_targets(asked: Asked, given: Json) -> Json:
    """Take targets from a rule; those that it does not have do not matter."""
    bus = bus_of(asked, given.get("EventBusName"))
    rule = rule_of(asked, bus.name, given["Rule"])
    refuse_declared(rule.declared, f"Rule {rule.name}")
    await settle(asked, bus.name)
    gone = set(given["Ids"])
    pairs = list(zip(rule.meta["targets"], rule.spec.to, strict=True))
    left = [(target, spec) for target, spec in pairs if target["Id"] not in gone]
    rule.meta["targets"] = [target for target, _ in left]
    rule.spec = msgspec.structs.replace(rule.spec, to=[spec for _, spec in left])
    base.put_rule(asked, rule)
    await changed(asked, bus.name, fewer=True)
    return {"FailedEntryCount": 0, "FailedEntries": []}


def listed(asked: Asked, rule: base.Rule) -> list[Json]:
    """A rule's targets, as AWS has them; those of the project's own are written so."""
    if not rule.declared:
        found: list[Json] = rule.meta.get("targets", [])
        return found
    return [_written(asked, str(index), spec) for index, spec in enumerate(rule.spec.to, 1)]


def _archive_target(asked: Asked, rule: str) -> Json:
    """What AWS shows as the target of an archive's rule."""
    archive = asked.arn(f"archive/{rule.removeprefix(ARCHIVE_RULE)}")
    template = f'{{"archive-arn": "{archive}", "event": <aws.events.event.json>, "ingestion-time": <aws.events.event.ingestion-time>}}'
    return {
        "Id": rule,
        "Arn": f"arn:aws:events:{asked.region}:::",
        "InputTransformer": {"InputPathsMap": {}, "InputTemplate": template},
    }


def _written(asked: Asked, id: str, spec: TargetSpec) -> Json:
    noun, prefix = spec.to.noun, _NOUN.get(_SERVICE.get(spec.to.noun, ""), ("", ""))[1]
    target: Json = {"Id": id, "Arn": asked.arn(f"{prefix}{spec.to.name}", _SERVICE.get(noun, noun))}
    if spec.input is not None:
        target["InputPath"] = spec.input
    if spec.constant is not None:
        target["Input"] = spec.constant
    if spec.template is not None:
        text = spec.template if isinstance(spec.template, str) else orjson.dumps(spec.template).decode()
        target["InputTransformer"] = {"InputPathsMap": spec.paths, "InputTemplate": text}
    if spec.key is not None:
        target["KinesisParameters"] = {"PartitionKeyPath": spec.key}
    return target


@SERVICE.operation("ListTargetsByRule")
async def list_targets_by_rule(asked: Asked, given: Json) -> Json:
    """A rule's targets; those of the rule that an archive stands for too."""
    bus = bus_of(asked, given.get("EventBusName"))
    kept = managed(asked, bus.name).get(given["Rule"])
    if kept is not None:
        return {"Targets": [_archive_target(asked, kept.name)]}
    chosen, more = page(listed(asked, rule_of(asked, bus.name, given["Rule"])), given)
    return {"Targets": chosen, **more}


@SERVICE.operation("ListRuleNamesByTarget")
async def list_rule_names_by_target(asked: Asked, given: Json) -> Json:
    """The rules that have a target."""
    bus = bus_of(asked, given.get("EventBusName"))
    wanted = given["TargetArn"]
    names = [
        name
        for name, rule in rules_of(asked, bus.name).items()
        if any(target["Arn"] == wanted for target in listed(asked, rule))
    ]
    chosen, more = page(names, given)
    return {"RuleNames": chosen, **more}
