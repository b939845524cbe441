"""Event buses and who may put to them. Policies are kept and shown."""

from __future__ import annotations

from typing import Any

import orjson

from forebay.access.policy import MalformedPolicy, parse_policy
from forebay.clock import now_us
from forebay.wire.events.base import (
    BUS,
    DEFAULT,
    PART,
    SERVICE,
    Bus,
    bus_arn,
    bus_name,
    bus_of,
    ensure,
    exists,
    find_bus,
    flow,
    invalid,
    missing,
    page,
    put_bus,
    refuse_declared,
    rules_of,
)
from forebay.wire.service import Asked, Json, present, seconds


def _shown(asked: Asked, bus: Bus) -> Json:
    policy = bus.meta.get("policy")
    # The default bus, and those of the project, are as old as the state folder.
    made = bus.meta.get("created") or int(asked.system.layout.root.stat().st_ctime * 1_000_000)
    return present(
        {
            "Name": bus.name,
            "Arn": bus_arn(asked, bus.name),
            "Description": bus.meta.get("description"),
            "Policy": orjson.dumps(policy).decode() if policy else None,
            "CreationTime": seconds(made),
            "LastModifiedTime": seconds(bus.meta.get("modified") or made),
        }
    )


@SERVICE.operation(
    "CreateEventBus", partial="KmsKeyIdentifier and DeadLetterConfig are kept and shown, without effect"
)
async def create_event_bus(asked: Asked, given: Json) -> Json:
    """Make a bus, with its log."""
    name = given["Name"]
    if given.get("EventSourceName"):
        raise missing(f"Event source {given['EventSourceName']} does not exist.")
    if "/" in name:
        raise invalid("Event bus name must not contain '/'.")
    if name == DEFAULT or find_bus(asked, name) is not None:
        raise exists(f"Event bus {name} already exists.")
    now = now_us()
    meta = {
        "created": now,
        "modified": now,
        "description": given.get("Description"),
        "kms": given.get("KmsKeyIdentifier"),
        "dead": given.get("DeadLetterConfig"),
        "log": given.get("LogConfig"),
        "tags": {tag["Key"]: tag["Value"] for tag in given.get("Tags", ())},
    }
    await ensure(asked, Bus(name, meta, declared=False))
    return present({"EventBusArn": bus_arn(asked, name), **_kept(meta)})


def _kept(meta: Json) -> Json:
    return {
        "Description": meta.get("description"),
        "KmsKeyIdentifier": meta.get("kms") or None,
        "DeadLetterConfig": meta.get("dead"),
        "LogConfig": meta.get("log"),
    }


@SERVICE.operation("UpdateEventBus", partial="KmsKeyIdentifier and DeadLetterConfig have no effect")
async def update_event_bus(asked: Asked, given: Json) -> Json:
    """Change what is kept about a bus."""
    bus = bus_of(asked, given.get("Name"))
    names = {
        "Description": "description",
        "KmsKeyIdentifier": "kms",
        "DeadLetterConfig": "dead",
        "LogConfig": "log",
    }
    bus.meta |= {own: given[name] for name, own in names.items() if name in given}
    bus.meta["modified"] = now_us()
    await ensure(asked, bus)
    put_bus(asked, bus)
    return present({"Arn": bus_arn(asked, bus.name), "Name": bus.name, **_kept(bus.meta)})


@SERVICE.operation("DescribeEventBus")
async def describe_event_bus(asked: Asked, given: Json) -> Json:
    """A bus."""
    bus = bus_of(asked, given.get("Name"))
    return present({**_shown(asked, bus), **_kept(bus.meta)})


@SERVICE.operation("ListEventBuses")
async def list_event_buses(asked: Asked, given: Json) -> Json:
    """All buses."""
    names = {DEFAULT, *(id for id, _ in asked.system.documents.all(BUS))}
    names |= asked.system.declared().sections.get(BUS, {}).keys()
    prefix = given.get("NamePrefix") or ""
    chosen, more = page(sorted(name for name in names if name.startswith(prefix)), given)
    found = [bus for name in chosen if (bus := find_bus(asked, name)) is not None]
    return {"EventBuses": [_shown(asked, bus) for bus in found], **more}


@SERVICE.operation("DeleteEventBus")
async def delete_event_bus(asked: Asked, given: Json) -> Json:
    """Remove a bus that has no rules; its log's file is parked."""
    name = bus_name(given["Name"])
    if name == DEFAULT:
        raise invalid("Cannot delete event bus default.")
    bus = find_bus(asked, name)
    if bus is None:
        return {}
    refuse_declared(bus.declared, f"Event bus {name}")
    if rules_of(asked, name):
        raise invalid(f"Event bus {name} can't be deleted since it has rules.")
    asked.system.documents.delete_all(PART, f"{name}/")
    asked.system.documents.delete(BUS, name)
    await asked.system.apply()
    await flow(asked, "forget", bus=name)
    return {}


@SERVICE.operation("PutPermission")
async def put_permission(asked: Asked, given: Json) -> Json:
    """Let others put to a bus: one statement, or a whole policy."""
    bus = bus_of(asked, given.get("EventBusName"))
    if given.get("Policy"):
        try:
            policy: Any = orjson.loads(given["Policy"])
            if not isinstance(policy.get("Statement"), list | dict):
                raise ValueError
        except (ValueError, AttributeError):
            raise invalid("This policy contains invalid Json") from None
        try:
            parse_policy(given["Policy"], resource_policy=True)
        except MalformedPolicy as error:
            raise invalid(str(error)) from None
        if isinstance(policy["Statement"], dict):
            policy["Statement"] = [policy["Statement"]]
        policy.setdefault("Version", "2012-10-17")
        bus.meta["policy"] = policy
    else:
        _add_statement(asked, bus, given)
    bus.meta["modified"] = now_us()
    await ensure(asked, bus)
    put_bus(asked, bus)
    return {}


def _add_statement(asked: Asked, bus: Bus, given: Json) -> None:
    names = ("Action", "Principal", "StatementId")
    for name in names:
        if not given.get(name):
            raise invalid(f"Parameter {name} must be specified.")
    if given["Action"] != "events:PutEvents":
        raise invalid("Provided value in parameter 'action' is not supported.")
    principal = given["Principal"]
    if principal != "*" and not (len(principal) == 12 and principal.isdigit()):
        raise invalid(f"Provided value in parameter 'principal' is not supported: {principal}")
    statement: Json = {
        "Sid": given["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": "events:PutEvents",
        "Resource": bus_arn(asked, bus.name),
    }
    if condition := given.get("Condition"):
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    policy = bus.meta.get("policy") or {"Version": "2012-10-17", "Statement": []}
    others = [each for each in policy["Statement"] if each.get("Sid") != given["StatementId"]]
    bus.meta["policy"] = {**policy, "Statement": [*others, statement]}


@SERVICE.operation("RemovePermission")
async def remove_permission(asked: Asked, given: Json) -> Json:
    """Take a statement, or all of them, back."""
    bus = bus_of(asked, given.get("EventBusName"))
    policy = bus.meta.get("policy") or {"Statement": []}
    if given.get("RemoveAllPermissions"):
        left: list[Json] = []
    else:
        wanted = given.get("StatementId")
        left = [each for each in policy["Statement"] if each.get("Sid") != wanted]
        if len(left) == len(policy["Statement"]):
            raise missing("Statement with the provided id does not exist.")
    bus.meta["policy"] = {**policy, "Statement": left} if left else None
    bus.meta["modified"] = now_us()
    put_bus(asked, bus)
    return {}
