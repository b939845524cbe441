"""Roles that a service is handed: they are there, and may do what they are handed over for.

On AWS a service that acts with a role is bounded by it whenever it acts. Here a delivery, a rule and a crawler
act as the system, so a bounded caller's role is held against what it is for when it is passed. A function's
role bounds the function itself (`runtime/credentials.py`).
"""

from __future__ import annotations

from forebay.access.actions import Need
from forebay.access.actions_passed import acts, needs_role, passed
from forebay.access.identity import Identity
from forebay.access.policy import Asked as Question
from forebay.access.policy import decide, parse_policy
from forebay.arn import consumer_in, name_in
from forebay.functions.section import FunctionSpec
from forebay.runtime.directory import ROLE, Directory
from forebay.streams.section import StreamSpec
from forebay.wire.iam.caller import role_identity
from forebay.wire.protocol.message import AwsError
from forebay.wire.resource_policies import policy_of
from forebay.wire.rights import judged
from forebay.wire.service import Asked, Json

_SAID = {
    "lambda": (
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    ),
    "firehose": (
        "InvalidArgumentException",
        "Firehose is unable to assume role {role}. Please check the role provided.",
    ),
    "events": (
        "ValidationException",
        "Provided role '{role}' cannot be assumed by principal 'events.amazonaws.com'.",
    ),
    "glue": (
        "InvalidInputException",
        "Service is unable to assume provided role. Please verify role's TrustPolicy",
    ),
}


async def check_roles(asked: Asked, given: Json) -> None:
    """Refuse a call of a bounded caller whose roles the service cannot take, or with which it could not do its part."""
    if not asked.identity.bounded:
        return
    for role in passed(asked.service, asked.operation, given):
        _need_trusted(asked, role)
    for role, action, resource in acts(asked.service, asked.operation, given):
        await _need_able(asked, role, Need(action, resource))
    if asked.service == "events" and asked.operation == "PutTargets":
        for target in given.get("Targets") or ():
            if needs_role(target["Arn"]) and not target.get("RoleArn"):
                raise AwsError(
                    "ValidationException", f"RoleArn is required for target {target['Arn']}.", http=400
                )
        await _check_targets(asked, given)
    if asked.operation == "CreateEventSourceMapping" and given.get("EventSourceArn"):
        await _check_mapping(asked, given)
    if asked.service == "lambda" and given.get("DestinationConfig"):
        await _check_destinations(asked, given)
    if asked.operation == "PutBucketNotificationConfiguration":
        for rule in (given.get("NotificationConfiguration") or {}).get("LambdaFunctionConfigurations") or ():
            function = str(rule.get("LambdaFunctionArn"))
            if not await _may_reach(asked, function, f"arn:aws:s3:::{given['Bucket']}"):
                message = "Unable to validate the following destination configurations"
                raise AwsError("InvalidArgument", message, http=400, ArgumentName1=function)


async def check_changed(asked: Asked, before: Json, after: Json) -> None:
    """Refuse a change that has a role do what it may not: of a configuration that keeps the role it had, too."""
    if not asked.identity.bounded:
        return
    had = set(acts(asked.service, asked.operation, before))
    for role, action, resource in acts(asked.service, asked.operation, after):
        if (role, action, resource) not in had:
            _need_trusted(asked, role)
            await _need_able(asked, role, Need(action, resource))


async def _check_targets(asked: Asked, given: Json) -> None:
    """Targets that are reached without a role: functions that let rules call them, or what the caller reaches."""
    bus = str(given.get("EventBusName") or "default").rpartition("/")[2]
    rule = asked.arn(f"rule/{given['Rule']}" if bus == "default" else f"rule/{bus}/{given['Rule']}")
    for target in given.get("Targets") or ():
        arn = target["Arn"]
        kind = arn.split(":")[2:3]
        if target.get("RoleArn") or kind not in (["lambda"], ["logs"], ["events"], ["sns"]):
            continue
        if kind == ["lambda"] and await _may_reach(asked, arn, rule):
            continue
        if kind == ["sns"] and await _may_reach(asked, arn, rule, "sns:Publish"):
            continue
        action = {
            "lambda": "lambda:InvokeFunction",
            "logs": "logs:PutLogEvents",
            "events": "events:PutEvents",
            "sns": "sns:Publish",
        }[kind[0]]
        why = await judged(asked, asked.identity, [Need(action, arn)])
        if why is not None:
            raise AwsError("AccessDeniedException", why, http=400)


