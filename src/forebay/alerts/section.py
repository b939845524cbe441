"""The `alerts` section: conditions."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from forebay.alerts import condition
from forebay.alerts.composite import Rule
from forebay.alerts.shapes import alarm_of
from forebay.errors import UsageError
from forebay.project.check import Check, Part
from forebay.project.field import Field
from forebay.project.model import Ref, Spec
from forebay.project.near import nearest
from forebay.project.section import Section

_STATISTIC = re.compile(r"sum|average|minimum|maximum|count|p(?:100|[0-9]{1,2}(?:\.[0-9]+)?)")
_ID = re.compile(r"(?<![\w.])[a-z]\w*(?!\w|\s*\()")
_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")
_SHORT = (1, 5, 10, 20, 30)
_ENDS = "accepted delivered dropped rejected expired erased buffered lag"
_WHATS = {
    "ingest": "accepted duplicate refused requests client_errors server_errors",
    "streams": "accepted bytes size",
    "delivery": f"{_ENDS} age written objects bytes size",
    "functions": f"invocations errors duration throttles waiting failed {_ENDS}",
}
_POINTS = re.compile(r"\s*([0-9]{1,4})\s+of\s+([0-9]{1,4})\s*")


class AlertSpec(Spec, frozen=True, kw_only=True):
    """A condition on a metric, on an expression over metrics, on a query's only value, or on other alarms."""

    one_of: ClassVar[tuple[str, ...]] = ("sql", "metric", "expression", "rule", "alarm")

    sql: Annotated[
        str | None,
        Field(
            "A query of one row. Its first value is compared, the others are told with it.",
            example="select max(n) from suspicious",
            kind="sql",
        ),
    ] = None
    metric: Annotated[
        str | None,
        Field(
            "A metric: `<noun>.<name>.<what>` of forebay's own, or a namespace and a name: `AWS/Lambda Errors`.",
            example="ingest.clicks.accepted",
        ),
    ] = None
    expression: Annotated[
        str | None,
        Field("An expression over `metrics`, as CloudWatch's metric math has it.", example="100 * bad / all"),
    ] = None
    rule: Annotated[
        str | None,
        Field(
            "States of other alarms, as CloudWatch's composite alarms have it.",
            example="ALARM(silent) AND NOT ALARM(burst)",
        ),
    ] = None
    alarm: Annotated[
        dict[str, Any] | None,
        Field(
            "An alarm as CloudWatch's PutMetricAlarm or PutCompositeAlarm takes it, with all that belongs to it.",
            example="{Namespace: AWS/Lambda, MetricName: Errors, Statistic: Sum, Period: 60, EvaluationPeriods: 1, "
            "Threshold: 0, ComparisonOperator: GreaterThanThreshold}",
        ),
    ] = None
    metrics: Annotated[
        dict[str, str],
        Field(
            "The metrics of `expression`, by the names that they have in it.",
            example="{bad: delivery.raw.rejected, all: delivery.raw.accepted}",
        ),
    ] = {}
    dimensions: Annotated[
        dict[str, str], Field("The metric's dimensions.", example="{FunctionName: clean}")
    ] = {}
    statistic: Annotated[
        str | None,
        Field(
            "`sum`, `average`, `minimum`, `maximum`, `count` or a percentile as `p99`. Otherwise the sum of a count, "
            "and of a level (a lag, free disk) the value that is nearest to the condition.",
            example="p99",
        ),
    ] = None
    when: Annotated[
        str | None,
        Field(
            "The condition: `=`, `!=`, `>`, `>=`, `<` or `<=`, and a number; or `outside`, `above` or `below` a band "
            "that is learned from the metric's own past by hour and weekday, and its width in deviations.",
            example='"> 10"',
            kind="condition",
        ),
    ] = None
    for_: Annotated[
        float,
        Field("How long it must hold.", example="10s", yaml="for", kind="duration", minimum=0),
    ] = 0.0
    period: Annotated[
        float | None,
        Field(
            "What one data point of a metric covers. Otherwise a minute, or less if `for` is.",
            example="1m",
            kind="duration",
            minimum=1,
            maximum=86400,
        ),
    ] = None
    points: Annotated[
        str | None,
        Field("Instead of `for`: of how many data points how many must be so.", example="3 of 5"),
    ] = None
    during: Annotated[
        str | None,
        Field("The hours it counts in, in the project's time zone.", example='"09:00-23:00"', kind="span"),
    ] = None
    every: Annotated[
        float,
        Field(
            "How often it is looked at. A query is asked sooner if what it reads has changed.",
            example="10s",
            kind="duration",
            minimum=1,
        ),
    ] = 10.0
    missing: Annotated[
        Literal["missing", "ignore", "breaching", "not_breaching", "zero"] | None,
        Field(
            "What no value means, as CloudWatch has it; or `zero`: the value 0. Otherwise `zero` for forebay's own "
            "counts, and `missing` for the rest."
        ),
    ] = None
    notify: Annotated[
        list[Ref],
        Field(
            "Who is told, of alarm and of recovery.",
            example="[topics.ops]",
            refs=("topics", "functions"),
            feeds="to",
            one=True,
        ),
    ] = []
    quiet: Annotated[
        float,
        Field(
            "How long it must be over before recovery is told. What begins again meanwhile is no second message.",
            example="5m",
            kind="duration",
            minimum=0,
        ),
    ] = 0.0
    group: Annotated[
        str | None,
        Field(
            "Alarms of one group are told as one: the first that begins, and the last that ends.",
            example="attack",
            kind="name",
        ),
    ] = None
    description: Annotated[str | None, Field("What it means.", example="Somebody clicks too fast")] = None


