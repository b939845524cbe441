"""Questions to the metrics: statistics of a metric by period, and expressions over them, as GetMetricData answers.

    queries = [Asked("m1", metric=Metric.of("shop", "sales"), stat="Sum", period=60),
               Asked("e1", expression="m1 / 60")]
    answer(reading, queries, start, end) → [Answer("m1", "sales", {1769851800: 12.0}, ...), ...]

Between processes (`metrics_query` of the front): {queries: [{id, metric: {namespace, name, dimensions}, stat, period,
unit} | {id, expression, period}, ...], start, end}, times in UTC seconds → [{id, label, period, timestamps, values,
messages}], in order of time. `returned: false` keeps a query's own series out of the answer.

Periods begin at `start`, rounded down to a minute (to the period, where that is shorter).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from forebay.errors import UsageError
from forebay.telemetry.metric_functions import FUNCTIONS
from forebay.telemetry.metric_math import Scope, Series, Value, compiled, names_in
from forebay.telemetry.metric_rows import Metric
from forebay.telemetry.metric_search import searched
from forebay.telemetry.metrics import Listed, Reading
from forebay.telemetry.statistic import Aggregate, Statistic, needs_values, statistic

# Of several units, where none is asked for, the first of these that is there, as CloudWatch does.
_UNITS = (
    "Megabits", "Terabits", "Gigabits", "Count", "Bytes", "Gigabytes", "Gigabytes/Second", "Kilobytes",
    "Kilobits/Second", "Terabytes", "Terabits/Second", "Bytes/Second", "Percent", "Megabytes", "Megabits/Second",
    "Milliseconds", "Microseconds", "Kilobytes/Second", "Gigabits/Second", "Megabytes/Second", "Bits",
    "Bits/Second", "Count/Second", "Seconds", "Kilobits", "Terabytes/Second", "None",
)  # fmt: skip
SHORT = (1, 5, 10, 20, 30)
MOST_PERIODS = 100_800
MOST_SEARCHED = 500

Extra = Mapping[str, Callable[[Scope, list[Any]], Value]]


class AskedMetric(msgspec.Struct, frozen=True):
    """A metric, as another process names it."""

    namespace: str
    name: str
    dimensions: dict[str, str] = {}


class Asked(msgspec.Struct, frozen=True):
    """One query: of a metric, or an expression over the others."""

    id: str
    metric: AskedMetric | None = None
    expression: str | None = None
    stat: str = "Average"
    period: int | None = None
    unit: str | None = None
    label: str | None = None
    returned: bool = True


@dataclass(slots=True)
class Answer:
    """A series: values by time. An expression may answer several under one id."""

    id: str
    label: str
    points: dict[int, float]
    period: int
    messages: list[tuple[str, str]] = field(default_factory=list)

    def sent(self) -> dict[str, Any]:
        """As another process takes it."""
        return {
            "id": self.id,
            "label": self.label,
            "period": self.period,
            "timestamps": list(self.points),
            "values": list(self.points.values()),
            "messages": [list(each) for each in self.messages],
        }


def floored(start: int, period: int) -> int:
    """Where the first period begins."""
    step = period if period < 60 else 60
    return start - start % step


def by_period(
    reading: Reading, id: int, start: int, end: int, period: int, *, values: bool
) -> dict[str, dict[int, Aggregate]]:
    """What is known of each period that has something, by unit."""
    start = floored(start, period)
    found: dict[str, dict[int, Aggregate]] = {}
    for at, unit, known in reading.points(id, start, end, max(period, 60), values=values):
        begins = start + (at - start) // period * period
        periods = found.setdefault(unit, {})
        if begins in periods:
            periods[begins].add(known)
        else:
            periods[begins] = known
    return found


def answer(
    reading: Reading, queries: Sequence[Asked], start: int, end: int, extra: Extra | None = None
) -> list[Answer]:
    """The series of each query that is to be returned. Raises UsageError: `BadExpression`, `BadStatistic`, `TooMuch`."""
    return _Evaluation(reading, queries, start, end, extra or {}).answers()


class _Evaluation:
    def __init__(
        self, reading: Reading, queries: Sequence[Asked], start: int, end: int, extra: Extra
    ) -> None:
        self._reading = reading
        self._queries = {query.id: query for query in queries}
        self._start, self._end = start, end
        self._functions = {**FUNCTIONS, **extra}
        self._known: dict[str, Value] = {}
        self._under_way: list[str] = []
        self._messages: dict[str, list[tuple[str, str]]] = {}
        self._read = 0
        stated = [query for query in queries if query.metric is not None and query.label is None]
        self._several = [len({getattr(each, part) for each in stated}) > 1 for part in ("stat", "period")]

    def answers(self) -> list[Answer]:
        found = []
        for query in self._queries.values():
            if query.returned:
                found += self._answers(query)
        return found

    def _answers(self, query: Asked) -> list[Answer]:
        value = self._value(query.id)
        period = self._period(query)
        if isinstance(value, float | int):
            times = range(floored(self._start, period), self._end, period)
            value = Series(dict.fromkeys(times, float(value)) if not math.isnan(value) else {}, period)
        several = isinstance(value, list)
        answers = []
        for series in value if isinstance(value, list) else [value]:
            if several:
                label = " ".join(part for part in (query.label, series.label) if part) or query.id
            else:
                label = query.label or (query.id if query.expression is not None else series.label)
            points = {at: number for at, number in series.points.items() if not math.isnan(number)}
            messages = self._messages.get(query.id, [])
            answers.append(Answer(query.id, _rendered(label, query, points), points, series.period, messages))
        return answers

    def _value(self, id: str) -> Value:
        if id in self._known:
            return self._known[id]
        query = self._queries.get(id)
        if query is None:
            raise UsageError("BadExpression", f"Undefined variable '{id}'")
        if id in self._under_way:
            raise UsageError("BadExpression", f"Circular dependency of '{id}'")
        self._under_way.append(id)
        try:
            value = self._metric(query) if query.metric is not None else self._expression(query)
        finally:
            self._under_way.pop()
        self._known[id] = value
        return value

    def _metric(self, query: Asked) -> Series:
        assert query.metric is not None
        given = query.metric
        period = self._period(query)
        metric = Metric.of(given.namespace, given.name, given.dimensions)
        label = query.label or self._default_label(query)
        id = self._reading.find(metric)
        return self._series(id, query.stat, period, query.unit, label)

    def _default_label(self, query: Asked) -> str:
        assert query.metric is not None
        parts = [query.metric.name]
        parts += [
            str(part)
            for part, several in zip((query.stat, query.period), self._several, strict=True)
            if several
        ]
        return " ".join(parts)

    def _series(self, id: int | None, stat: str, period: int, unit: str | None, label: str) -> Series:
        work = statistic(stat)
        if work is None:
            raise UsageError("BadStatistic", f"The value {stat} for parameter Stat is not supported.")
        self._read += (self._end - self._start) // period
        if self._read > MOST_PERIODS:
            raise UsageError("TooMuch", f"more than {MOST_PERIODS:,} periods are asked for")
        if id is None:
            return Series({}, period, label)
        units = by_period(self._reading, id, self._start, self._end, period, values=needs_values(stat))
        chosen = unit if unit is not None else next((each for each in _UNITS if each in units), "")
        points = _worked(work, units.get(chosen, {}))

        def past(seconds: int) -> dict[int, float]:
            start = floored(self._start, period)
            values = needs_values(stat)
            before = by_period(self._reading, id, start - seconds, start, period, values=values)
            return _worked(work, before.get(chosen, {}))

        return Series(points, period, label, past)

    def _expression(self, query: Asked) -> Value:
        text = query.expression or ""
        scope = Scope(
            find=self._value,
            metrics=self._all_metrics,
            search=lambda text, stat, period: self._search(query, text, stat, period),
            functions=self._functions,
            start=floored(self._start, self._period(query)),
            end=self._end,
            period=self._period(query),
        )
        try:
            value = compiled(text)(scope)
        except UsageError as error:
            if error.code != "BadExpression" or error.message.startswith("Error in expression"):
                raise
            raise UsageError(
                "BadExpression", f"Error in expression '{query.id}': {error.message}", where=query.id
            ) from None
        self._messages[query.id] = scope.messages
        return value

    def _all_metrics(self) -> list[Series]:
        found = [self._value(each.id) for each in self._queries.values() if each.metric is not None]
        return [each for each in found if isinstance(each, Series)]

    def _search(self, query: Asked, text: str, stat: str, period: int | None) -> list[Series]:
        hits: list[Listed] = searched(self._reading, text)
        if len(hits) > MOST_SEARCHED:
            note = (
                "MaxMetricsExceeded",
                f"More than {MOST_SEARCHED} metrics match the search; the first {MOST_SEARCHED} are used",
            )
            self._messages.setdefault(query.id, []).append(note)
        found = []
        for hit in hits[:MOST_SEARCHED]:
            label = " ".join([*(value for _, value in hit.metric.dimensions), hit.metric.name])
            found.append(self._series(hit.id, stat, period or self._period(query), None, label))
        return [each for each in found if each.points]

    def _period(self, query: Asked) -> int:
        """A query's own; an expression's is that of the metrics that it speaks of."""
        if query.period is not None:
            return query.period
        if query.expression is not None:
            found = [
                self._period(other)
                for name in names_in(query.expression)
                if (other := self._queries.get(name)) is not None
                and other is not query
                and name not in self._under_way
            ]
            if found:
                return max(found)
        others = [each.period for each in self._queries.values() if each.period is not None]
        return max(others, default=60)


def _worked(work: Statistic, periods: Mapping[int, Aggregate]) -> dict[int, float]:
    found = ((at, work(known)) for at, known in sorted(periods.items()))
    return {at: value for at, value in found if value is not None}


_DYNAMIC = re.compile(r"\$\{(LABEL|AVG|MIN|MAX|SUM|LAST|FIRST|DATAPOINT_COUNT|PROP\('([^']*)'\))\}")


_SHOWN: Mapping[str, Callable[[list[float]], float]] = {
    "AVG": lambda numbers: sum(numbers) / len(numbers),
    "MIN": min,
    "MAX": max,
    "SUM": sum,
    "LAST": lambda numbers: numbers[-1],
    "FIRST": lambda numbers: numbers[0],
    "DATAPOINT_COUNT": len,
}


def _rendered(label: str, query: Asked, points: Mapping[int, float]) -> str:
    """A label with what is in `${...}` put in: `${MAX}`, `${PROP('Dim.Page')}`."""
    if "${" not in label:
        return label
    numbers = list(points.values())

    def put(found: re.Match[str]) -> str:
        if found[2] is not None:
            return _property(found[2], query)
        if found[1] == "LABEL":
            return query.metric.name if query.metric is not None else query.id
        if not numbers:
            return "-"
        return f"{_SHOWN[found[1]](numbers):.5g}"

    return _DYNAMIC.sub(put, label)


def _property(name: str, query: Asked) -> str:
    metric = query.metric
    if metric is None:
        return ""
    if name.startswith("Dim."):
        return metric.dimensions.get(name.removeprefix("Dim."), "")
    period = "" if query.period is None else str(query.period)
    found = {"MetricName": metric.name, "Namespace": metric.namespace, "Stat": query.stat, "Period": period}
    return found.get(name, "")
