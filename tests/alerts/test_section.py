"""What is found wrong with alerts before anything runs, and what they mean where they are right."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.alerts.declared import alarms_of
from forebay.project.load import load
from forebay.sections import SECTIONS

HEAD = """\
name: shop
ingest:
  clicks: {route: POST /clicks, to: delivery.raw}
delivery:
  raw: {to: lake.shop/raw/}
alerts:
  one: """


@pytest.mark.parametrize(
    ("alert", "code"),
    [
        ("{metric: ingest.clicks.accepted}", "MissingKey"),
        ("{metric: ingest.clicks.accepted, when: about 3}", "BadValue"),
        ("{metric: ingest.clicks.accepted, when: outside 0}", "BadValue"),
        ('{metric: ingest.clics.accepted, when: "= 0"}', "UnknownReference"),
        ('{metric: clicks, when: "= 0"}', "UnknownMetric"),
        ('{metric: ingest.clicks.accepted, sql: select 1, when: "= 0"}', "OneOf"),
        ('{metric: ingest.clicks.accepted, when: "= 0", for: 5m, points: 1 of 2}', "OneOf"),
        ('{metric: ingest.clicks.accepted, when: "= 0", points: 3 of 2}', "BadValue"),
        ('{metric: ingest.clicks.accepted, when: "= 0", statistic: mean}', "BadValue"),
        ('{expression: a / b, when: "> 1"}', "MissingKey"),
        ('{expression: "a / b", metrics: {a: ingest.clicks.accepted}, when: "> 1"}', "UnknownReference"),
        ('{metric: ingest.clicks.acepted, when: "= 0"}', "UnknownMetric"),
        ('{metric: ingest.clicks.accepted, when: "= 0", period: 7s}', "BadValue"),
        ("{rule: ALARM(}", "BadAlarmRule"),
        ("{rule: ALARM(two)}", "UnknownReference"),
        ("{rule: ALARM(one)}", "BadAlarmRule"),
        ("{alarm: {MetricName: x}}", "BadAlarm"),
        ('{metric: ingest.clicks.accepted, when: "= 0", notify: topics.ops}', "UnknownReference"),
    ],
)
def test_a_finding(tmp_path: Path, alert: str, code: str) -> None:
    (tmp_path / "forebay.yaml").write_text(f"{HEAD}{alert}\n")
    _, findings = load(tmp_path, SECTIONS)
    assert [each.code for each in findings] == [code]
    assert findings[0].line == 7


def test_rules_do_not_go_round(tmp_path: Path) -> None:
    rules = "{rule: ALARM(two)}\n  two: {rule: OK(three)}\n  three: {rule: ALARM(one) OR OK(one)}\n"
    (tmp_path / "forebay.yaml").write_text(HEAD + rules)
    _, findings = load(tmp_path, SECTIONS)
    assert {(each.code, each.message) for each in findings} == {
        ("BadAlarmRule", "rules go round: one → two → three → one")
    }


def test_what_an_expression_may_name(tmp_path: Path) -> None:
    text = "IF(bad > 1, RATE(m1), FILL(m1, REPEAT)) + SUM(METRICS()) + 1e3"
    metrics = "{bad: delivery.raw.rejected, m1: AWS/Lambda Errors}"
    alert = f'{{expression: "{text}", metrics: {metrics}, when: "> 1"}}\n'
    (tmp_path / "forebay.yaml").write_text(HEAD + alert)
    assert load(tmp_path, SECTIONS)[1] == []


def test_what_alerts_mean(tmp_path: Path) -> None:
    (tmp_path / "forebay.yaml").write_text(
        HEAD
        + """{metric: ingest.clicks.accepted, when: "= 0", for: 30m}
  lag: {metric: delivery.raw.lag, when: "> 100"}
  free: {metric: system.disk.free, when: "< 1000", for: 10s}
  slow: {metric: AWS/Lambda Duration, when: "> 1000", statistic: p99, points: 3 of 5, period: 5m}
  asked: {sql: select 1, when: "> 1", for: 1m}
  made:
    alarm: {Namespace: shop, MetricName: x, Statistic: Sum, Period: 60, EvaluationPeriods: 2, Threshold: 5,
            ComparisonOperator: GreaterThanThreshold}
"""
    )
    project, findings = load(tmp_path, SECTIONS)
    assert findings == []
    assert project is not None
    alarms = alarms_of(project)
    found = {
        name: (alarm.value.statistic if alarm.value else "", alarm.period, alarm.periods, alarm.datapoints)
        for name, alarm in alarms.items()
    }
    assert found == {
        "one": ("Sum", 60, 30, 30),
        "lag": ("Maximum", 60, 1, 1),
        "free": ("Minimum", 10, 1, 1),
        "slow": ("p99", 300, 5, 3),
        "asked": ("", 10, 6, 6),
        "made": ("Sum", 60, 2, 2),
    }
    assert (alarms["one"].missing, alarms["lag"].missing) == ("zero", "missing")
    assert alarms["made"].made
