"""What the other processes ask of the alarms, on flow.sock.

    alarms {names?}                                    every alarm with its state, for the console and the wire
    alarm_set {name, state, reason, data?}             CloudWatch's SetAlarmState
    alarm_history {name?, item?, start?, end?, raw?, ...}   lines of history, newest first; raw: their data as text
    alarm_chart {name, start, end}                     what it looks at, with its threshold or its band

Times are UTC microseconds, those of a chart UTC seconds. Beside `alerts.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import orjson

from forebay.clock import now_us
from forebay.running.alerts import Alerts, Watched

Handler = Callable[[dict[str, Any]], Awaitable[Any]]
HISTORY = ("name", "item", "start", "end", "before", "after", "most", "oldest_first")


def operations(alerts: Alerts) -> dict[str, Handler]:
    """The handlers, by name."""

    async def alarms(args: dict[str, Any]) -> Any:
        return await asyncio.to_thread(_alarms, alerts, args.get("names"))

    async def alarm_set(args: dict[str, Any]) -> Any:
        await asyncio.to_thread(
            alerts.set_state, args["name"], args["state"], args["reason"], args.get("data")
        )
        return {}

    async def alarm_history(args: dict[str, Any]) -> Any:
        given = {key: args[key] for key in HISTORY if args.get(key) is not None}
        kinds = tuple(args.get("kinds") or ())
        found = await asyncio.to_thread(lambda: alerts.store.history(**given, kinds=kinds))
        if not args.get("raw"):
            found = [{**each, "data": orjson.loads(each["data"])} for each in found]
        return {"history": found}

    async def alarm_chart(args: dict[str, Any]) -> Any:
        return await asyncio.to_thread(alerts.chart, args["name"], int(args["start"]), int(args["end"]))

    return {
        "alarms": alarms,
        "alarm_set": alarm_set,
        "alarm_history": alarm_history,
        "alarm_chart": alarm_chart,
    }


def _alarms(alerts: Alerts, names: list[str] | None) -> dict[str, Any]:
    watched, standings = alerts.watched(), alerts.book.standings()
    chosen = watched if names is None else [name for name in names if name in watched]
    refused = [
        {"name": name, "error": given["error"], "state": None}
        for name, given in alerts.status().items()
        if given["state"] is None and (names is None or name in names)
    ]
    return {
        "alarms": [_shown(watched[name], standings[name]) for name in chosen if name in standings] + refused,
        "incidents": [msgspec.to_builtins(each) for each in alerts.book.incidents()],
        "failing": alerts.failing(),
    }


def _shown(watched: Watched, standing: Any) -> dict[str, Any]:
    alarm, looker = watched.alarm, watched.looker
    query = alarm.value
    return {
        "name": alarm.name,
        "arn": alarm.arn,
        "kind": alarm.kind,
        "made": alarm.made,
        "description": alarm.description,
        "when": alarm.when,
        "during": alarm.during,
        "watches": alarm.sql or alarm.rule or (query.expression or _named(query) if query else ""),
        "enabled": alarm.enabled,
        "actions": list(dict.fromkeys((*alarm.on_alarm, *alarm.on_ok, *alarm.on_insufficient))),
        "group": alarm.group,
        "quiet": alarm.quiet,
        "state": standing.state,
        "reason": standing.reason,
        "data": standing.data,
        "told": standing.told or waits(watched),
        "since": standing.since,
        "updated": standing.updated,
        "value": None if looker is None else looker.value,
        "band": None if looker is None or looker.band is None else msgspec.to_builtins(looker.band),
        "learning": None if looker is None or not looker.learning else looker.learning,
        "error": watched.trouble,
        "members": alarm.members,
    }


def waits(watched: Watched) -> str | None:
    """Why it was not looked at yet, if that is for its hours."""
    if watched.looker is None or watched.looker.within_hours(now_us()):
        return None
    return f"not looked at yet: its hours are {watched.alarm.during}"


def _named(query: Any) -> str:
    parts = " ".join(f"{name}={value}" for name, value in query.dimensions.items())
    own = query.metric if query.namespace == "forebay" else f"{query.namespace} {query.metric}"
    return f"{query.statistic} of {own}{' ' + parts if parts else ''}"
