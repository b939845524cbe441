"""ANOMALY_DETECTION_BAND in GetMetricData: what is usual of a metric, as alarms have it."""

from __future__ import annotations

from typing import Any

from forebay.alerts.band import PAST, Usual
from forebay.clock import SECOND
from forebay.telemetry.metric_math import Scope, Series, Value, bad

WIDTH = 2.0


def band(scope: Scope, arguments: list[Any]) -> Value:
    """ANOMALY_DETECTION_BAND(m1[, deviations]): its upper and its lower bound, where enough of the past is known."""
    if not 1 <= len(arguments) <= 2 or not isinstance(arguments[0], Series):
        raise bad("ANOMALY_DETECTION_BAND takes a metric, and how many deviations its band is wide")
    series, width = arguments[0], float(arguments[1]) if len(arguments) == 2 else WIDTH
    if series.past is None:
        raise bad("ANOMALY_DETECTION_BAND takes a metric itself, not what is calculated of it")
    usual = Usual((at * SECOND, value) for at, value in series.past(PAST).items())
    bounds = [(at, usual.at(at * SECOND, width)) for at in scope.times()]
    upper = {at: known.high for at, known in bounds if known is not None}
    lower = {at: known.low for at, known in bounds if known is not None}
    return [
        Series(upper, series.period, f"{series.label} high"),
        Series(lower, series.period, f"{series.label} low"),
    ]


FUNCTIONS = {"ANOMALY_DETECTION_BAND": band}
