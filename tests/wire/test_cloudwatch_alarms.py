"""CloudWatch's alarms over the wire: made, looked at, told, described, and there after a kill."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.harness import System, until
from tests.wire.cloudwatch import Put
from tests.wire.sdk import client, refused, serving

TOLD = """\
name: shop
functions:
  told: {handler: told.lambda_handler}
topics: {ops: {}}
bus: {default: {}}
alerts:
  own: {metric: AWS/Lambda Errors, dimensions: {FunctionName: told}, when: "> 5", notify: topics.ops}
  asked: {sql: select 1, when: "> 5"}
"""
HANDLER = """\
import json, pathlib

def lambda_handler(event, context):
    name = event["alarmData"]["alarmName"]
    with (pathlib.Path(__file__).parent / f"{name}.told").open("a") as file:
        file.write(json.dumps(event) + "\\n")
"""
TOPIC = "arn:aws:sns:us-east-1:000000000000:ops"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:told"

system = serving(TOLD, files={"told.py": HANDLER})

Make = Callable[..., str]


@pytest.fixture
def make(cloudwatch: Any, namespace: str) -> Make:
    """Makes an alarm: the sum of `sales` in the test's namespace is above 10."""

    def make(**more: Any) -> str:
        name = f"alarm-{uuid.uuid4().hex[:8]}"
        given = {
            "AlarmName": name,
            "Namespace": namespace,
            "MetricName": "sales",
            "Statistic": "Sum",
            "Period": 10,
            "EvaluationPeriods": 1,
            "Threshold": 10.0,
            "ComparisonOperator": "GreaterThanThreshold",
            **more,
        }
        cloudwatch.put_metric_alarm(**{key: value for key, value in given.items() if value is not None})
        return name

    return make


def one(cloudwatch: Any, name: str, kind: str = "MetricAlarm") -> dict[str, Any]:
    (found,) = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=[kind])[f"{kind}s"]
    return dict(found)


def told(system: System, name: str) -> list[dict[str, Any]]:
    """What the function was told of an alarm."""
    path = system.folder / f"{name}.told"
    whole = path.read_text().rpartition("\n")[0] if path.exists() else ""
    return [json.loads(line) for line in whole.splitlines()]


def test_a_new_alarm_has_no_data(cloudwatch: Any, make: Make, namespace: str) -> None:
    name = make(Dimensions=[{"Name": "Till", "Value": "1"}], AlarmDescription="a rush")
    found = one(cloudwatch, name)
    assert found["StateValue"] == "INSUFFICIENT_DATA"
    assert found["AlarmArn"] == f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{name}"
    assert found["ActionsEnabled"] is True
    assert found["Threshold"] == 10.0
    assert found["Dimensions"] == [{"Name": "Till", "Value": "1"}]
    assert found["AlarmDescription"] == "a rush"
    assert "Metrics" not in found
    assert "DatapointsToAlarm" not in found
    (by_metric,) = cloudwatch.describe_alarms_for_metric(
        MetricName="sales", Namespace=namespace, Dimensions=found["Dimensions"]
    )["MetricAlarms"]
    assert by_metric["AlarmName"] == name
    assert not cloudwatch.describe_alarms_for_metric(MetricName="sales", Namespace=namespace)["MetricAlarms"]


def test_values_above_the_threshold_alarm_and_are_told(
    system: System, cloudwatch: Any, make: Make, put: Put
) -> None:
    name = make(AlarmActions=[FUNCTION, TOPIC])
    put("sales", 12.0, at=dt.datetime.now(dt.UTC), StorageResolution=1)
    found = until(lambda: (f := one(cloudwatch, name))["StateValue"] == "ALARM" and f)
    assert found["StateReason"].startswith("Threshold Crossed: 1 out of the last 1 datapoints [12.0 (")
    assert found["StateReason"].endswith(
        "was greater than the threshold (10.0) (minimum 1 datapoint for OK -> ALARM transition)."
    )
    assert json.loads(found["StateReasonData"])["recentDatapoints"] == [12.0]
    (event,) = until(lambda: told(system, name))
    assert event["alarmArn"] == found["AlarmArn"]
    assert event["alarmData"]["previousState"]["value"] == "INSUFFICIENT_DATA"
    metric = event["alarmData"]["configuration"]["metrics"][0]["metricStat"]
    assert (metric["stat"], metric["period"], metric["metric"]["name"]) == ("Sum", 10, "sales")

    def messages() -> list[dict[str, Any]]:
        records = system.call("front", "log_read", log="topics.ops", position=0, max=100)["records"]
        return [each for each in (json.loads(one["data"]) for one in records) if name in each["subject"]]

    (message,) = until(messages)
    body = json.loads(json.loads(message["message"])["default"])
    assert message["subject"] == f'ALARM: "{name}" in US East (N. Virginia)'
    assert body["NewStateValue"] == "ALARM"
    assert body["Trigger"]["MetricName"] == "sales"
    assert body["Trigger"]["Statistic"] == "SUM"


