"""The alarms of a project: what an entry of its section means, made ready to be looked at."""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

from forebay.alerts import condition
from forebay.alerts.alarm import PERIOD, Alarm, Query
from forebay.alerts.section import AlertSpec
from forebay.alerts.shapes import alarm_of
from forebay.project.model import Project

OWN = "forebay"
"""The namespace of forebay's own metrics, whose names are `<noun>.<name>.<what>`."""
LEVELS = frozenset(
    (
        "lag",
        "free",
        "used",
        "buffered",
        "size",
        "restarts",
        "behind",
        "duration",
        "value",
        "waiting",
        "failed",
    )
)
"""Last words of the names of own metrics that are a level, and no count of what happened."""
STATISTICS = {
    "sum": "Sum",
    "average": "Average",
    "minimum": "Minimum",
    "maximum": "Maximum",
    "count": "SampleCount",
}


def alarms_of(project: Project) -> dict[str, Alarm]:
    """Every alarm of a project, by name. Raises what the section's check would have found."""
    return {name: declared(name, spec, project) for name, spec in project.of(AlertSpec).items()}


def declared(name: str, spec: AlertSpec, project: Project) -> Alarm:
    """The alarm that an entry describes. Raises ValueError and UsageError for what the section's check finds."""
    told = tuple(str(ref) for ref in spec.notify)
    if spec.alarm is not None:
        made = alarm_of(name, spec.alarm)
        return msgspec.structs.replace(made, on_alarm=(*made.on_alarm, *told), on_ok=(*made.on_ok, *told))
    shared: dict[str, Any] = {
        "name": name,
        "description": spec.description,
        "every": spec.every,
        "during": spec.during,
        "timezone": project.timezone,
        "on_alarm": told,
        "on_ok": told,
        "quiet": spec.quiet,
        "group": spec.group,
    }
    if spec.rule is not None:
        return Alarm(kind="composite", rule=spec.rule, **shared)
    when = condition.read(spec.when or "")
    period, periods, datapoints = spans(spec)
    shared |= {"condition": when, "period": period, "periods": periods, "datapoints": datapoints}
    if spec.sql is not None:
        return Alarm(kind="sql", sql=spec.sql, missing=spec.missing or "missing", **shared)
    names = spec.metrics if spec.metric is None else {"value": spec.metric}
    queries = [_query(id, metric, spec, when.op, period) for id, metric in names.items()]
    counts = spec.metric is not None and queries[0].namespace == OWN and queries[0].statistic == "Sum"
    if spec.expression is not None:
        queries.append(Query(id="value", expression=spec.expression, period=period))
    return Alarm(
        kind="metric",
        queries=tuple(queries),
        watched="value",
        missing=spec.missing or ("zero" if counts else "missing"),
        **shared,
    )


def spans(spec: AlertSpec) -> tuple[float, int, int]:
    """(period, N, M): `for: 30m` is 30 of 30 minutes, `points: 3 of 5` with `period: 1m` says it itself."""
    if spec.sql is not None:
        period = spec.period or spec.every
    else:
        period = spec.period or (PERIOD if spec.for_ == 0 or spec.for_ >= PERIOD else _fine(spec.for_))
    if spec.points is not None:
        datapoints, periods = (int(each) for each in re.findall(r"[0-9]+", spec.points))
        return period, periods, datapoints
    periods = max(1, math.ceil(spec.for_ / period))
    return period, periods, periods


def _fine(seconds: float) -> float:
    """The period of a short time: one of CloudWatch's short periods that it is a multiple of."""
    return next((each for each in (30.0, 20.0, 10.0, 5.0) if seconds % each == 0), 1.0)


def _query(id: str, metric: str, spec: AlertSpec, op: str, period: float) -> Query:
    namespace, space, name = metric.partition(" ")
    if not space:
        namespace, name = OWN, metric
    statistic = STATISTICS.get(spec.statistic or "", spec.statistic) or _statistic(name, op)
    return Query(
        id=id,
        namespace=namespace,
        metric=name,
        dimensions=spec.dimensions,
        statistic=statistic,
        period=period,
    )


def _statistic(name: str, op: str) -> str:
    """What is meant where nothing is said: all of a count; of a level the value nearest to the condition."""
    if name.rpartition(".")[2].lower() not in LEVELS:
        return "Sum"
    return {">": "Maximum", ">=": "Maximum", "<": "Minimum", "<=": "Minimum"}.get(op, "Average")
