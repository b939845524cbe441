"""Tags of rules and buses."""

from __future__ import annotations

from collections.abc import Callable

from forebay.arn import resource_in
from forebay.wire.events.base import (
    DEFAULT,
    SERVICE,
    bus_of,
    invalid,
    put_bus,
    put_rule,
    refuse_declared,
    rule_of,
)
from forebay.wire.service import Asked, Json

MOST = 50


def _tagged(asked: Asked, arn: str) -> tuple[Json, Callable[[], None]]:
    """The `meta` of what is tagged, and what keeps a change of it."""
    kind, _, name = resource_in(arn, "events").partition("/")
    if kind == "rule":
        bus, slash, rule_name = name.rpartition("/")
        rule = rule_of(asked, bus if slash else DEFAULT, rule_name)

        def keep_rule() -> None:
            refuse_declared(rule.declared, f"Rule {rule.name}")
            put_rule(asked, rule)

        return rule.meta, keep_rule
    if kind == "event-bus":
        bus_ = bus_of(asked, name)
        return bus_.meta, lambda: put_bus(asked, bus_)
    raise invalid(f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.")


@SERVICE.operation("TagResource")
async def tag_resource(asked: Asked, given: Json) -> Json:
    """Add tags, or change them."""
    meta, keep = _tagged(asked, given["ResourceARN"])
    tags = {**(meta.get("tags") or {}), **{tag["Key"]: tag["Value"] for tag in given["Tags"]}}
    if len(tags) > MOST:
        raise invalid(f"A resource has at most {MOST} tags.")
    meta["tags"] = tags
    keep()
    return {}


@SERVICE.operation("UntagResource")
async def untag_resource(asked: Asked, given: Json) -> Json:
    """Take tags away."""
    meta, keep = _tagged(asked, given["ResourceARN"])
    meta["tags"] = {k: v for k, v in (meta.get("tags") or {}).items() if k not in given["TagKeys"]}
    keep()
    return {}


@SERVICE.operation("ListTagsForResource")
async def list_tags_for_resource(asked: Asked, given: Json) -> Json:
    """The tags of a rule or bus."""
    meta, _ = _tagged(asked, given["ResourceARN"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in (meta.get("tags") or {}).items()]}