def test_the_bus_is_told_of_every_change(system: System, cloudwatch: Any, make: Make) -> None:
    name = make()
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="a rehearsal")

    def events() -> list[dict[str, Any]]:
        records = system.call("front", "log_read", log="bus.default", position=0, max=1000)["records"]
        found = [json.loads(each["data"]) for each in records]
        return [each for each in found if each["detail"].get("alarmName") == name]

    (event,) = until(events)
    assert (event["source"], event["detail-type"]) == ("aws.cloudwatch", "CloudWatch Alarm State Change")
    assert event["detail"]["state"]["reason"] == "a rehearsal"
    assert event["detail"]["previousState"]["value"] == "INSUFFICIENT_DATA"
    assert event["resources"] == [f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{name}"]


def test_an_alarm_may_be_set_and_its_actions_disabled(system: System, cloudwatch: Any, make: Make) -> None:
    name = make(AlarmActions=[FUNCTION], OKActions=[FUNCTION])
    cloudwatch.set_alarm_state(
        AlarmName=name, StateValue="ALARM", StateReason="test", StateReasonData='{"some": "data"}'
    )
    found = one(cloudwatch, name)
    assert (found["StateValue"], found["StateReason"]) == ("ALARM", "test")
    assert found["StateReasonData"] == '{"some": "data"}'
    until(lambda: len(told(system, name)) == 1)
    cloudwatch.disable_alarm_actions(AlarmNames=[name])
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="test")
    found = one(cloudwatch, name)
    assert (found["StateValue"], found["ActionsEnabled"]) == ("OK", False)
    cloudwatch.enable_alarm_actions(AlarmNames=[name])
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="again")
    until(lambda: len(told(system, name)) == 2)
    states = [each["alarmData"]["state"]["reason"] for each in told(system, name)]
    assert states == ["test", "again"]


def test_a_change_of_state_and_a_new_definition_are_in_the_history(cloudwatch: Any, make: Make) -> None:
    name = make(AlarmActions=[FUNCTION])
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")
    cloudwatch.disable_alarm_actions(AlarmNames=[name])

    def history(**more: Any) -> list[dict[str, Any]]:
        found = cloudwatch.describe_alarm_history(AlarmName=name, **more)["AlarmHistoryItems"]
        return list(found)

    until(lambda: len(history()) == 4)
    (change,) = history(HistoryItemType="StateUpdate")
    assert change["HistorySummary"] == "Alarm updated from INSUFFICIENT_DATA to ALARM"
    assert json.loads(change["HistoryData"])["newState"]["stateReason"] == "test"
    (action,) = history(HistoryItemType="Action")
    assert action["HistorySummary"] == f"Successfully executed action {FUNCTION}"
    oldest = history(ScanBy="TimestampAscending", MaxRecords=1)
    assert oldest[0]["HistorySummary"] == f'Alarm "{name}" created'
    cloudwatch.delete_alarms(AlarmNames=[name])
    assert history()[0]["HistorySummary"] == f'Alarm "{name}" deleted'


def test_a_changed_alarm_keeps_its_state(cloudwatch: Any, make: Make) -> None:
    name = make()
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")
    before = one(cloudwatch, name)
    make(AlarmName=name, Threshold=20.0)
    after = one(cloudwatch, name)
    assert (after["StateValue"], after["Threshold"]) == ("ALARM", 20.0)
    updated = "AlarmConfigurationUpdatedTimestamp"
    assert after[updated] > before[updated]


