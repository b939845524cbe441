"""CloudWatch's own shapes: the members that an alarm is made of, and the payloads that user code is given.

Contracts: PutMetricAlarm and PutCompositeAlarm (CloudWatch API Reference), "Using alarm actions: Lambda" and "Alarm
events and EventBridge" (CloudWatch User Guide), and the message that a topic is told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from forebay.alerts.alarm import PERIOD, Alarm, Query
from forebay.alerts.composite import Rule
from forebay.alerts.condition import Condition, Operator
from forebay.alerts.evaluate import Missing
from forebay.alerts.reason import stamp
from forebay.alerts.standing import Standing
from forebay.arn import ACCOUNT, REGION
from forebay.clock import SECOND
from forebay.errors import UsageError

Json = dict[str, Any]

OPERATORS: Mapping[str, Operator] = {
    "GreaterThanOrEqualToThreshold": ">=",
    "GreaterThanThreshold": ">",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "<=",
    "LessThanLowerOrGreaterThanUpperThreshold": "outside",
    "LessThanLowerThreshold": "below",
    "GreaterThanUpperThreshold": "above",
}
MISSING: Mapping[str, Missing] = {
    "missing": "missing",
    "ignore": "ignore",
    "breaching": "breaching",
    "notBreaching": "not_breaching",
}
UPDATED = "AlarmConfigurationUpdatedTimestamp"
"""The member (UTC microseconds) that says when it was last made or changed."""
_BAND = re.compile(
    r"\s*ANOMALY_DETECTION_BAND\(\s*([A-Za-z][A-Za-z0-9_]*)\s*(?:,\s*([0-9]+(?:\.[0-9]+)?)\s*)?\)\s*"
)


def alarm_of(name: str, given: Mapping[str, Any]) -> Alarm:
    """The alarm that PutMetricAlarm's or PutCompositeAlarm's members describe. Raises UsageError."""
    shared: Json = {
        "name": name,
        "description": given.get("AlarmDescription"),
        "enabled": bool(given.get("ActionsEnabled", True)),
        "on_alarm": tuple(given.get("AlarmActions") or ()),
        "on_ok": tuple(given.get("OKActions") or ()),
        "on_insufficient": tuple(given.get("InsufficientDataActions") or ()),
        "made": True,
        "members": dict(given),
    }
    if "AlarmRule" in given:
        Rule(given["AlarmRule"])
        return Alarm(kind="composite", rule=given["AlarmRule"], **shared)
    operator = OPERATORS.get(given.get("ComparisonOperator", ""))
    if operator is None:
        raise _wrong("ComparisonOperator", f"one of {', '.join(OPERATORS)}")
    queries, watched, width = _queries(given)
    condition = Condition(operator, _number(given, "Threshold") if width is None else width)
    if condition.banded == (width is None):
        raise _wrong("ComparisonOperator", "an operator of a band with ThresholdMetricId, and only there")
    period = next(query.period for query in queries if query.id == watched)
    periods = int(_number(given, "EvaluationPeriods"))
    datapoints = int(given.get("DatapointsToAlarm") or periods)
    if not 1 <= datapoints <= periods:
        raise _wrong("DatapointsToAlarm", "from 1 to EvaluationPeriods")
    missing = MISSING.get(given.get("TreatMissingData") or "missing")
    if missing is None:
        raise _wrong("TreatMissingData", "breaching, notBreaching, ignore or missing")
    return Alarm(
        kind="metric",
        queries=tuple(queries),
        watched=watched,
        condition=condition,
        period=period,
        periods=periods,
        datapoints=datapoints,
        missing=missing,
        every=min(10.0, period),
        **shared,
    )


def _queries(given: Mapping[str, Any]) -> tuple[list[Query], str, float | None]:
    """The queries, the id of that which is compared, and the width of its band."""
    if not given.get("Metrics"):
        for member in ("Namespace", "MetricName"):
            if not given.get(member):
                raise _wrong(member, "what is looked at, or Metrics")
        statistic = given.get("Statistic") or given.get("ExtendedStatistic")
        if not statistic:
            raise _wrong("Statistic", "Sum, say, or ExtendedStatistic")
        one = Query(
            id="m1",
            namespace=given["Namespace"],
            metric=given["MetricName"],
            dimensions=_dimensions(given.get("Dimensions")),
            statistic=statistic,
            period=_number(given, "Period"),
            unit=given.get("Unit"),
        )
        return [one], "m1", None
    queries, returned, width, banded = [], [], None, ""
    for each in given["Metrics"]:
        if each["Id"] == given.get("ThresholdMetricId"):
            found = _BAND.fullmatch(each.get("Expression") or "")
            if found is None:
                raise _wrong("ThresholdMetricId", "the id of ANOMALY_DETECTION_BAND(m1, 2)")
            banded, width = found[1], float(found[2] or 2)
            continue
        queries.append(_query(each))
        if each.get("ReturnData", True):
            returned.append(each["Id"])
    watched = banded or (returned[0] if len(returned) == 1 else "")
    if not any(query.id == watched for query in queries):
        raise _wrong("Metrics", "exactly one with ReturnData")
    least = min((q.period for q in queries if q.expression is None), default=PERIOD)
    fixed = [
        query if query.expression is None or query.period else _with_period(query, least) for query in queries
    ]
    return fixed, watched, width


def _query(given: Json) -> Query:
    if given.get("Expression"):
        return Query(
            id=given["Id"],
            expression=given["Expression"],
            label=given.get("Label"),
            period=float(given.get("Period") or 0),
        )
    try:
        stat, metric = given["MetricStat"], given["MetricStat"]["Metric"]
        return Query(
            id=given["Id"],
            namespace=metric["Namespace"],
            metric=metric["MetricName"],
            dimensions=_dimensions(metric.get("Dimensions")),
            statistic=stat["Stat"],
            period=float(stat["Period"]),
            unit=stat.get("Unit"),
            label=given.get("Label"),
        )
    except KeyError as error:
        raise _wrong("Metrics", f"each with Expression or MetricStat; {error} is missing") from None


def _with_period(query: Query, period: float) -> Query:
    return Query(id=query.id, expression=query.expression, label=query.label, period=period)


def _dimensions(given: Any) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in given or ()}


def _number(given: Mapping[str, Any], member: str) -> float:
    try:
        return float(given[member])
    except (KeyError, TypeError, ValueError):
        raise _wrong(member, "a number") from None


def _wrong(member: str, fix: str) -> UsageError:
    return UsageError("BadAlarm", f"{member} is missing or wrong", fix=f"{member}: {fix}")


def message(alarm: Alarm, old: Standing, new: Standing) -> bytes:
    """The JSON that a topic is told."""
    shown: Json = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": ACCOUNT,
        UPDATED: stamp(int(alarm.members.get(UPDATED) or new.since)),
        "NewStateValue": new.state,
        "NewStateReason": new.reason,
        "StateChangeTime": stamp(new.since),
        "Region": "US East (N. Virginia)",
        "AlarmArn": alarm.arn,
        "OldStateValue": old.state,
        "OKActions": list(alarm.on_ok),
        "AlarmActions": list(alarm.on_alarm),
        "InsufficientDataActions": list(alarm.on_insufficient),
    }
    if alarm.kind == "composite":
        shown["AlarmRule"] = alarm.rule
    else:
        shown["Trigger"] = _trigger(alarm)
    return orjson.dumps(shown)


def _trigger(alarm: Alarm) -> Json:
    assert alarm.condition is not None
    names = {symbol: name for name, symbol in OPERATORS.items()}
    found: Json = {
        "Period": int(alarm.period),
        "EvaluationPeriods": alarm.periods,
        "DatapointsToAlarm": alarm.datapoints,
        "ComparisonOperator": names.get(alarm.condition.op, alarm.condition.op),
        "Threshold": alarm.condition.number,
        "TreatMissingData": alarm.members.get("TreatMissingData") or alarm.missing,
        "EvaluateLowSampleCountPercentile": alarm.members.get("EvaluateLowSampleCountPercentile") or "",
    }
    query = alarm.value
    if alarm.sql is not None:
        return {**found, "Query": alarm.sql}
    if query is None or query.expression or len(alarm.queries) > 1:
        return {**found, "Metrics": alarm.members.get("Metrics") or metrics(alarm)}
    plain = not query.statistic.startswith("p")
    return {
        "MetricName": query.metric,
        "Namespace": query.namespace,
        "StatisticType": "Statistic" if plain else "ExtendedStatistic",
        ("Statistic" if plain else "ExtendedStatistic"): query.statistic.upper()
        if plain
        else query.statistic,
        "Unit": query.unit,
        "Dimensions": [{"value": value, "name": name} for name, value in query.dimensions.items()],
        **found,
    }


def metrics(alarm: Alarm) -> list[Json]:
    """The queries as the event's `configuration.metrics` has them."""
    found: list[Json] = []
    for query in alarm.queries:
        one: Json = {"id": query.id, "returnData": query.id == alarm.watched}
        if query.expression:
            one["expression"] = query.expression
        else:
            metric = {
                "namespace": query.namespace,
                "name": query.metric,
                "dimensions": query.dimensions,
            }
            one["metricStat"] = {"metric": metric, "period": int(query.period), "stat": query.statistic}
            if query.unit:
                one["metricStat"]["unit"] = query.unit
        found.append(one)
    return found


