"""Rules: a pattern or a schedule on a bus."""

from __future__ import annotations

import msgspec
import orjson

from forebay.bus.operators import InvalidPattern
from forebay.bus.pattern import MOST_BYTES, compile_pattern
from forebay.bus.schedule import Schedule
from forebay.bus.section import RuleSpec
from forebay.clock import now_us
from forebay.errors import UsageError
from forebay.wire.events import base
from forebay.wire.events.base import (
    ARCHIVE_RULE,
    DEFAULT,
    MANAGED,
    PART,
    SERVICE,
    Rule,
    bus_of,
    changed,
    ensure,
    find_rule,
    invalid,
    page,
    refuse_declared,
    rule_arn,
    rule_of,
    rules_of,
    settle,
)
from forebay.wire.events.refusal import refusal
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, present


def check_pattern(text: str) -> Json:
    """An event pattern, parsed. Raises InvalidEventPatternException."""
    try:
        compile_pattern(text)
    except InvalidPattern as error:
        raise AwsError("InvalidEventPatternException", refusal(text, error)) from None
    if len(text.encode()) > MOST_BYTES:
        raise AwsError(
            "InvalidEventPatternException",
            f"Event pattern is not valid. Reason: Event pattern is longer than {MOST_BYTES} characters",
        )
    found: Json = orjson.loads(text)
    return found


def check_schedule(text: str) -> None:
    """Raise ValidationException for what is no schedule."""
    try:
        Schedule(text)
    except UsageError:
        raise invalid("Parameter ScheduleExpression is not valid.") from None


@SERVICE.operation("PutRule")
async def put_rule(asked: Asked, given: Json) -> Json:
    """Make a rule, or change one; its targets stay."""
    bus = bus_of(asked, given.get("EventBusName"))
    name = given["Name"]
    pattern, schedule = given.get("EventPattern") or None, given.get("ScheduleExpression") or None
    if schedule is not None and bus.name != DEFAULT:
        raise invalid("ScheduleExpression is supported only on the default event bus.")
    if pattern is None and schedule is None:
        raise invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    when = None if pattern is None else check_pattern(pattern)
    if schedule is not None:
        check_schedule(schedule)
    _refuse_managed(name)
    old = find_rule(asked, bus.name, name)
    if old is not None:
        refuse_declared(old.declared, f"Rule {name}")
    await ensure(asked, bus)
    spec = RuleSpec(
        when=when,
        schedule=schedule,
        to=old.spec.to if old else [],
        description=given.get("Description"),
        enabled=given.get("State", "ENABLED") != "DISABLED",
    )
    if old is not None:
        await settle(asked, bus.name)
    meta = {
        **({"created": now_us(), "tags": _tags(given), "targets": []} if old is None else old.meta),
        "pattern": pattern,
        "role": given.get("RoleArn"),
        "state": given.get("State", "ENABLED"),
    }
    base.put_rule(asked, Rule(bus.name, name, spec, meta, declared=False))
    before = old.spec.schedule if old is not None else None
    await changed(asked, bus.name, schedules=before is not None or schedule is not None)
    return {"RuleArn": rule_arn(asked, bus.name, name)}


def _tags(given: Json) -> Json:
    return {tag["Key"]: tag["Value"] for tag in given.get("Tags", ())}


def _refuse_managed(name: str) -> None:
    if name.startswith(ARCHIVE_RULE):
        raise AwsError("ManagedRuleException", f"Rule {name} is managed by an archive.")


def shown(asked: Asked, rule: Rule) -> Json:
    """A rule, as ListRules shows it."""
    spec, pattern = rule.spec, rule.meta.get("pattern")
    if pattern is None and spec.when is not None:
        pattern = base.text_of(spec.when)
    state = "DISABLED" if not spec.enabled else rule.meta.get("state") or "ENABLED"
    return present(
        {
            "Name": rule.name,
            "Arn": rule_arn(asked, rule.bus, rule.name),
            "EventPattern": pattern,
            "State": "ENABLED" if spec.enabled and state == "DISABLED" else state,
            "Description": spec.description,
            "ScheduleExpression": spec.schedule,
            "RoleArn": rule.meta.get("role"),
            "ManagedBy": rule.meta.get("managed"),
            "EventBusName": rule.bus,
        }
    )


def managed(asked: Asked, bus: str) -> dict[str, Rule]:
    """The rules that archives stand for."""
    found = {}
    for id, doc in asked.system.documents.all(PART, f"{bus}/archive/"):
        name = f"{ARCHIVE_RULE}{id.split('/', 2)[2]}"
        when = {**(doc["spec"].get("pattern") or {}), "replay-name": [{"exists": False}]}
        meta = {"managed": MANAGED, "pattern": base.text_of(when)}
        found[name] = Rule(bus, name, RuleSpec(when=when, to=[]), meta, declared=True)
    return found


@SERVICE.operation("DescribeRule")
async def describe_rule(asked: Asked, given: Json) -> Json:
    """A rule."""
    bus = bus_of(asked, given.get("EventBusName"))
    name = given["Name"]
    rule = managed(asked, bus.name).get(name) if name.startswith(ARCHIVE_RULE) else None
    return {**shown(asked, rule or rule_of(asked, bus.name, name)), "CreatedBy": asked.account}


@SERVICE.operation("ListRules")
async def list_rules(asked: Asked, given: Json) -> Json:
    """A bus's rules."""
    bus = bus_of(asked, given.get("EventBusName"))
    prefix = given.get("NamePrefix") or ""
    everything = dict(sorted({**rules_of(asked, bus.name), **managed(asked, bus.name)}.items()))
    chosen, more = page([rule for name, rule in everything.items() if name.startswith(prefix)], given)
    return {"Rules": [shown(asked, rule) for rule in chosen], **more}


async def _enable(asked: Asked, given: Json, *, enabled: bool) -> Json:
    bus = bus_of(asked, given.get("EventBusName"))
    _refuse_managed(given["Name"])
    rule = rule_of(asked, bus.name, given["Name"])
    refuse_declared(rule.declared, f"Rule {rule.name}")
    await settle(asked, bus.name)
    rule.spec = msgspec.structs.replace(rule.spec, enabled=enabled)
    rule.meta["state"] = "ENABLED" if enabled else "DISABLED"
    base.put_rule(asked, rule)
    await changed(asked, bus.name, schedules=rule.spec.schedule is not None)
    return {}


@SERVICE.operation("EnableRule")
async def enable_rule(asked: Asked, given: Json) -> Json:
    """Let a rule match again."""
    return await _enable(asked, given, enabled=True)


@SERVICE.operation("DisableRule")
async def disable_rule(asked: Asked, given: Json) -> Json:
    """Let a rule match nothing; its targets stay."""
    return await _enable(asked, given, enabled=False)


@SERVICE.operation("DeleteRule")
async def delete_rule(asked: Asked, given: Json) -> Json:
    """Remove a rule that has no targets; whether there was one does not matter."""
    bus = bus_of(asked, given.get("EventBusName"))
    _refuse_managed(given["Name"])
    rule = find_rule(asked, bus.name, given["Name"])
    if rule is None:
        return {}
    refuse_declared(rule.declared, f"Rule {rule.name}")
    if rule.meta.get("targets"):
        raise invalid("Rule can't be deleted since it has targets.")
    asked.system.documents.delete(PART, f"{bus.name}/rule/{rule.name}")
    await changed(asked, bus.name, schedules=rule.spec.schedule is not None)
    return {}
