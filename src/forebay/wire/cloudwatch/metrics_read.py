"""GetMetricData, GetMetricStatistics and ListMetrics."""

from __future__ import annotations

import base64
import binascii
import re
import time
from typing import Any

from forebay.errors import UsageError
from forebay.telemetry.metric_query import SHORT, Answer, AskedMetric, answer, by_period
from forebay.telemetry.metric_query import Asked as Query
from forebay.telemetry.metric_rows import Metric
from forebay.telemetry.metrics import Listed, Reading
from forebay.telemetry.statistic import SIMPLE, needs_values, statistic
from forebay.wire.cloudwatch.base import SERVICE, conflicting, invalid, refused
from forebay.wire.cloudwatch.metrics_band import FUNCTIONS
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

MOST_QUERIES = 500
MOST_POINTS = 100_800
MOST_STATISTICS = 1440
LISTED = 500
RECENT = 3 * 3600
_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")
_EXTENDED = 10


@SERVICE.operation(
    "GetMetricData",
    partial="percentiles and trimmed means of more than 100 different values in a period are within 1 %;"
    " no Metrics Insights (SELECT), SERVICE_QUOTA, INSIGHT_RULE_METRIC, LAMBDA or DB_PERF_INSIGHTS",
)
async def get_metric_data(asked: Asked, given: Json) -> Json:
    """Series of metrics and of expressions over them."""
    start, end = _seconds(given["StartTime"]), _seconds(given["EndTime"])
    if start == end:
        raise refused("The parameter StartTime must not equal parameter EndTime.")
    if start > end:
        raise refused("The parameter EndTime must be greater than StartTime.")
    queries = [_query(each, at) for at, each in enumerate(given["MetricDataQueries"], 1)]
    _check_queries(queries)
    limit = given.get("MaxDatapoints") or MOST_POINTS
    skipped = _offset(given.get("NextToken"))
    try:
        found = await asked.system.metrics.read(
            lambda reading: answer(reading, queries, start, end, FUNCTIONS)
        )
    except UsageError as error:
        raise refused(error.message) from None
    ascending = given.get("ScanBy") == "TimestampAscending"
    results, more = _paged(found, skipped, min(limit, MOST_POINTS), ascending=ascending)
    token = {"NextToken": _token(f"{skipped + limit}")} if more else {}
    return {"MetricDataResults": results, "Messages": [], **token}


def _paged(found: list[Answer], skipped: int, limit: int, *, ascending: bool) -> tuple[list[Json], bool]:
    """The results with `limit` points after those that were skipped, and whether there are more."""
    results: list[Json] = []
    room, more = limit, False
    for each in found:
        points = sorted(each.points.items(), reverse=not ascending)
        here = points[skipped : skipped + room]
        left = len(points) - skipped - len(here) > 0
        skipped = max(0, skipped - len(points))
        room -= len(here)
        more = more or left
        results.append(
            {
                "Id": each.id,
                "Label": each.label,
                "Timestamps": [at for at, _ in here],
                "Values": [value for _, value in here],
                "StatusCode": "PartialData" if left else "Complete",
                **(
                    {"Messages": [{"Code": c, "Value": v} for c, v in each.messages]} if each.messages else {}
                ),
            }
        )
    return results, more


def _query(given: Json, at: int) -> Query:
    place = f"MetricDataQueries.member.{at}"
    id = given["Id"]
    if not _ID.fullmatch(id):
        raise refused(
            f"The value {id} for parameter {place}.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."
        )
    stat, expression = given.get("MetricStat"), given.get("Expression")
    if (stat is None) == (expression is None):
        raise refused(
            f"The parameters {place}.MetricStat and {place}.Expression are mutually exclusive"
            " and you have specified both."
            if stat is not None
            else f"The parameter {place}.Expression or {place}.MetricStat is required."
        )
    label, returned = given.get("Label"), given.get("ReturnData", True)
    if stat is None:
        period = given.get("Period")
        if period is not None:
            _check_period(period, f"{place}.Period")
        return Query(id, expression=expression, period=period, label=label, returned=returned)
    metric = stat["Metric"]
    _check_period(stat["Period"], f"{place}.MetricStat.Period")
    if statistic(stat["Stat"]) is None:
        raise refused(f"The value {stat['Stat']} for parameter {place}.MetricStat.Stat is not supported.")
    named = AskedMetric(
        metric.get("Namespace", ""),
        metric.get("MetricName", ""),
        {each["Name"]: each["Value"] for each in metric.get("Dimensions") or []},
    )
    return Query(id, named, None, stat["Stat"], stat["Period"], stat.get("Unit"), label, returned)


