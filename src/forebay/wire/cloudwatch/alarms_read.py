"""Alarms described: all, those of a metric, and their history."""

from __future__ import annotations

from typing import Any

from forebay.alerts.alarm import Alarm
from forebay.alerts.composite import Rule
from forebay.wire.cloudwatch.alarm_shapes import described, moment, seconds
from forebay.wire.cloudwatch.alarms import alarms
from forebay.wire.cloudwatch.base import SERVICE
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

MOST = 50
MOST_HISTORY = 100


@SERVICE.operation("DescribeAlarms")
async def describe_alarms(asked: Asked, given: Json) -> Json:
    """Alarms with their states, by name; metric alarms only, unless composite ones are asked for."""
    kinds = given.get("AlarmTypes") or ["MetricAlarm"]
    there = alarms(asked)
    chosen = [alarm for alarm in _chosen(there, given) if _kind(alarm) in kinds]
    states = await _states(asked)
    chosen = [alarm for alarm in chosen if _in_state(alarm, states, given.get("StateValue"))]
    page, more = _page(chosen, given, MOST)
    found: Json = {"MetricAlarms": [], "CompositeAlarms": []}
    for alarm in page:
        found[f"{_kind(alarm)}s"].append(described(asked, alarm, states[alarm.name]))
    return {**found, **more}


def _chosen(there: dict[str, Alarm], given: Json) -> list[Alarm]:
    """Those that are named or begin so, act so, or belong to a composite alarm."""
    found = list(there.values())
    if names := given.get("AlarmNames"):
        found = [there[name] for name in dict.fromkeys(names) if name in there]
    if prefix := given.get("AlarmNamePrefix"):
        found = [alarm for alarm in found if alarm.name.startswith(prefix)]
    if prefix := given.get("ActionPrefix"):
        found = [
            alarm
            for alarm in found
            if any(
                each.startswith(prefix) for each in (*alarm.on_alarm, *alarm.on_ok, *alarm.on_insufficient)
            )
        ]
    if name := given.get("ChildrenOfAlarmName"):
        parent = there.get(name)
        children = Rule(parent.rule).names if parent is not None and parent.rule is not None else []
        found = [alarm for alarm in found if alarm.name in children]
    if name := given.get("ParentsOfAlarmName"):
        found = [alarm for alarm in found if alarm.rule is not None and name in Rule(alarm.rule).names]
    return found


@SERVICE.operation("DescribeAlarmsForMetric")
async def describe_alarms_for_metric(asked: Asked, given: Json) -> Json:
    """Alarms on just this metric."""
    dimensions = {each["Name"]: each["Value"] for each in given.get("Dimensions") or ()}
    states = await _states(asked)
    found = []
    for alarm in alarms(asked).values():
        query = alarm.value
        if query is None or len(alarm.queries) != 1 or query.expression is not None:
            continue
        same = (query.namespace, query.metric) == (given["Namespace"], given["MetricName"])
        stat = given.get("Statistic") or given.get("ExtendedStatistic")
        wanted = (
            same
            and query.dimensions == dimensions
            and (stat is None or query.statistic == stat)
            and given.get("Period") in (None, int(query.period))
            and given.get("Unit") in (None, query.unit)
        )
        if wanted and alarm.name in states:
            found.append(described(asked, alarm, states[alarm.name]))
    return {"MetricAlarms": found}


@SERVICE.operation("DescribeAlarmHistory", partial="no contributors")
async def describe_alarm_history(asked: Asked, given: Json) -> Json:
    """Lines of history, newest first unless asked otherwise; of metric alarms, unless others are asked for."""
    most = given.get("MaxRecords") or MOST_HISTORY
    oldest = given.get("ScanBy") == "TimestampAscending"
    token = given.get("NextToken")
    if token is not None and not (token.isdecimal() and len(token) < 19):
        raise _bad_token()
    answer = await asked.system.flow.call(
        "alarm_history",
        name=given.get("AlarmName"),
        item=given.get("HistoryItemType"),
        start=seconds(given.get("StartDate")),
        end=seconds(given.get("EndDate")),
        kinds=given.get("AlarmTypes") or ["MetricAlarm"],
        most=most + 1,
        oldest_first=oldest,
        raw=True,
        **({} if token is None else {("after" if oldest else "before"): int(token)}),
    )
    lines = answer["history"]
    items = [
        {
            "AlarmName": line["name"],
            "AlarmType": line["kind"],
            "Timestamp": moment(line["at"]),
            "HistoryItemType": line["item"],
            "HistorySummary": line["summary"],
            "HistoryData": line["data"],
        }
        for line in lines[:most]
    ]
    more = {"NextToken": str(lines[most - 1]["id"])} if len(lines) > most else {}
    return {"AlarmHistoryItems": items, **more}


async def _states(asked: Asked) -> dict[str, Any]:
    answer = await asked.system.flow.call("alarms")
    return {each["name"]: each for each in answer["alarms"] if each["state"] is not None}


def _in_state(alarm: Alarm, states: dict[str, Any], wanted: str | None) -> bool:
    state = states.get(alarm.name)
    return state is not None and wanted in (None, state["state"])


def _kind(alarm: Alarm) -> str:
    return "CompositeAlarm" if alarm.kind == "composite" else "MetricAlarm"


def _page(items: list[Alarm], given: Json, most: int) -> tuple[list[Alarm], Json]:
    token = given.get("NextToken")
    if token is not None:
        if not token.startswith("after:"):
            raise _bad_token()
        items = [each for each in items if each.name > token.removeprefix("after:")]
    size = given.get("MaxRecords") or most
    page = items[:size]
    return page, ({"NextToken": f"after:{page[-1].name}"} if len(items) > size else {})


def _bad_token() -> AwsError:
    return AwsError("InvalidNextToken", "The next token is not valid")
