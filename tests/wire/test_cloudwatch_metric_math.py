"""Metric math over the wire: expressions, gaps that are filled, searches, and what is refused."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest

from tests.wire.cloudwatch import Put, data, metric, minute
from tests.wire.sdk import refused, serving

system = serving()

EXPRESSIONS: list[tuple[str, list[float]]] = [
    ("100 * errors / requests", [10, 50, 25]),
    ("SUM([errors, requests])", [11, 6, 10]),
    ("SUM(METRICS())", [11, 6, 10]),
    ("errors > 1", [0, 1, 1]),
    ("IF(errors > 1, requests)", [4, 8]),
    ("IF(errors > 1, requests, 0)", [0, 4, 8]),
    ("errors + SUM(requests)", [23, 24, 24]),
    ("DIFF(requests)", [-6, 4]),
    ("RATE(requests) * PERIOD(requests)", [-6, 4]),
    ("RUNNING_SUM(errors)", [1, 3, 5]),
    ("MAX([errors, requests]) - MIN([errors, requests])", [9, 2, 6]),
    ("-errors ^ 2 + 2 * (3 - 1)", [3, 0, 0]),
    ("errors / 0", []),
    ("ABS(errors - requests) >= 2 && requests < 9", [0, 1, 1]),
]  # fmt: skip


@pytest.fixture(scope="module")
def series(cloudwatch: Any) -> list[dict[str, Any]]:
    """Two metrics with a point in each of three minutes, as queries that are not returned."""
    namespace, begin = f"math/{uuid.uuid4().hex[:8]}", minute() - dt.timedelta(minutes=3)
    points = [
        {"MetricName": name, "Value": value, "Timestamp": begin + dt.timedelta(minutes=n)}
        for name, values in (("errors", (1, 2, 2)), ("requests", (10, 4, 8)))
        for n, value in enumerate(values)
    ]
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=points)
    return [metric(namespace, name, id=name, ReturnData=False) for name in ("errors", "requests")]


@pytest.mark.parametrize(("text", "expected"), EXPRESSIONS, ids=lambda each: str(each)[:40])
def test_expressions_are_worked_out(
    cloudwatch: Any, series: list[dict[str, Any]], text: str, expected: list[float]
) -> None:
    (answer,) = data(cloudwatch, *series, {"Id": "e1", "Expression": text, "Label": "it"})
    assert answer["Values"] == pytest.approx(expected)
    assert answer["Label"] == "it"


def test_gaps_are_filled(cloudwatch: Any, namespace: str, put: Put) -> None:
    begin = minute() - dt.timedelta(minutes=4)
    put("m", 2, at=begin)
    put("m", 8, at=begin + dt.timedelta(minutes=3))
    source = metric(namespace, "m", id="m", ReturnData=False)
    wanted: dict[str, Any] = {
        "StartTime": begin - dt.timedelta(minutes=1),
        "EndTime": begin + dt.timedelta(minutes=5),
    }
    for text, expected in (
        ("FILL(m, 0)", [0, 2, 0, 0, 8, 0]),
        ("FILL(m, REPEAT)", [2, 2, 2, 8, 8]),
        ("FILL(m, LINEAR)", [2, 4, 6, 8, 8]),
    ):
        (answer,) = data(cloudwatch, source, {"Id": "e", "Expression": text}, **wanted)
        assert answer["Values"] == pytest.approx(expected), text


def test_a_search_finds_metrics_by_their_dimensions(cloudwatch: Any, namespace: str, put: Put) -> None:
    at = minute()
    for page, value in (("home", 1), ("basket", 2), ("help", 4)):
        put("visits", value, at=at, Dimensions=[{"Name": "page", "Value": page}])
    text = f"SEARCH('{{{namespace},page}} MetricName=\"visits\" NOT help', 'Sum', 60)"
    found = data(cloudwatch, {"Id": "all", "Expression": text})
    assert {each["Label"]: each["Values"] for each in found} == {"home visits": [1], "basket visits": [2]}
    (total,) = data(cloudwatch, {"Id": "total", "Expression": f"SUM({text})"})
    assert total["Values"] == [3]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("m1 +", "Error in expression 'e1': Unexpected end of expression at position 5"),
        ("nobody * 2", "Error in expression 'e1': Undefined variable 'nobody'"),
        ("NOPE(1)", "Error in expression 'e1': Unsupported function 'NOPE' at position 1"),
        ("e1 + 1", "Error in expression 'e1': Circular dependency of 'e1'"),
    ],
)
def test_an_expression_that_cannot_be_is_refused_with_its_place(
    cloudwatch: Any, text: str, said: str
) -> None:
    given = {"StartTime": minute(), "EndTime": minute() + dt.timedelta(minutes=1)}
    queries = [metric("x", "y"), {"Id": "e1", "Expression": text}]
    refused("ValidationError", said, cloudwatch.get_metric_data, MetricDataQueries=queries, **given)


def test_a_band_is_what_the_metrics_own_past_makes_usual(cloudwatch: Any, namespace: str) -> None:
    """Thirteen days of two values by turns: the band lies around their middle, and leaves a burst outside."""
    now = minute()
    past = [
        {"MetricName": "m", "Value": 10 + hour % 2, "Timestamp": now - dt.timedelta(hours=hour)}
        for hour in range(2, 13 * 24)
    ]
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=past)
    queries = [metric(namespace, "m", id="m1"), {"Id": "band", "Expression": "ANOMALY_DETECTION_BAND(m1, 3)"}]
    found = [each for each in data(cloudwatch, *queries, minutes=5) if each["Id"] == "band"]
    assert [each["Label"] for each in found] == ["m high", "m low"]
    for high, low in zip(*(each["Values"] for each in found), strict=True):
        assert 8 < low < 10.5 < high < 14
    queries[1]["Expression"] = "ANOMALY_DETECTION_BAND(m1 * 2)"
    said = "Error in expression 'band': ANOMALY_DETECTION_BAND takes a metric itself"
    given = {"StartTime": now - dt.timedelta(minutes=5), "EndTime": now}
    refused("ValidationError", said, cloudwatch.get_metric_data, MetricDataQueries=queries, **given)
