"""Replays: an archive's events of a stretch of time, sent to its bus again."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

from forebay.clock import now_us
from forebay.wire.events.archives import find, one_filter
from forebay.wire.events.base import SERVICE, bus_of, exists, find_rule, flow, invalid, missing, page
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, present, seconds

PATIENCE = 1.0
ENDED = ("COMPLETED", "CANCELLED", "FAILED")


def _us(value: Any) -> int:
    if isinstance(value, dt.datetime):
        return int(value.timestamp() * 1_000_000)
    return int(float(value) * 1_000_000)


@SERVICE.operation("StartReplay")
async def start_replay(asked: Asked, given: Json) -> Json:
    """Send an archive's events to its bus again, to all of its rules or to some."""
    name, source, destination = given["ReplayName"], given["EventSourceArn"], given["Destination"]
    if ":event-bus/" not in destination["Arn"]:
        raise invalid("Parameter Destination.Arn is not valid. Reason: Must contain an event bus ARN.")
    bus = bus_of(asked, destination["Arn"])
    if ":archive/" not in source:
        raise invalid("Parameter EventSourceArn is not valid. Reason: Must contain an archive ARN.")
    archive_name = source.partition(":archive/")[2]
    found = find(asked, archive_name)
    if found is None:
        raise invalid(
            f"Parameter EventSourceArn is not valid. Reason: Archive {archive_name} does not exist."
        )
    start, end = _us(given["EventStartTime"]), _us(given["EventEndTime"])
    if start >= end:
        raise invalid(
            "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime."
        )
    if found[0] != bus.name:
        raise invalid(
            "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted."
        )
    if any(doc["name"] == name for doc in await flow(asked, "replay_list")):
        raise exists(f"Replay {name} already exists.")
    rules = [arn.partition(":rule/")[2].rpartition("/")[2] for arn in destination.get("FilterArns") or ()]
    for rule in rules:
        if find_rule(asked, bus.name, rule) is None:
            raise missing(f"Rule {rule} does not exist on EventBus {bus.name}.")
    now = now_us()
    spec = found[1]["spec"]
    doc = {
        "name": name,
        "bus": bus.name,
        "source": source,
        "destination": destination,
        "description": given.get("Description"),
        "rules": rules,
        "pattern": spec.get("pattern"),
        "from": spec["since"],
        "until": asked.system.logs[f"bus.{bus.name}"].head,
        "start": start,
        "end": end,
        "state": "STARTING",
        "started": now,
    }
    await flow(asked, "replay_start", doc=doc)
    if rules:
        await flow(asked, "changed")
    return {"ReplayArn": _arn(asked, name), "State": "STARTING", "ReplayStartTime": seconds(now)}


def _arn(asked: Asked, name: str) -> str:
    return asked.arn(f"replay/{name}")


def _shown(doc: Json) -> Json:
    last = doc.get("last")
    return present(
        {
            "ReplayName": doc["name"],
            "EventSourceArn": doc["source"],
            "State": doc["state"],
            "StateReason": doc.get("reason"),
            "EventStartTime": seconds(doc["start"]),
            "EventEndTime": seconds(doc["end"]),
            "EventLastReplayedTime": dt.datetime.fromisoformat(last).timestamp() if last else None,
            "ReplayStartTime": seconds(doc["started"]),
            "ReplayEndTime": seconds(doc.get("ended")),
        }
    )


async def _settled(asked: Asked, name: str) -> Json:
    """A replay, as it is once it has ended or a moment has passed: short ones end while they are asked about."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        doc: Json | None = next(
            (each for each in await flow(asked, "replay_list") if each["name"] == name), None
        )
        if doc is None:
            raise missing(f"Replay {name} does not exist.")
        if doc["state"] in ENDED or asyncio.get_running_loop().time() > deadline:
            return doc
        await asyncio.sleep(0.02)


@SERVICE.operation("DescribeReplay")
async def describe_replay(asked: Asked, given: Json) -> Json:
    """A replay."""
    doc = await _settled(asked, given["ReplayName"])
    return present(
        {
            **_shown(doc),
            "ReplayArn": _arn(asked, doc["name"]),
            "Description": doc.get("description"),
            "Destination": doc["destination"],
        }
    )


@SERVICE.operation("ListReplays")
async def list_replays(asked: Asked, given: Json) -> Json:
    """All replays, or those that one filter lets through."""
    one_filter(given, "ListReplays")
    docs: list[Json] = await flow(asked, "replay_list")
    found = []
    for doc in docs:
        if (
            doc["name"].startswith(given.get("NamePrefix") or "")
            and given.get("EventSourceArn") in (None, doc["source"])
            and (given.get("State") is None or doc["state"] == given["State"])
        ):
            found.append(doc if doc["state"] in ENDED else await _settled(asked, doc["name"]))
    chosen, more = page(found, given)
    return {"Replays": [_shown(doc) for doc in chosen], **more}


@SERVICE.operation("CancelReplay")
async def cancel_replay(asked: Asked, given: Json) -> Json:
    """Stop a replay that is under way."""
    name = given["ReplayName"]
    doc = await flow(asked, "replay_cancel", name=name)
    if doc["state"] != "CANCELLING":
        raise AwsError(
            "IllegalStatusException", f"Replay {name} is not in a valid state for this operation.", http=400
        )
    return {"ReplayArn": _arn(asked, name), "State": "CANCELLING"}
