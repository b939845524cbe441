"""CloudWatch's metrics over the wire: put, asked by period, calculated with, listed, and there after a kill."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from typing import Any

import pytest

from tests.harness import System, request
from tests.wire.cloudwatch import Put, data, metric, minute, statistics
from tests.wire.sdk import client, refused, serving

system = serving()


def test_values_and_counts_are_added_up(cloudwatch: Any, namespace: str) -> None:
    datum = {"MetricName": "size", "Values": [1.0, 10.0], "Counts": [2, 4], "Unit": "Count"}
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=[datum])
    (found,) = statistics(
        cloudwatch, namespace, "size", "SampleCount", "Sum", "Maximum", "Minimum", "Average"
    )
    assert found["Unit"] == "Count"
    assert [found[each] for each in ("SampleCount", "Sum", "Maximum", "Minimum", "Average")] == [
        6,
        42,
        10,
        1,
        7,
    ]


def test_a_statistic_set_is_added_to_values_and_has_no_percentiles(
    cloudwatch: Any, namespace: str, put: Put
) -> None:
    stats = {"SampleCount": 3.0, "Sum": 123.0, "Maximum": 100.0, "Minimum": 12.0}
    cloudwatch.put_metric_data(
        Namespace=namespace,
        MetricData=[{"MetricName": "ms", "StatisticValues": stats, "Timestamp": minute()}],
    )
    put("ms", 101.0)
    (found,) = statistics(cloudwatch, namespace, "ms", "SampleCount", "Sum", "Minimum", "Maximum", "p50")
    assert [found[each] for each in ("SampleCount", "Sum", "Minimum", "Maximum")] == [4, 224, 12, 101]
    assert "ExtendedStatistics" not in found


def test_percentiles_and_trimmed_means_are_of_the_values(cloudwatch: Any, namespace: str) -> None:
    values = [float(n) for n in range(1, 101)]
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": "ms", "Values": values}])
    names = ["p50", "p99.9", "tm90", "IQM", "TM(10:20)", "PR(:25)", "TC(:25)", "ts10", "wm90"]
    (found,) = statistics(cloudwatch, namespace, "ms", *names)
    expected = {
        "p50": 50.0, "p99.9": 100.0, "tm90": 45.5, "IQM": 50.5, "TM(10:20)": 15.5, "PR(:25)": 25.0,
        "TC(:25)": 25.0, "ts10": 55.0, "wm90": (sum(range(1, 91)) + 900) / 100,
    }  # fmt: skip
    assert found["ExtendedStatistics"] == expected


def test_percentiles_of_many_values_are_within_a_hundredth(cloudwatch: Any, namespace: str) -> None:
    for start in range(0, 3000, 150):
        values = [float(n + 1) for n in range(start, start + 150)]
        cloudwatch.put_metric_data(
            Namespace=namespace, MetricData=[{"MetricName": "ms", "Values": values, "Timestamp": minute()}]
        )
    (found,) = statistics(cloudwatch, namespace, "ms", "p10", "p50", "p99")
    for name, exact in (("p10", 300), ("p50", 1500), ("p99", 2970)):
        assert found["ExtendedStatistics"][name] == pytest.approx(exact, rel=0.01)


def test_units_are_kept_apart(cloudwatch: Any, namespace: str, put: Put) -> None:
    put("m", 1, Unit="Seconds")
    put("m", 5, Unit="Count")
    put("m", 10)
    found = statistics(cloudwatch, namespace, "m", "Average")
    assert {each["Unit"]: each["Average"] for each in found} == {"Seconds": 1, "Count": 5, "None": 10}
    (only,) = statistics(cloudwatch, namespace, "m", "Average", Unit="Seconds")
    assert only["Average"] == 1
    (answer,) = data(cloudwatch, metric(namespace, "m", in_stat={"Unit": "Seconds"}))
    assert answer["Values"] == [1]
    (answer,) = data(cloudwatch, metric(namespace, "m"))
    assert answer["Values"] == [5]  # of several, AWS takes the first of a fixed order


def test_dimensions_name_a_metric_and_all_must_be_given(cloudwatch: Any, namespace: str, put: Put) -> None:
    put("m", 1, Dimensions=[{"Name": "page", "Value": "home"}])
    put("m", 2, Dimensions=[{"Name": "page", "Value": "home"}, {"Name": "lang", "Value": "de"}])
    both = {"lang": "de", "page": "home"}
    found = data(
        cloudwatch,
        metric(namespace, "m", id="one", dimensions={"page": "home"}),
        metric(namespace, "m", id="two", dimensions=both),
        metric(namespace, "m", id="none"),
    )
    assert [each["Values"] for each in found] == [[1], [2], []]
    assert {each["StatusCode"] for each in found} == {"Complete"}
    listed = cloudwatch.list_metrics(Namespace=namespace, Dimensions=[{"Name": "lang"}])["Metrics"]
    assert [{each["Name"]: each["Value"] for each in found["Dimensions"]} for found in listed] == [both]


def test_labels_tell_apart_what_differs(cloudwatch: Any, namespace: str, put: Put) -> None:
    put("m", 3)
    assert data(cloudwatch, metric(namespace, "m"))[0]["Label"] == "m"
    two = data(cloudwatch, metric(namespace, "m"), metric(namespace, "m", "Average", id="m2"))
    assert [each["Label"] for each in two] == ["m Sum", "m Average"]
    (own,) = data(cloudwatch, metric(namespace, "m", Label="${PROP('MetricName')} up to ${MAX}"))
    assert own["Label"] == "m up to 3"


def test_points_come_newest_first_and_in_pages(cloudwatch: Any, namespace: str, put: Put) -> None:
    now = minute()
    put("m", *range(20), at=now - dt.timedelta(minutes=19))
    given = {
        "MetricDataQueries": [metric(namespace, "m")],
        "StartTime": now - dt.timedelta(minutes=19),
        "EndTime": now + dt.timedelta(minutes=1),
        "MaxDatapoints": 8,
    }
    values, partial = [], []
    for page in cloudwatch.get_paginator("get_metric_data").paginate(**given):
        (answer,) = page["MetricDataResults"]
        values += answer["Values"]
        partial.append(answer["StatusCode"])
    assert values == list(range(19, -1, -1))
    assert partial == ["PartialData", "PartialData", "Complete"]


def test_seconds_are_kept_where_they_are_asked_for(cloudwatch: Any, namespace: str) -> None:
    begin = minute()
    points = [
        {"MetricName": "m", "Value": n, "Timestamp": begin + dt.timedelta(seconds=n), "StorageResolution": 1}
        for n in range(12)
    ]
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=points)
    found = data(
        cloudwatch,
        *(metric(namespace, "m", period=period, id=f"p{period}") for period in (1, 5, 60)),
        minutes=5,
    )
    assert found[0]["Values"] == list(range(12))
    assert found[1]["Values"] == [0 + 1 + 2 + 3 + 4, 5 + 6 + 7 + 8 + 9, 10 + 11]
    assert found[2]["Values"] == [66]


NOW = dt.datetime.now(dt.UTC)


@pytest.mark.parametrize(
    ("datum", "code", "said"),
    [
        ({"Value": float("nan")}, "InvalidParameterValue", "The value NaN for parameter MetricData.member.1.Value is invalid."),
        ({"Value": 1.5, "Values": [1.0]}, "InvalidParameterValue", "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you have specified both."),
        ({"Values": [1.0, 2.0], "Counts": [1, 2, 3]}, "InvalidParameterValue", "The parameters MetricData.member.1.Values and MetricData.member.1.Counts must be of the same size."),
        ({"Value": 1.0, "StatisticValues": {"Sum": 10.0, "Maximum": 9.0, "Minimum": 1.0, "SampleCount": 2}}, "InvalidParameterCombination", "The parameters MetricData.member.1.Value and MetricData.member.1.StatisticValues are mutually exclusive and you have specified both."),
        ({"Value": 1.0, "Timestamp": NOW - dt.timedelta(days=15)}, "InvalidParameterValue", "The parameter MetricData.member.1.Timestamp must specify a time within the past two weeks."),
        ({"Value": 1.0, "Timestamp": NOW + dt.timedelta(days=3)}, "InvalidParameterValue", "no more than two hours in the future."),
        ({}, "MissingParameter", "The parameter MetricData.member.1.Value is required."),
        ({"Values": [1.0] * 151}, "InvalidParameterValue", "The collection MetricData.member.1.Values must not have a size greater than 150."),
    ],
)  # fmt: skip
def test_what_is_no_data_is_refused(cloudwatch: Any, datum: dict[str, Any], code: str, said: str) -> None:
    refused(code, said, cloudwatch.put_metric_data, Namespace="n", MetricData=[{"MetricName": "m", **datum}])


def test_questions_that_cannot_be_are_refused(cloudwatch: Any) -> None:
    given = {"Namespace": "n", "MetricName": "m", "StartTime": NOW, "Period": 60}
    ask, later = cloudwatch.get_metric_statistics, NOW + dt.timedelta(days=1)
    said = "The parameter StartTime must be less than the parameter EndTime."
    refused("InvalidParameterValue", said, ask, **given, EndTime=NOW, Statistics=["Sum"])
    said = "Must specify either Statistics or ExtendedStatistics"
    refused("InvalidParameterCombination", said, ask, **given, EndTime=later)
    said = "You have requested up to 86400 datapoints, which exceeds the limit of 1440."
    refused(
        "InvalidParameterCombination", said, ask, **{**given, "Period": 1}, EndTime=later, Statistics=["Sum"]
    )
    ask, queries = cloudwatch.get_metric_data, {"MetricDataQueries": [metric("n", "m")]}
    said = "The parameter StartTime must not equal parameter EndTime."
    refused("ValidationError", said, ask, **queries, StartTime=NOW, EndTime=NOW)
    said = "The parameter EndTime must be greater than StartTime."
    refused("ValidationError", said, ask, **queries, StartTime=later, EndTime=NOW)
    said = "Request parameter NextToken is invalid"
    refused("InvalidNextToken", said, cloudwatch.list_metrics, NextToken="nonsense")
    said = "The value AWS/EC2 for parameter Namespace is invalid."
    refused(
        "InvalidParameterValue",
        said,
        cloudwatch.put_metric_data,
        Namespace="AWS/EC2",
        MetricData=[{"MetricName": "m", "Value": 1}],
    )


def test_metrics_are_listed_in_pages_of_500(cloudwatch: Any, namespace: str) -> None:
    names = [f"m{n}" for n in range(501)]
    cloudwatch.put_metric_data(
        Namespace=namespace, MetricData=[{"MetricName": name, "Value": 1} for name in names]
    )
    page = cloudwatch.list_metrics(Namespace=namespace)
    assert len(page["Metrics"]) == 500
    rest = cloudwatch.list_metrics(Namespace=namespace, NextToken=page["NextToken"])
    assert "NextToken" not in rest
    assert [each["MetricName"] for each in page["Metrics"] + rest["Metrics"]] == names
    assert page["Metrics"][0] == {"Namespace": namespace, "MetricName": "m0", "Dimensions": []}
    recent = cloudwatch.list_metrics(Namespace=namespace, MetricName="m7", RecentlyActive="PT3H")["Metrics"]
    assert len(recent) == 1


def test_what_was_acknowledged_outlives_a_kill(
    cloudwatch: Any, namespace: str, put: Put, system: System
) -> None:
    put("m", 1, 2, 4, at=minute() - dt.timedelta(minutes=2))
    system.kill("front")
    put("m", 8, at=minute() - dt.timedelta(minutes=2))
    (answer,) = data(cloudwatch, metric(namespace, "m"))
    assert sum(answer["Values"]) == 15


def test_other_processes_put_and_ask_over_the_fronts_socket(
    cloudwatch: Any, system: System, namespace: str
) -> None:
    at = minute().timestamp()
    named = {"namespace": namespace, "name": "m", "dimensions": {"a": "b"}}
    system.call(
        "front",
        "metrics_put",
        data=[{**named, "at": at, "value": 3}, {**named, "at": at, "values": [[4, 2]]}],
    )
    (answer,) = system.call(
        "front",
        "metrics_query",
        queries=[
            {"id": "m1", "metric": named, "stat": "Sum", "period": 60, "returned": False},
            {"id": "e1", "expression": "m1 * 2"},
        ],
        start=at - 60,
        end=at + 60,
    )
    assert (answer["timestamps"], answer["values"]) == ([at], [22])
    (listed,) = cloudwatch.list_metrics(Namespace=namespace)["Metrics"]
    assert listed["Dimensions"] == [{"Name": "a", "Value": "b"}]


def test_a_large_body_comes_compressed(cloudwatch: Any, namespace: str) -> None:
    """SDKs send what is 10 KB and more as gzip."""
    names = [f"a-name-of-some-length-{n:04}" for n in range(600)]
    sent = []
    with_headers = lambda request, **_: sent.append(request.headers.get("Content-Encoding"))  # noqa: E731
    cloudwatch.meta.events.register("before-send.cloudwatch.PutMetricData", with_headers)
    cloudwatch.put_metric_data(
        Namespace=namespace, MetricData=[{"MetricName": name, "Value": 1} for name in names]
    )
    cloudwatch.meta.events.unregister("before-send.cloudwatch.PutMetricData", with_headers)
    assert sent in ([b"gzip"], ["gzip"])
    found = cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace).build_full_result()
    assert len(found["Metrics"]) == 600


def test_what_is_not_offered_says_so(system: System) -> None:
    asking = client(system, "cloudwatch", retries=0)
    refused("NotImplemented", "cloudwatch.ListDashboards", asking.list_dashboards)
    asking.close()


SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/monitoring/aws4_request,"
    " SignedHeaders=host, Signature=none"
}


def test_older_clients_speak_forms_and_json(system: System, namespace: str) -> None:
    """As SDKs did before they spoke CBOR, compressed where a body is large."""
    action = f"Action=PutMetricData&Version=2010-08-01&Namespace={namespace}&MetricData.member.1.MetricName=m"
    form = {**SIGNED, "Content-Type": "application/x-www-form-urlencoded"}
    url = system.urls["aws"] + "/"
    plain = f"{action}&MetricData.member.1.Value=3".encode()
    assert request(url, "POST", plain, form).status == 200
    packed = {**form, "Content-Encoding": "gzip"}
    assert request(url, "POST", gzip.compress(plain), packed).status == 200
    wrong = request(url, "POST", f"{action}&MetricData.member.1.Value=NaN".encode(), form)
    assert b"<Code>InvalidParameterValue</Code>" in wrong.body
    kind = {"Content-Type": "application/x-amz-json-1.0"}
    target = {**SIGNED, **kind, "X-Amz-Target": "GraniteServiceVersion20100801.ListMetrics"}
    (listed,) = request(url, "POST", json.dumps({"Namespace": namespace}).encode(), target).json()["Metrics"]
    assert listed["MetricName"] == "m"
    wrong = request(url, "POST", b'{"NextToken": "x"}', target)
    assert (wrong.json()["__type"], wrong.headers["x-amzn-query-error"]) == (
        "InvalidNextToken",
        "InvalidNextToken;Sender",
    )


def test_errors_are_the_clients_own(cloudwatch: Any, namespace: str) -> None:
    data = [{"MetricName": "m", "Value": float("nan")}]
    with pytest.raises(cloudwatch.exceptions.InvalidParameterValueException) as raised:
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
    assert raised.value.response["Error"]["Code"] == "InvalidParameterValue"
    assert raised.value.response["Error"]["QueryErrorCode"] == "InvalidParameterValueException"