async def _may_reach(asked: Asked, target: str, source: str, action: str = "lambda:InvokeFunction") -> bool:
    """Whether a target's own policy lets the service reach it on behalf of `source`, or the caller may anyway."""
    keys = {"aws:sourcearn": source, "aws:sourceaccount": asked.account}
    question = Question(action, target, f"{asked.service}.amazonaws.com", keys)
    if decide(await policy_of(asked, target), question) == "allow":
        return True
    return await judged(asked, asked.identity, [Need(action, target)]) is None


def _need_trusted(asked: Asked, role: str) -> None:
    """The role is there, and lets the service take it."""
    found = Directory.of(asked.system).get(ROLE, role.rpartition("/")[2])
    principal = f"{asked.service}.amazonaws.com"
    if found is not None:
        for statement in parse_policy(found["trust"], resource_policy=True):
            if statement.allow and statement.names("sts:AssumeRole"):
                named = statement.principals or ()
                if any(name in ("*", principal) for _, name in named) or Directory.of(asked.system).declared(
                    ROLE, found["name"]
                ):
                    return
    code, message = _SAID.get(asked.service, ("AccessDeniedException", "{role} cannot be assumed."))
    raise AwsError(code, message.format(role=role), http=400)


async def _need_able(asked: Asked, role: str, need: Need) -> None:
    found = Directory.of(asked.system).get(ROLE, role.rpartition("/")[2])
    if found is None:  # said where roles are passed; a change that hands none on keeps the one it has
        return
    who = role_identity(Directory.of(asked.system), found, asked.service)
    why = await judged(asked, who, [need])
    if why is not None:
        raise AwsError("AccessDeniedException", why, http=400)


async def _check_mapping(asked: Asked, given: Json) -> None:
    """A function reads a stream with its own role."""
    consumer = consumer_in(given["EventSourceArn"])
    stream = consumer[0] if consumer else name_in(given["EventSourceArn"], "kinesis", "stream/")
    who = _function_as(asked, given)
    if who is None or stream not in asked.system.project().of(StreamSpec):
        return  # said where the mapping is made, or the owner's own function
    if (
        await judged(asked, who, [Need("kinesis:GetRecords", asked.arn(f"stream/{stream}", "kinesis"))])
        is not None
    ):
        raise AwsError(
            "InvalidParameterValueException",
            f"Cannot access stream {given['EventSourceArn']}. Please ensure the role can perform the GetRecords,"
            " GetShardIterator, DescribeStream, ListShards, and ListStreams Actions on your stream in IAM.",
            http=400,
        )


def _function_as(asked: Asked, given: Json) -> Identity | None:
    """As whom a call's function acts; None for the owner's own functions, and for one that has no rights anyway."""
    named = str(given.get("FunctionName") or "")
    if not named and (mapping := asked.system.documents.get("functions.part", str(given.get("UUID")))):
        named = mapping["function"]
    name = named.rpartition(":function:")[2].partition(":")[0]
    spec = asked.system.project().of(FunctionSpec).get(name)
    role = None if spec is None or spec.role is None else Directory.of(asked.system).get(ROLE, spec.role)
    return None if role is None else role_identity(Directory.of(asked.system), role, name)


_DESTINATIONS = {
    "s3": ("s3:PutObject", "/*", "PutObject on S3"),
    "lambda": ("lambda:InvokeFunction", "", "InvokeFunction on Lambda"),
}


async def _check_destinations(asked: Asked, given: Json) -> None:
    """A function tells of how its calls ended with its own role."""
    who = _function_as(asked, given)
    for when in ("OnSuccess", "OnFailure"):
        arn = str(((given["DestinationConfig"] or {}).get(when) or {}).get("Destination") or "")
        action, rest, said = _DESTINATIONS.get("".join(arn.split(":")[2:3]), ("", "", ""))
        if who is None or not action:
            continue
        if await judged(asked, who, [Need(action, arn + rest)]) is not None:
            message = f"The provided execution role does not have permissions to call {said}"
            raise AwsError("InvalidParameterValueException", message, http=400)