def _check(check: Check) -> None:
    """Conditions that can be looked at."""
    _check_rings(check)
    for name, spec in check.entries("alerts", AlertSpec):
        part: Part = ("alerts", name)
        if spec.rule is not None:
            _check_rule(check, part, spec.rule)
        elif spec.alarm is not None:
            try:
                alarm_of(name, spec.alarm)
            except (UsageError, KeyError, TypeError, ValueError) as error:
                fix = error.fix if isinstance(error, UsageError) else "as PutMetricAlarm takes it"
                check.add("BadAlarm", (*part, "alarm"), f"the alarm cannot be made: {error}", fix=fix)
        else:
            _check_condition(check, part, name, spec)


def _check_rule(check: Check, part: Part, text: str) -> None:
    known = check.known.get("alerts", set())
    try:
        rule = Rule(text)
    except UsageError as error:
        check.add("BadAlarmRule", (*part, "rule"), error.message, fix=error.fix)
        return
    for name in rule.names:
        if name not in known:
            near = nearest(name, known)
            check.add(
                "UnknownReference",
                (*part, "rule"),
                f"there is no alert {name}",
                fix=f"did you mean {near}?" if near else "the name of another alert",
            )
        elif name == part[-1]:
            check.add("BadAlarmRule", (*part, "rule"), f"{name} asks for itself")


def _check_rings(check: Check) -> None:
    """No rule may hang on itself by way of others."""
    asks: dict[str, list[str]] = {}
    for name, spec in check.entries("alerts", AlertSpec):
        with contextlib.suppress(UsageError):
            asks[name] = list(Rule(spec.rule).names) if spec.rule is not None else []
    for name in asks:
        way = _way(asks, name)
        if len(way) > 2 and name == min(way):
            check.add(
                "BadAlarmRule",
                ("alerts", name, "rule"),
                f"rules go round: {' → '.join(way)}",
                fix="break it at one of them",
            )


def _way(asks: Mapping[str, list[str]], start: str) -> list[str]:
    """The names from `start` to itself; nothing if it is not met again."""
    ways, seen = [[start]], set[str]()
    while ways:
        way = ways.pop()
        for name in asks.get(way[-1], ()):
            if name == start:
                return [*way, name]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


