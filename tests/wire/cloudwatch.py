"""What the tests of CloudWatch's metrics share: questions, and a namespace of a test's own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

Put = Callable[..., None]


def minute() -> dt.datetime:
    """The last whole minute."""
    return dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)


def statistics(cloudwatch: Any, namespace: str, name: str, *names: str, **more: Any) -> list[Any]:
    now = minute()
    simple = [each for each in names if each[0].isupper() and "(" not in each and each != "IQM"]
    extended = [each for each in names if each not in simple]
    given = {
        "StartTime": now - dt.timedelta(minutes=30),
        "EndTime": now + dt.timedelta(minutes=30),
        "Period": 3600,
        **({"Statistics": simple} if simple else {}),
        **({"ExtendedStatistics": extended} if extended else {}),
        **more,
    }
    found: list[Any] = cloudwatch.get_metric_statistics(Namespace=namespace, MetricName=name, **given)[
        "Datapoints"
    ]
    return found


def metric(
    namespace: str, name: str, stat: str = "Sum", period: int = 60, id: str = "m1", **more: Any
) -> dict[str, Any]:
    dimensions = more.pop("dimensions", {})
    named = {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }
    return {
        "Id": id,
        "MetricStat": {"Metric": named, "Period": period, "Stat": stat, **more.pop("in_stat", {})},
        **more,
    }


def data(cloudwatch: Any, *queries: dict[str, Any], minutes: int = 60, **more: Any) -> list[Any]:
    now = minute()
    given = {
        "StartTime": now - dt.timedelta(minutes=minutes),
        "EndTime": now + dt.timedelta(minutes=minutes),
        "ScanBy": "TimestampAscending",
        **more,
    }
    found: list[Any] = cloudwatch.get_metric_data(MetricDataQueries=list(queries), **given)[
        "MetricDataResults"
    ]
    return found