def state(standing: Standing) -> Json:
    """A state as events have it."""
    found: Json = {
        "value": standing.state,
        "reason": standing.reason,
        "timestamp": stamp(standing.since),
    }
    if standing.data is not None:
        found["reasonData"] = standing.data
    return found


def configuration(alarm: Alarm) -> Json:
    """The configuration as events have it."""
    found: Json = {"description": alarm.description} if alarm.description else {}
    if alarm.kind == "composite":
        return {**found, "alarmRule": alarm.rule}
    if alarm.kind == "sql":
        return {**found, "query": alarm.sql}
    return {**found, "metrics": metrics(alarm)}


def lambda_event(alarm: Alarm, old: Standing, new: Standing) -> Json:
    """The event that a function is called with."""
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm.arn,
        "accountId": ACCOUNT,
        "time": stamp(new.since),
        "region": REGION,
        "alarmData": {
            "alarmName": alarm.name,
            "state": state(new),
            "previousState": state(old),
            "configuration": configuration(alarm),
        },
    }


def bus_detail(alarm: Alarm, old: Standing, new: Standing) -> Json:
    """The detail of the event `CloudWatch Alarm State Change`."""
    return {
        "alarmName": alarm.name,
        "state": state(new),
        "previousState": state(old),
        "configuration": configuration(alarm),
    }


def history_data(old: Standing, new: Standing) -> Json:
    """HistoryData of a StateUpdate."""

    def part(standing: Standing) -> Json:
        found: Json = {"stateValue": standing.state, "stateReason": standing.reason}
        if standing.data is not None:
            found["stateReasonData"] = orjson.loads(standing.data)
        return found

    return {"version": "1.0", "oldState": part(old), "newState": part(new)}


def subject(alarm: Alarm, new: Standing) -> str:
    """The subject of what a topic is told, of at most 100 characters, as SNS has it."""
    text = f'{new.state}: "{alarm.name}" in US East (N. Virginia)'
    return text if len(text) <= 100 else text[:97] + "..."


def seconds(us: int) -> float:
    """UTC microseconds as CloudWatch's timestamps are answered."""
    return us / SECOND