def _check_condition(check: Check, part: Part, name: str, spec: AlertSpec) -> None:
    if spec.when is None:
        if (*part, "when") not in check.places:  # else it was found wrong when it was read
            why = "a value is compared"
            check.add("MissingKey", part, f"`{name}` has no `when`", why=why, fix='when: "> 10"')
    else:
        try:
            condition.read(spec.when)
        except ValueError as error:
            check.add("BadValue", (*part, "when"), str(error))
    if spec.points is not None:
        found = _POINTS.fullmatch(spec.points)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            check.add("BadValue", (*part, "points"), f"{spec.points!r} is not M of N", fix="points: 3 of 5")
        if spec.for_:
            check.add(
                "OneOf",
                (*part, "points"),
                f"`{name}` has both `for` and `points`",
                fix="`for` says that all points of a time must be so; say one",
            )
    if spec.statistic is not None and not _STATISTIC.fullmatch(spec.statistic):
        check.add(
            "BadValue",
            (*part, "statistic"),
            f"{spec.statistic!r} is no statistic",
            fix="sum, average, minimum, maximum, count, or a percentile as p99",
        )
    if spec.expression is not None and not spec.metrics:
        check.add(
            "MissingKey",
            part,
            f"`{name}` has an expression and no `metrics`",
            fix="metrics: {bad: delivery.raw.rejected}",
        )
    if spec.expression is not None and spec.metrics:
        for id in dict.fromkeys(_ID.findall(_TEXT.sub("", spec.expression))):
            if id not in spec.metrics:
                near = nearest(id, spec.metrics)
                check.add(
                    "UnknownReference",
                    (*part, "expression"),
                    f"`metrics` has no {id}",
                    fix=f"did you mean {near}?" if near else f"metrics: {{{id}: delivery.raw.rejected}}",
                )
    if spec.period is not None and spec.sql is None and spec.period % 60 and spec.period not in _SHORT:
        check.add(
            "BadValue",
            (*part, "period"),
            f"a period of {spec.period:g} s",
            why="metrics are kept by the second and by the minute",
            fix="1s, 5s, 10s, 20s, 30s or whole minutes",
        )
    for key, metric in [("metric", spec.metric), *spec.metrics.items()]:
        if metric is not None:
            _check_metric(check, (*part, "metric") if key == "metric" else (*part, "metrics", key), metric)


def _check_metric(check: Check, part: Part, metric: str) -> None:
    """Of forebay's own metrics, those of what there is."""
    noun, _, rest = metric.partition(".")
    name, _, what = rest.rpartition(".")
    if " " in metric or noun == "system" or (noun == "alerts" and what == "value"):
        return
    if not name or noun not in check.known:
        check.add(
            "UnknownMetric",
            part,
            f"{metric!r} is no metric",
            why="forebay's own are named <noun>.<name>.<what>, others by their namespace and name",
            fix="ingest.clicks.accepted, or AWS/Lambda Errors",
        )
    elif name not in check.known[noun]:
        near = nearest(name, check.known[noun])
        check.add(
            "UnknownReference",
            part,
            f"there is no {noun}.{name}",
            fix=f"did you mean {noun}.{near}.{what}?" if near else None,
        )
    elif noun in _WHATS and what not in (whats := _WHATS[noun].split()):
        near = nearest(what, whats)
        check.add(
            "UnknownMetric",
            part,
            f"nothing is known to count {what} of {noun}.{name}",
            why=f"counted are {', '.join(whats)}",
            fix=f"did you mean {noun}.{name}.{near}?" if near else None,
            severity="warning",
        )


SECTION = Section(
    noun="alerts",
    title="Alerts",
    doc="Each entry is a condition that tells somebody when it begins to hold, and when it ends.",
    example="""\
burst: {sql: select max(n) from suspicious, when: "> 10", for: 10s, notify: [topics.ops]}
silent: {metric: ingest.clicks.accepted, when: "= 0", for: 30m, during: "09:00-23:00", notify: topics.ops}
unusual: {metric: ingest.clicks.accepted, when: outside 4, points: 3 of 5, quiet: 10m, notify: topics.ops}
""",
    spec=AlertSpec,
    check=_check,
)
