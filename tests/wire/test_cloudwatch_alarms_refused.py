"""What CloudWatch says of alarms that cannot be, of rules and of detectors."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.sdk import refused, serving

system = serving()

PLAIN: dict[str, Any] = {
    "AlarmName": "a",
    "Namespace": "shop",
    "MetricName": "sales",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
}
STAT = {"Metric": {"Namespace": "shop", "MetricName": "sales"}, "Period": 60, "Stat": "Sum"}
SEVERAL = {key: PLAIN[key] for key in ("AlarmName", "EvaluationPeriods", "Threshold", "ComparisonOperator")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"MetricName": None}, "MetricName must not be null"),
        ({"Period": None}, "Period must not be null"),
        ({"Period": 45}, "Period must be 10, 20, 30 or a multiple of 60"),
        ({"Threshold": None}, "Threshold must not be null"),
        ({"EvaluationPeriods": None}, "EvaluationPeriods must not be null"),
        ({"ComparisonOperator": None}, "ComparisonOperator must not be null"),
        ({"Statistic": None}, "Must specify either Statistic or ExtendedStatistic"),
        ({"ExtendedStatistic": "p99"}, "Cannot specify both Statistic and ExtendedStatistic"),
        ({"DatapointsToAlarm": 2}, "DatapointsToAlarm must be less than or equal to EvaluationPeriods"),
        (
            {"TreatMissingData": "lololol"},
            "The value lololol is not supported for TreatMissingData parameter. "
            "Supported values are [breaching, notBreaching, ignore, missing].",
        ),
        ({"AlarmActions": ["arn:alarm"]}, "Invalid arn syntax: arn:alarm"),
        ({"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}, "Invalid"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "ThresholdMetricId"),
        (
            {"Statistic": "Bla"},
            "1 validation error detected: Value 'Bla' at 'statistic' failed to satisfy constraint: "
            "Member must satisfy enum value set: [",
        ),
        ({"EvaluationPeriods": 2000}, "Metrics cannot be checked across more than a day"),
    ],
)
def test_an_alarm_on_one_metric(cloudwatch: Any, change: dict[str, Any], message: str) -> None:
    given = {key: value for key, value in {**PLAIN, **change}.items() if value is not None}
    refused("ValidationError", message, cloudwatch.put_metric_alarm, **given)


@pytest.mark.parametrize(
    ("metrics", "change", "message"),
    [
        (
            [{"Id": "m1", "MetricStat": STAT}, {"Id": "m2", "MetricStat": STAT}],
            {},
            "Exactly one element of the metrics list should return data.",
        ),
        (
            [{"Id": "m1", "MetricStat": STAT}],
            {"Unit": "Count"},
            "Unit should not be set if list of Metrics is set.",
        ),
        (
            [{"Id": "m1", "MetricStat": STAT}],
            {"ThresholdMetricId": "ad1"},
            "Threshold and ThresholdMetricId cannot both be set",
        ),
        (
            [{"Id": "m1", "MetricStat": STAT}],
            {"ThresholdMetricId": "ad1", "Threshold": None},
            "Metrics list must contain exactly one metric matching the ThresholdMetricId parameter",
        ),
    ],
)
def test_an_alarm_on_several_metrics(
    cloudwatch: Any, metrics: list[Any], change: dict[str, Any], message: str
) -> None:
    given = {key: value for key, value in {**SEVERAL, **change}.items() if value is not None}
    refused("ValidationError", message, cloudwatch.put_metric_alarm, Metrics=metrics, **given)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("()", "Error in AlarmRule [Unsupported token ')' at char 1]"),
        ("ALARM(nothing)", "alarms [nothing] in the alarm rule do not exist"),
        ("ALARM(itself)", "refers to itself"),
    ],
)
def test_a_rule_that_cannot_be(cloudwatch: Any, rule: str, message: str) -> None:
    refused("ValidationError", message, cloudwatch.put_composite_alarm, AlarmName="itself", AlarmRule=rule)


def test_two_rules_do_not_ask_for_each_other(cloudwatch: Any) -> None:
    cloudwatch.put_metric_alarm(**{**PLAIN, "AlarmName": "ground"})
    cloudwatch.put_composite_alarm(AlarmName="upper", AlarmRule="ALARM(ground)")
    cloudwatch.put_composite_alarm(AlarmName="top", AlarmRule="ALARM(upper)")
    refused(
        "ValidationError",
        "would depend on itself",
        cloudwatch.put_composite_alarm,
        AlarmName="upper",
        AlarmRule="ALARM(top)",
    )
    cloudwatch.delete_alarms(AlarmNames=["top", "upper", "ground"])


def test_a_state_that_cannot_be_set(cloudwatch: Any) -> None:
    refused(
        "ResourceNotFound",
        "",
        cloudwatch.set_alarm_state,
        AlarmName="nothing",
        StateValue="OK",
        StateReason="x",
    )
    refused(
        "ValidationError",
        "1 validation error detected: Value 'FINE' at 'stateValue' failed to satisfy constraint",
        cloudwatch.set_alarm_state,
        AlarmName="nothing",
        StateValue="FINE",
        StateReason="x",
    )
    refused(
        "InvalidFormat",
        "JSON",
        cloudwatch.set_alarm_state,
        AlarmName="nothing",
        StateValue="OK",
        StateReason="x",
        StateReasonData="{",
    )


def test_alarms_are_described_page_by_page(cloudwatch: Any) -> None:
    names = [f"page-{n:02}" for n in range(5)]
    for name in names:
        cloudwatch.put_metric_alarm(**{**PLAIN, "AlarmName": name})
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix="page-", PaginationConfig={"PageSize": 2}
    )
    assert [[each["AlarmName"] for each in page["MetricAlarms"]] for page in pages] == [
        names[:2],
        names[2:4],
        names[4:],
    ]
    assert not cloudwatch.describe_alarms(AlarmNamePrefix="page-", StateValue="ALARM")["MetricAlarms"]
    refused("InvalidNextToken", "", cloudwatch.describe_alarms, NextToken="x")
    cloudwatch.delete_alarms(AlarmNames=[*names, "nothing"])
    assert not cloudwatch.describe_alarms(AlarmNamePrefix="page-")["MetricAlarms"]


def test_alarms_have_tags(cloudwatch: Any) -> None:
    cloudwatch.put_metric_alarm(**{**PLAIN, "AlarmName": "tagged"}, Tags=[{"Key": "a", "Value": "1"}])
    arn = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:tagged"
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    refused("ResourceNotFoundException", "", cloudwatch.list_tags_for_resource, ResourceARN=arn + "-not")


def test_anomaly_detectors_are_kept(cloudwatch: Any) -> None:
    single = {"Namespace": "shop", "MetricName": "sales", "Stat": "Sum"}
    cloudwatch.put_anomaly_detector(SingleMetricAnomalyDetector=single)
    (found,) = cloudwatch.describe_anomaly_detectors(Namespace="shop")["AnomalyDetectors"]
    assert (found["MetricName"], found["Stat"]) == ("sales", "Sum")
    assert found["StateValue"] == "TRAINED_INSUFFICIENT_DATA"
    cloudwatch.delete_anomaly_detector(SingleMetricAnomalyDetector=single)
    assert not cloudwatch.describe_anomaly_detectors()["AnomalyDetectors"]
    refused(
        "ResourceNotFoundException",
        "does not exist",
        cloudwatch.delete_anomaly_detector,
        SingleMetricAnomalyDetector=single,
    )
