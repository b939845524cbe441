"""PutMetricData: values, values with counts, and statistic sets, checked as CloudWatch does."""

from __future__ import annotations

import math
import time
from typing import Any

from forebay.errors import Throttled, Unavailable
from forebay.telemetry.metric_rows import Metric
from forebay.telemetry.metrics import Point
from forebay.wire.cloudwatch.base import SERVICE, conflicting, invalid, missing
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

MOST_DATA = 1000
MOST_VALUES = 150
OLDEST = 14 * 86_400
NEWEST = 2 * 3600
GREATEST = 2.0**360
LEAST = 2.0**-360


@SERVICE.operation("PutMetricData", partial="entities are not related to their metrics")
async def put_metric_data(asked: Asked, given: Json) -> None:
    """Keep data points, on disk before the answer."""
    namespace = given["Namespace"]
    if namespace.startswith("AWS/") or not namespace.strip():
        raise invalid(f"The value {namespace} for parameter Namespace is invalid.")
    named = [("MetricData", given.get("MetricData") or [])]
    for at, each in enumerate(given.get("EntityMetricData") or [], 1):
        named.append((f"EntityMetricData.member.{at}.MetricData", each.get("MetricData") or []))
    if not any(data for _, data in named):
        raise missing("The parameter MetricData is required.")
    if sum(len(data) for _, data in named) > MOST_DATA:
        raise invalid(f"The collection MetricData must not have a size greater than {MOST_DATA}.")
    now = time.time()
    points = [
        _point(namespace, datum, f"{name}.member.{at}", now)
        for name, data in named
        for at, datum in enumerate(data, 1)
    ]
    await kept(asked, points)


async def kept(asked: Asked, points: list[Point]) -> None:
    """Put the points. Raises AwsError."""
    try:
        await asked.system.metrics.put(points)
    except Throttled as error:
        code = "LimitExceeded" if error.code == "TooManyMetrics" else "Throttling"
        raise AwsError(code, error.message, http=400) from None
    except Unavailable as error:
        raise AwsError("InternalServiceError", error.message, http=500) from None


def _point(namespace: str, datum: Json, place: str, now: float) -> Point:
    dimensions = datum.get("Dimensions") or []
    for at, each in enumerate(dimensions, 1):
        for part in ("Name", "Value"):
            text = each[part]
            if not text.isascii() or not text.strip() or (part == "Name" and text.startswith(":")):
                raise invalid(
                    f"The value {text} for parameter {place}.Dimensions.member.{at}.{part} is invalid."
                )
    values = _values(datum, place)
    stamp = datum.get("Timestamp")
    moment = now if stamp is None else float(stamp.timestamp())
    if moment < now - OLDEST:
        raise invalid(f"The parameter {place}.Timestamp must specify a time within the past two weeks.")
    if moment > now + NEWEST:
        raise invalid(
            f"The parameter {place}.Timestamp must specify a time no more than two hours in the future."
        )
    metric = Metric(
        namespace, datum["MetricName"], tuple(sorted((each["Name"], each["Value"]) for each in dimensions))
    )
    resolution = 1 if datum.get("StorageResolution", 60) < 60 else 60
    unit = datum.get("Unit", "None")
    if (given := datum.get("StatisticValues")) is not None:
        n, total, low, high = (
            _number(given[part], f"{place}.StatisticValues.{part}")
            for part in ("SampleCount", "Sum", "Minimum", "Maximum")
        )
        if n <= 0:
            raise invalid(
                f"The value {_shown(n)} for parameter {place}.StatisticValues.SampleCount is invalid."
            )
        if low > high:
            raise invalid(
                f"The parameter {place}.StatisticValues.Maximum must be greater than"
                f" {place}.StatisticValues.Minimum."
            )
        return Point(metric, int(moment), (), unit, resolution, n, total, low, high)
    return Point(metric, int(moment), tuple(values), unit, resolution)


def _values(datum: Json, place: str) -> list[tuple[float, float]]:
    """The values of a datum, each with its count; none where it is a statistic set."""
    single, sets, several = datum.get("Value"), datum.get("StatisticValues"), datum.get("Values")
    if single is not None:
        _number(single, f"{place}.Value")
    if single is not None and several:
        raise invalid(_both(f"{place}.Value", f"{place}.Values"))
    if single is not None and sets is not None:
        raise conflicting(_both(f"{place}.Value", f"{place}.StatisticValues"))
    if several and sets is not None:
        raise conflicting(_both(f"{place}.Values", f"{place}.StatisticValues"))
    if single is not None:
        return [(float(single), 1.0)]
    if sets is not None:
        return []
    if not several:
        raise missing(f"The parameter {place}.Value is required.")
    counts = datum.get("Counts") or [1.0] * len(several)
    for name, some in (("Values", several), ("Counts", counts)):
        if len(some) > MOST_VALUES:
            raise invalid(f"The collection {place}.{name} must not have a size greater than {MOST_VALUES}.")
    if len(counts) != len(several):
        raise invalid(f"The parameters {place}.Values and {place}.Counts must be of the same size.")
    found = []
    for at, (value, count) in enumerate(zip(several, counts, strict=True), 1):
        number = _number(value, f"{place}.Values.member.{at}")
        often = _number(count, f"{place}.Counts.member.{at}")
        if often < 0:
            raise invalid(f"The value {_shown(often)} for parameter {place}.Counts.member.{at} is invalid.")
        if often:
            found.append((number, often))
    if not found:
        raise invalid(f"The parameter {place}.Counts must have a value greater than 0.")
    return found


def _both(one: str, other: str) -> str:
    return f"The parameters {one} and {other} are mutually exclusive and you have specified both."


def _number(value: Any, place: str) -> float:
    number = float(value)
    if math.isnan(number) or (number and not LEAST <= abs(number) <= GREATEST):
        raise invalid(f"The value {_shown(number)} for parameter {place} is invalid.")
    return number


def _shown(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return str(number)
