"""What PutMetricAlarm and PutCompositeAlarm refuse, in CloudWatch's words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from forebay.alerts import shapes
from forebay.alerts.composite import Rule
from forebay.alerts.targets import target_of
from forebay.errors import UsageError
from forebay.telemetry.statistic import statistic
from forebay.wire.cloudwatch.base import refused
from forebay.wire.service import Json

SINGLE = ("MetricName", "Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic")
ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")
NOT_OFFERED = (
    "EvaluationWindow",
    "WarmUpConfiguration",
    "EvaluationCriteria",
    "EvaluationInterval",
    "ActionConfiguration",
    "ActionsSuppressor",
)
SHORT = (10, 20, 30)
WEEK = 604_800
_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")


def metric_alarm(given: Json) -> None:
    """Raises AwsError for what PutMetricAlarm refuses."""
    common(given)
    banded = given.get("ThresholdMetricId") is not None
    if banded and given.get("Threshold") is not None:
        raise refused("Threshold and ThresholdMetricId cannot both be set")
    if given.get("Metrics"):
        _several(given)
    else:
        _single(given)
    for member in ("ComparisonOperator", "EvaluationPeriods"):
        if given.get(member) is None:
            raise refused(f"{member} must not be null")
    if not banded and given.get("Threshold") is None:
        raise refused("Threshold must not be null")
    operator = given["ComparisonOperator"]
    if banded != (shapes.OPERATORS[operator] in ("outside", "above", "below")):
        what = "must" if not banded else "cannot"
        raise refused(f"ThresholdMetricId {what} be set when ComparisonOperator is {operator}")
    periods, datapoints = given["EvaluationPeriods"], given.get("DatapointsToAlarm")
    if datapoints is not None and datapoints > periods:
        raise refused("DatapointsToAlarm must be less than or equal to EvaluationPeriods")
    missing = given.get("TreatMissingData", "missing")
    if missing not in shapes.MISSING:
        raise refused(
            f"The value {missing} is not supported for TreatMissingData parameter. "
            "Supported values are [breaching, notBreaching, ignore, missing]."
        )
    low = given.get("EvaluateLowSampleCountPercentile")
    if low is not None and low not in ("evaluate", "ignore"):
        raise refused(
            f"The value {low} is not supported for EvaluateLowSampleCountPercentile parameter. "
            "Supported values are [evaluate, ignore]."
        )
    try:
        alarm = shapes.alarm_of(given["AlarmName"], given)
    except UsageError as error:
        raise refused(f"{error.message}. {error.fix}") from None
    if alarm.period * alarm.periods > (WEEK if alarm.period >= 3600 else 86_400):
        raise refused(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)."
        )


def _single(given: Json) -> None:
    for member in ("MetricName", "Namespace", "Period"):
        if given.get(member) is None:
            raise refused(f"{member} must not be null")
    plain, extended = given.get("Statistic"), given.get("ExtendedStatistic")
    if plain is None and extended is None:
        raise refused("Must specify either Statistic or ExtendedStatistic")
    if plain is not None and extended is not None:
        raise refused("Cannot specify both Statistic and ExtendedStatistic")
    if extended is not None and statistic(extended) is None:
        raise refused(f"The value {extended} for parameter ExtendedStatistic is not supported.")
    _period(given["Period"])


def _several(given: Json) -> None:
    for member in SINGLE:
        if given.get(member):
            raise refused(f"{member} should not be set if list of Metrics is set.")
    ids: set[str] = set()
    for each in given["Metrics"]:
        id = each["Id"]
        if id in ids:
            raise refused(f"The values for parameter id in Metrics are not unique: {id}")
        if not _ID.fullmatch(id):
            raise refused(f"The value {id} for parameter Metrics.member.Id is invalid.")
        ids.add(id)
        if bool(each.get("MetricStat")) == bool(each.get("Expression")):
            raise refused(f"Exactly one of MetricStat and Expression must be set for the metric {id}")
        stat = each.get("MetricStat")
        if stat is not None:
            _period(stat["Period"])
            if statistic(stat["Stat"]) is None:
                raise refused(f"The value {stat['Stat']} for parameter Stat is not supported.")
    band = given.get("ThresholdMetricId")
    if band is not None and band not in ids:
        raise refused("Metrics list must contain exactly one metric matching the ThresholdMetricId parameter")
    returned = [each["Id"] for each in given["Metrics"] if each.get("ReturnData", True)]
    if len([id for id in returned if id != band]) != 1:
        raise refused("Exactly one element of the metrics list should return data.")


def _period(period: int) -> None:
    if period not in SHORT and period % 60:
        raise refused("Period must be 10, 20, 30 or a multiple of 60")


def composite_alarm(given: Json, known: Iterable[str]) -> None:
    """Raises AwsError for what PutCompositeAlarm refuses. `known` are the names of the alarms there are."""
    common(given)
    try:
        rule = Rule(given["AlarmRule"])
    except UsageError as error:
        raise refused(error.message) from None
    if given["AlarmName"] in rule.names:
        raise refused(f"Error in AlarmRule [Alarm {given['AlarmName']} refers to itself]")
    there = set(known)
    lacking = sorted({name for name in rule.names if name not in there})
    if lacking:
        raise refused(
            f"Could not save the composite alarm as alarms [{', '.join(lacking)}] in the alarm rule do not exist"
        )


def common(given: Json) -> None:
    """Raises AwsError for actions that are none, and for what is not offered."""
    for member in NOT_OFFERED:
        if given.get(member) is not None:
            raise refused(f"{member} is not offered by forebay: the alarm would not do what it says")
    for member in ACTIONS:
        for action in given.get(member) or ():
            _action(action)


def _action(action: Any) -> None:
    parts = str(action).split(":")
    if parts[0] != "arn" or len(parts) < 6:
        raise refused(f"Invalid arn syntax: {action}")
    try:
        target_of(action)
    except UsageError:
        raise refused(
            f"Invalid use of action '{action}': forebay tells topics (SNS) and calls functions (Lambda)"
        ) from None
