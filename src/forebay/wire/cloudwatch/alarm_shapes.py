"""Alarms as CloudWatch describes them, those of the project too."""

from __future__ import annotations

import datetime as dt
from typing import Any

from forebay.alerts.alarm import Alarm, Query
from forebay.alerts.shapes import MISSING, OPERATORS, UPDATED
from forebay.clock import SECOND
from forebay.wire.service import Asked, Json

_NAMES = {symbol: name for name, symbol in OPERATORS.items()}
_TREATED = {ours: theirs for theirs, ours in MISSING.items()}
_PLAIN = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
KEPT = (
    "AlarmDescription",
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Period",
    "Unit",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
    "Metrics",
    "ThresholdMetricId",
    "AlarmRule",
)


def described(asked: Asked, alarm: Alarm, state: Json) -> Json:
    """A MetricAlarm or CompositeAlarm; `state` is as the flow tells of it."""
    found: Json = {
        "AlarmName": alarm.name,
        "AlarmArn": asked.arn(f"alarm:{alarm.name}"),
        "ActionsEnabled": alarm.enabled,
        "OKActions": _arns(asked, alarm.on_ok),
        "AlarmActions": _arns(asked, alarm.on_alarm),
        "InsufficientDataActions": _arns(asked, alarm.on_insufficient),
        "StateValue": state["state"],
        "StateReason": state["reason"],
        "StateUpdatedTimestamp": moment(state["updated"]),
        "StateTransitionedTimestamp": moment(state["since"]),
        UPDATED: moment(int(alarm.members.get(UPDATED) or state["since"])),
    }
    if state.get("data"):
        found["StateReasonData"] = state["data"]
    kept = alarm.members if alarm.made else _members(alarm)
    found |= {member: kept[member] for member in KEPT if kept.get(member) is not None}
    if alarm.kind != "composite" and not found.get("Metrics"):
        found["Dimensions"] = kept.get("Dimensions") or []
    return found


def moment(us: int) -> dt.datetime:
    """UTC microseconds as a timestamp, to the millisecond as CloudWatch has them."""
    return dt.datetime.fromtimestamp(us // 1000 / 1000, dt.UTC)


def _arns(asked: Asked, actions: tuple[str, ...]) -> list[str]:
    """Actions as ARNs; those of the project are `topics.ops`."""
    found = []
    for action in actions:
        noun, _, name = action.partition(".")
        service, resource = {"topics": ("sns", name), "functions": ("lambda", f"function:{name}")}.get(
            noun, ("", "")
        )
        found.append(asked.arn(resource, service) if service else action)
    return found


def _members(alarm: Alarm) -> Json:
    """What PutMetricAlarm or PutCompositeAlarm would be given for an alarm of the project."""
    if alarm.kind == "composite" or alarm.condition is None:
        return {"AlarmDescription": alarm.description, "AlarmRule": alarm.rule}
    treated = alarm.missing if alarm.missing != "zero" else "not_breaching"
    found: Json = {
        "AlarmDescription": alarm.description,
        "EvaluationPeriods": alarm.periods,
        "DatapointsToAlarm": alarm.datapoints,
        "ComparisonOperator": _NAMES.get(alarm.condition.op),
        "TreatMissingData": _TREATED[treated],
    }
    queries = alarm.queries or (
        Query(
            id="value",
            namespace="forebay",
            metric=f"alerts.{alarm.name}.value",
            statistic="Maximum",
            period=alarm.period,
        ),
    )
    if alarm.condition.banded:
        watched = alarm.watched or "value"
        band = {"Id": "band", "Expression": f"ANOMALY_DETECTION_BAND({watched}, {alarm.condition.number:g})"}
        return {**found, "ThresholdMetricId": "band", "Metrics": [*map(_query, queries), band]}
    found["Threshold"] = alarm.condition.number
    if len(queries) > 1:
        return {**found, "Metrics": [{**_query(q), "ReturnData": q.id == alarm.watched} for q in queries]}
    (query,) = queries
    kind = "Statistic" if query.statistic in _PLAIN else "ExtendedStatistic"
    return {
        **found,
        "Namespace": query.namespace,
        "MetricName": query.metric,
        "Dimensions": _dimensions(query),
        "Period": max(1, int(query.period)),
        kind: query.statistic,
        "Unit": query.unit,
    }


def _query(query: Query) -> Json:
    if query.expression is not None:
        return {"Id": query.id, "Expression": query.expression, "ReturnData": True}
    metric: dict[str, Any] = {"Namespace": query.namespace, "MetricName": query.metric}
    metric["Dimensions"] = _dimensions(query)
    stat = {"Metric": metric, "Period": int(query.period), "Stat": query.statistic}
    return {"Id": query.id, "MetricStat": stat, "ReturnData": True}


def _dimensions(query: Query) -> list[Json]:
    return [{"Name": name, "Value": value} for name, value in query.dimensions.items()]


def seconds(at: dt.datetime | None) -> int | None:
    """A timestamp that was given, as UTC microseconds."""
    return None if at is None else int(at.timestamp() * SECOND)