def test_an_expression_over_metrics_alarms(cloudwatch: Any, namespace: str, put: Put) -> None:
    def stat(id: str, name: str) -> dict[str, Any]:
        metric = {"Namespace": namespace, "MetricName": name}
        return {
            "Id": id,
            "MetricStat": {"Metric": metric, "Period": 10, "Stat": "Sum"},
            "ReturnData": False,
        }

    name = f"ratio-{uuid.uuid4().hex[:8]}"
    queries = [
        stat("bad", "bad"),
        stat("all", "all"),
        {"Id": "e1", "Expression": "100 * bad / all", "ReturnData": True},
    ]
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Metrics=queries,
        EvaluationPeriods=3,
        DatapointsToAlarm=1,
        Threshold=5.0,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )
    at = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=15)
    put("all", 100.0, at=at, StorageResolution=1)
    put("bad", 7.0, at=at, StorageResolution=1)
    found = until(lambda: (f := one(cloudwatch, name))["StateValue"] == "ALARM" and f)
    assert found["Metrics"] == queries
    assert "[7.0 (" in found["StateReason"]


def test_what_is_far_from_usual_alarms(cloudwatch: Any, namespace: str, put: Put) -> None:
    begin = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0) - dt.timedelta(minutes=60)
    put("visits", *[100.0 + n % 7 for n in range(57)], at=begin)
    put("visits", 900.0, at=begin + dt.timedelta(minutes=58))
    metric = {"Namespace": namespace, "MetricName": "visits"}
    name = f"band-{uuid.uuid4().hex[:8]}"
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Metrics=[
            {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": True},
            {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 4)", "ReturnData": True},
        ],
        ThresholdMetricId="ad1",
        EvaluationPeriods=3,
        DatapointsToAlarm=1,
        ComparisonOperator="LessThanLowerOrGreaterThanUpperThreshold",
    )
    found = until(lambda: (f := one(cloudwatch, name))["StateValue"] == "ALARM" and f)
    assert "[900.0 (" in found["StateReason"]
    assert "greater than the upper thresholds" in found["StateReason"]
    assert json.loads(found["StateReasonData"])["recentUpperThresholds"][0] < 200


def test_a_composite_alarm_follows_its_rule(system: System, cloudwatch: Any, make: Make) -> None:
    first, second, both = make(), make(), f"both-{uuid.uuid4().hex[:8]}"
    rule = f'ALARM("{first}") AND NOT OK({second})'
    cloudwatch.put_composite_alarm(AlarmName=both, AlarmRule=rule, AlarmActions=[FUNCTION])
    until(lambda: one(cloudwatch, both, "CompositeAlarm")["StateValue"] == "OK")
    cloudwatch.set_alarm_state(AlarmName=first, StateValue="ALARM", StateReason="test")
    until(lambda: one(cloudwatch, both, "CompositeAlarm")["StateValue"] == "ALARM")
    until(lambda: told(system, both))
    found = one(cloudwatch, both, "CompositeAlarm")
    assert found["AlarmRule"] == rule
    cloudwatch.set_alarm_state(AlarmName=second, StateValue="OK", StateReason="test")
    until(lambda: one(cloudwatch, both, "CompositeAlarm")["StateValue"] == "OK")
    children = cloudwatch.describe_alarms(ChildrenOfAlarmName=both)["MetricAlarms"]
    assert {each["AlarmName"] for each in children} == {first, second}


def test_alarms_are_there_after_a_kill(system: System, make: Make) -> None:
    name = make(Tags=[{"Key": "team", "Value": "ops"}])
    cloudwatch = client(system, "cloudwatch")
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")
    before = one(cloudwatch, name)
    system.kill_all()
    system.start(sql=False)
    assert until(lambda: one(cloudwatch, name)) == before
    tags = cloudwatch.list_tags_for_resource(ResourceARN=before["AlarmArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "ops"}]


def test_the_projects_alarms_are_described_and_not_changed(cloudwatch: Any) -> None:
    found = one(cloudwatch, "own")
    assert (found["Namespace"], found["MetricName"], found["Statistic"]) == ("AWS/Lambda", "Errors", "Sum")
    assert found["AlarmActions"] == [TOPIC]
    assert one(cloudwatch, "asked")["MetricName"] == "alerts.asked.value"
    refused("ValidationError", "declared in the project", cloudwatch.delete_alarms, AlarmNames=["own"])