def _check_queries(queries: list[Query]) -> None:
    if len(queries) > MOST_QUERIES:
        raise refused(f"The collection MetricDataQueries must not have a size greater than {MOST_QUERIES}.")
    ids = [query.id for query in queries]
    twice = next((id for id in ids if ids.count(id) > 1), None)
    if twice is not None:
        raise refused(
            f"The values for parameter id in MetricDataQueries must be unique. Duplicate id: {twice}"
        )
    if not any(query.returned for query in queries):
        raise refused("At least one of the queries in MetricDataQueries must have ReturnData set to true.")


def _check_period(period: int, place: str) -> None:
    if period not in SHORT and period % 60:
        raise refused(f"The parameter {place} must be 1, 5, 10, 20, 30 or a multiple of 60.")


@SERVICE.operation(
    "GetMetricStatistics", partial="percentiles of more than 100 different values in a period are within 1 %"
)
async def get_metric_statistics(asked: Asked, given: Json) -> Json:
    """Statistics of one metric by period, in each unit."""
    simple, extended = given.get("Statistics") or [], given.get("ExtendedStatistics") or []
    if not simple and not extended:
        raise conflicting("Must specify either Statistics or ExtendedStatistics")
    start, end, period = _seconds(given["StartTime"]), _seconds(given["EndTime"]), given["Period"]
    if start >= end:
        raise invalid("The parameter StartTime must be less than the parameter EndTime.")
    if period not in SHORT and period % 60:
        raise invalid("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
    points = (end - start) // period
    if points > MOST_STATISTICS:
        raise conflicting(
            f"You have requested up to {points} datapoints, which exceeds the limit of {MOST_STATISTICS}. You may reduce the"
            " datapoints requested by increasing Period, or decreasing the time range."
        )
    wanted = [*simple, *extended]
    for name in extended:
        if name in SIMPLE or statistic(name) is None:
            raise invalid(f"The value {name} for parameter ExtendedStatistics.member.1 is invalid.")
    dimensions = {each["Name"]: each["Value"] for each in given.get("Dimensions") or []}
    metric = Metric.of(given["Namespace"], given["MetricName"], dimensions)
    values = any(needs_values(name) for name in wanted)

    def read(reading: Reading) -> Any:
        id = reading.find(metric)
        return {} if id is None else by_period(reading, id, start, end, period, values=values)

    units = await asked.system.metrics.read(read)
    works = [(name, statistic(name)) for name in wanted]
    answers = []
    for unit, periods in units.items():
        if given.get("Unit", unit) != unit:
            continue
        for at, known in sorted(periods.items()):
            found = {name: value for name, work in works if work and (value := work(known)) is not None}
            datapoint = {name: value for name, value in found.items() if name in simple}
            more = {name: value for name, value in found.items() if name in extended}
            if found:
                answers.append(
                    {
                        "Timestamp": at,
                        **datapoint,
                        "Unit": unit,
                        **({"ExtendedStatistics": more} if more else {}),
                    }
                )
    return {"Label": given["MetricName"], "Datapoints": answers}


@SERVICE.operation("ListMetrics")
async def list_metrics(asked: Asked, given: Json) -> Json:
    """Metrics by namespace, name and dimensions, 500 at a time."""
    after = _offset(given.get("NextToken"), "Request parameter NextToken is invalid")
    since = int(time.time()) - RECENT if given.get("RecentlyActive") else 0
    wanted = [(each["Name"], each.get("Value")) for each in given.get("Dimensions") or []]

    def fits(metric: Metric) -> bool:
        return all(
            any(name == has and value in (None, of) for has, of in metric.dimensions)
            for name, value in wanted
        )

    def read(reading: Reading) -> list[Listed]:
        found: list[Listed] = []
        for each in reading.listed(given.get("Namespace"), given.get("MetricName"), since=since, after=after):
            if fits(each.metric):
                found.append(each)
                if len(found) > LISTED:
                    break
        return found

    found = await asked.system.metrics.read(read)
    page = found[:LISTED]
    metrics = [
        {
            "Namespace": each.metric.namespace,
            "MetricName": each.metric.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in each.metric.dimensions],
        }
        for each in page
    ]
    owners = {"OwningAccounts": [asked.account] * len(metrics)} if given.get("IncludeLinkedAccounts") else {}
    return {
        "Metrics": metrics,
        **owners,
        **({"NextToken": _token(f"{page[-1].id}")} if len(found) > LISTED else {}),
    }


def _seconds(value: Any) -> int:
    return int(value.timestamp())


def _token(text: str) -> str:
    return base64.urlsafe_b64encode(f"forebay:{text}".encode()).decode()


def _offset(token: str | None, message: str = "Request parameter NextToken is invalid") -> int:
    if token is None:
        return 0
    try:
        text = base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    kind, _, number = text.partition(":")
    if kind != "forebay" or not (number.isdecimal() and len(number) < 19):
        raise AwsError("InvalidNextToken", message)
    return int(number)
