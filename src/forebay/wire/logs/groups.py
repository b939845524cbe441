"""Log groups: made, listed, kept for so long, removed."""

from __future__ import annotations

import re

from forebay.telemetry.groups import Group
from forebay.wire.logs.base import SERVICE, group_arn, group_name, invalid, kept, name_in, page
from forebay.wire.logs.tags import check_tags
from forebay.wire.service import Asked, Json

DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288),
    3653,
)
_FUNCTIONS = "functions' groups have one stream, [$LATEST]forebay, into which their text logs are read"


@SERVICE.operation(
    "CreateLogGroup", partial="a KMS key is only kept: the disk's own encryption is the operator's"
)
async def create_log_group(asked: Asked, given: Json) -> None:
    """Make a group."""
    meta: Json = {
        name: given[name]
        for name in ("kmsKeyId", "logGroupClass", "deletionProtectionEnabled")
        if name in given
    }
    tags = check_tags(given.get("tags") or {})
    await kept(asked, lambda store: store.create(given["logGroupName"], meta, tags))


@SERVICE.operation("DeleteLogGroup")
async def delete_log_group(asked: Asked, given: Json) -> None:
    """Remove a group and all that is in it."""
    group = await kept(asked, lambda store: store.group(given["logGroupName"]))
    if group.meta.get("deletionProtectionEnabled"):
        raise invalid("The log group has deletion protection enabled.")
    await kept(asked, lambda store: store.delete(group.name))


@SERVICE.operation("DescribeLogGroups", partial=_FUNCTIONS)
async def describe_log_groups(asked: Asked, given: Json) -> Json:
    """Groups by prefix, pattern, class or identifier, in pages."""
    prefix, pattern = given.get("logGroupNamePrefix"), given.get("logGroupNamePattern")
    if prefix and pattern:
        raise invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
    groups = await kept(asked, lambda store: store.all(prefix or ""))
    if pattern:
        groups = [group for group in groups if pattern in group.name]
    if wanted := given.get("logGroupClass"):
        groups = [group for group in groups if group.meta.get("logGroupClass", "STANDARD") == wanted]
    if identifiers := given.get("logGroupIdentifiers"):
        names = {name_in(each) for each in identifiers}
        groups = [group for group in groups if group.name in names]
    some, more = page(groups, lambda group: str(group.name), given, 50)
    return {"logGroups": [_shown(asked, group) for group in some], **more}


@SERVICE.operation("ListLogGroups", partial="by name and class only")
async def list_log_groups(asked: Asked, given: Json) -> Json:
    """The names of groups, by a pattern of alternatives (`^begin|part`)."""
    groups = await kept(asked, lambda store: store.all())
    if pattern := given.get("logGroupNamePattern"):
        parts = [re.escape(part).replace("\\^", "^") for part in pattern.split("|")]
        groups = [group for group in groups if any(re.search(part, group.name) for part in parts)]
    if wanted := given.get("logGroupClass"):
        groups = [group for group in groups if group.meta.get("logGroupClass", "STANDARD") == wanted]
    some, more = page(groups, lambda group: str(group.name), given, 50)
    return {
        "logGroups": [
            {
                "logGroupName": group.name,
                "logGroupArn": group_arn(asked, group),
                "logGroupClass": group.meta.get("logGroupClass", "STANDARD"),
            }
            for group in some
        ],
        **more,
    }


@SERVICE.operation("PutRetentionPolicy")
async def put_retention_policy(asked: Asked, given: Json) -> None:
    """Keep a group's events so many days."""
    days = given["retentionInDays"]
    if days not in DAYS:
        raise invalid(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(map(str, DAYS))}]"
        )
    await kept(asked, lambda store: store.retain(given["logGroupName"], days))


@SERVICE.operation("DeleteRetentionPolicy")
async def delete_retention_policy(asked: Asked, given: Json) -> None:
    """Keep a group's events for ever."""
    await kept(asked, lambda store: store.retain(given["logGroupName"], None))


@SERVICE.operation("PutLogGroupDeletionProtection")
async def put_log_group_deletion_protection(asked: Asked, given: Json) -> None:
    """Refuse, or no longer refuse, that a group is removed."""
    group = await kept(asked, lambda store: store.group(group_name(given)))
    meta = {**group.meta, "deletionProtectionEnabled": given["deletionProtectionEnabled"]}
    await kept(asked, lambda store: store.amend(group.name, meta))


@SERVICE.operation("DescribeSubscriptionFilters", partial="none can be made")
async def describe_subscription_filters(asked: Asked, given: Json) -> Json:
    """A group's subscription filters: none."""
    await kept(asked, lambda store: store.group(given["logGroupName"]))
    return {"subscriptionFilters": []}


@SERVICE.operation("DescribeMetricFilters", partial="none can be made")
async def describe_metric_filters(asked: Asked, given: Json) -> Json:
    """Metric filters: none."""
    if name := given.get("logGroupName"):
        await kept(asked, lambda store: store.group(name))
    return {"metricFilters": []}


def _shown(asked: Asked, group: Group) -> Json:
    shown: Json = {
        "logGroupName": group.name,
        "creationTime": group.created,
        "metricFilterCount": 0,
        "arn": group_arn(asked, group) + ":*",
        "logGroupArn": group_arn(asked, group),
        "storedBytes": group.bytes,
        "logGroupClass": "STANDARD",
        "deletionProtectionEnabled": False,
        **group.meta,
    }
    if group.retention is not None:
        shown["retentionInDays"] = group.retention
    return shown
