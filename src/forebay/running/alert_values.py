"""What alarms are judged by: data points of metrics from the front, values of queries from the query process.

    Metric   asks `metrics_query`: whole periods, and the running one where it has decided already (a sum that has
             passed its limit passes it whatever comes)
    Sql      asks for the query's stamp, and the query again only if a table of it changed, it tells the time, or
             it was long ago; its values are kept as the metric `alerts.<name>.value`, for charts and for bands

Each looker is used by one thread at a time. Beside `alerts.py`.
"""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from forebay import ipc
from forebay.alerts.alarm import Alarm, Query
from forebay.alerts.band import LEAST, PAST, Usual
from forebay.alerts.condition import Band
from forebay.alerts.declared import OWN
from forebay.alerts.evaluate import evaluation_range
from forebay.alerts.hours import Hours
from forebay.alerts.reason import Sample
from forebay.clock import SECOND, now_us
from forebay.errors import ForebayError, QueryFailed

SETTLE = 3.0
"""Seconds after which the metrics of a period have come in."""
LEARNED = 3600.0
LEARNED_LITTLE = 60.0
MOST_POINTS = 20_000
QUERY_SECONDS = 10.0
ANYWAY = 60.0
"""Seconds after which a query is asked again even if nothing seems to have changed."""
CHARTED = 300
"""Data points of a chart, about."""

_TIME = re.compile(
    r"\b(now|current_timestamp|current_date|current_time|localtime|localtimestamp|rand|random|uuid)\b", re.I
)
_RISES = ("Sum", "SampleCount", "Maximum")


class NotYet(Exception):
    """What is asked is starting, or ended a moment ago; it is asked again."""


class Looker(ABC):
    """Gives the data points of one alarm, oldest first.

    `value`, `band` and `error` are the latest; `asks` counts how often it really asked for values.
    """

    def __init__(self, alarm: Alarm, since: int) -> None:
        self.alarm = alarm
        self.value: float | None = None
        self.band: Band | None = None
        self.error: str | None = None
        self.details: dict[str, Any] = {}
        self.asks = 0
        self._since = since
        self._hours = None if alarm.during is None else Hours(alarm.during, alarm.timezone)
        self._usual: Usual | None = None
        self._learned = -LEARNED
        self.learning = 0

    @abstractmethod
    def look(self, clients: Clients) -> Sequence[Sample] | None:
        """The points of an evaluation range; None if there is nothing new to judge. Raises NotYet."""

    def within_hours(self, at: int) -> bool:
        """Whether a time counts."""
        return self._hours is None or self._hours.has(at)

    def band_at(self, at: int, clients: Clients) -> Band | None:
        """What is usual at a time; None if nothing is known or asked."""
        condition = self.alarm.condition
        if condition is None or not condition.banded:
            return None
        wait = LEARNED if self.learning >= 10 * LEAST else LEARNED_LITTLE
        if time.monotonic() - self._learned > wait:
            self._learn(clients)
        return None if self._usual is None else self._usual.at(at, condition.number)

    def _learn(self, clients: Clients) -> None:
        alarm = self.alarm
        period = alarm.period if alarm.kind == "metric" else max(60.0, alarm.period)
        back = evaluation_range(alarm.periods) * period
        end = int(now_us() / SECOND - back)
        start = end - int(min(PAST, MOST_POINTS * period))
        series = clients.metrics(self.past(period), start - start % max(1, int(period)), end)
        self._usual = Usual(((int(at * SECOND), value) for at, value in series), alarm.timezone)
        self.learning = len(series)
        self._learned = time.monotonic()

    @abstractmethod
    def past(self, period: float) -> tuple[Sequence[Query], str]:
        """The queries of what it was like, and the id of that which counts."""


class Clients:
    """Connections of one thread to the front and to the query process."""

    def __init__(self, front: ipc.Client, query: ipc.Client) -> None:
        self.front = front
        self.query = query

    def metrics(self, asked: tuple[Sequence[Query], str], start: int, end: int) -> list[tuple[int, float]]:
        """(UTC seconds, value) of a series. Raises NotYet, and UsageError for what cannot be asked."""
        queries, wanted = asked
        answers = self.ask("front", "metrics_query", queries=_sent(queries, wanted), start=start, end=end)
        for answer in answers:
            if answer["id"] == wanted:
                return list(zip(answer["timestamps"], answer["values"], strict=True))
        return []

    def put_value(self, name: str, value: float, at: int) -> None:
        """Keep a query's value as a metric."""
        point = {
            "namespace": OWN,
            "name": f"alerts.{name}.value",
            "at": at / SECOND,
            "value": value,
            "resolution": 1,
        }
        self.ask("front", "metrics_put", data=[point])

    def ask(self, process: str, op: str, /, **args: Any) -> Any:
        """Raises NotYet where the process is down, and what it answers."""
        client = self.front if process == "front" else self.query
        try:
            return client.call(op, timeout=QUERY_SECONDS + 5, **args)
        except ForebayError as error:
            if error.status == 503 or error.code == "NoServer":
                raise NotYet(f"{error.code}: {error.message}") from error
            raise

    def close(self) -> None:
        """Hang up."""
        self.front.close()
        self.query.close()


def _sent(queries: Sequence[Query], wanted: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for query in queries:
        one: dict[str, Any] = {"id": query.id, "returned": query.id == wanted, "period": int(query.period)}
        if query.expression is not None:
            one["expression"] = query.expression
        else:
            one["metric"] = {
                "namespace": query.namespace,
                "name": query.metric,
                "dimensions": query.dimensions,
            }
            one |= {"stat": query.statistic, "unit": query.unit}
        found.append(one)
    return found


class Metric(Looker):
    """An alarm on a metric, or on an expression over metrics."""

    def look(self, clients: Clients) -> Sequence[Sample] | None:
        """The last whole periods, and the running one where it has decided."""
        alarm, period = self.alarm, int(self.alarm.period)
        now = now_us() / SECOND
        end = int((now - SETTLE) // period) * period
        count = evaluation_range(alarm.periods)
        start = end - count * period
        self.asks += 1
        found = dict(clients.metrics((alarm.queries, alarm.watched), start, int(now) + 1))
        samples = [
            self._sample(start + index * period, found.get(start + index * period), clients)
            for index in range(count)
        ]
        running = found.get(end)
        if running is not None and self._decided():
            sample = self._sample(end, running, clients)
            assert alarm.condition is not None
            if alarm.condition.holds(running, sample.band) and sample.value is not None:
                samples = [*samples[1:], sample]
        known = [each for each in samples if each.value is not None]
        self.value, self.band = (known[-1].value, known[-1].band) if known else (None, None)
        return samples

    def _sample(self, at: int, value: float | None, clients: Clients) -> Sample:
        us = at * SECOND
        if not self.within_hours(us):
            return Sample(us, None)
        if value is None and self.alarm.missing == "zero" and us >= self._since:
            value = 0.0
        return Sample(us, value, self.band_at(us, clients))

    def _decided(self) -> bool:
        """Whether a running period that breaches will still do so at its end."""
        query, condition = self.alarm.value, self.alarm.condition
        if query is None or query.expression is not None or condition is None:
            return False
        rising = query.statistic in _RISES
        return (condition.op in (">", ">=", "above") and rising) or (
            condition.op in ("<", "<=", "below") and query.statistic == "Minimum"
        )

    def past(self, period: float) -> tuple[Sequence[Query], str]:
        """Its own queries."""
        return self.alarm.queries, self.alarm.watched


class Sql(Looker):
    """An alarm on a query's only value."""

    def __init__(self, alarm: Alarm, since: int) -> None:
        super().__init__(alarm, since)
        self._stamp: str | None = None
        self._asked = self._kept = -ANYWAY
        self._slots: dict[int, float | None] = {}
        self._timely = _TIME.search(alarm.sql or "") is not None

    def look(self, clients: Clients) -> Sequence[Sample] | None:
        """Ask if something may have changed; a value counts for all of the period that it was asked in."""
        try:
            fresh = self._ask(clients)
        except QueryFailed as error:
            self._stamp, self.value = None, None
            self._asked = time.monotonic()
            self.error = _told(error)
            self._slots.clear()
            return []
        slot = int(now_us() / SECOND // self.alarm.period)
        if not fresh and slot in self._slots:
            return None
        self.error = None
        value = self.value if self.alarm.missing != "zero" or self.value is not None else 0.0
        self._slots[slot] = value
        count = evaluation_range(self.alarm.periods)
        for old in [each for each in self._slots if each <= slot - count]:
            del self._slots[old]
        self._keep(clients)
        samples = [self._sample(slot - count + 1 + index, clients) for index in range(count)]
        self.band = samples[-1].band
        return samples

    def _sample(self, slot: int, clients: Clients) -> Sample:
        at = int(slot * self.alarm.period * SECOND)
        if not self.within_hours(at):
            return Sample(at, None)
        return Sample(at, self._slots.get(slot), self.band_at(at, clients))

    def _ask(self, clients: Clients) -> bool:
        """Have the value; whether it may be another than before."""
        now = time.monotonic()
        stamp = clients.ask("query", "stamp", sql=self.alarm.sql)["stamp"]
        waited = now - self._asked
        again = waited >= (self.alarm.every if self._timely else ANYWAY)
        if stamp == self._stamp and not again and self.error is None:
            return False
        self.asks += 1
        given = clients.ask("query", "rows", sql=self.alarm.sql, max_rows=2, seconds=QUERY_SECONDS)
        self.value, self.details = _value(given)
        self._stamp, self._asked = stamp, now
        return True

    def _keep(self, clients: Clients) -> None:
        """The value as a metric: at each look that gave one, and no more often than once a second."""
        if self.value is not None and time.monotonic() - self._kept >= 1.0:
            self._kept = time.monotonic()
            clients.put_value(self.alarm.name, self.value, now_us())

    def past(self, period: float) -> tuple[Sequence[Query], str]:
        """The values that were kept."""
        return [own_value(self.alarm.name, period)], "value"


def own_value(name: str, period: float) -> Query:
    """The metric that a query's values are kept as."""
    return Query(id="value", namespace=OWN, metric=f"alerts.{name}.value", statistic="Maximum", period=period)


def _value(given: Mapping[str, Any]) -> tuple[float | None, dict[str, Any]]:
    """The first value of the only row, and what else is in it. Raises QueryFailed."""
    rows = given["values"]
    names = [column[0] for column in given["columns"]]
    if len(rows) > 1:
        raise QueryFailed(
            "MoreThanOneRow", "the query gives more than one row", hint="an aggregate, or ORDER BY … LIMIT 1"
        )
    if not rows or rows[0][0] is None:
        return None, {}
    first = rows[0][0]
    try:
        number = float(first)
    except (TypeError, ValueError):
        raise QueryFailed("NoNumber", f"the query's value is no number: {str(first)[:60]!r}") from None
    return number, dict(zip(names[1:], rows[0][1:], strict=True))


def _told(error: ForebayError) -> str:
    place = f" (line {error.extra['line']})" if error.extra.get("line") else ""
    return f"{error.code}: {error.message.removeprefix(error.code + ': ')}{place}"


def looker_of(alarm: Alarm, since: int) -> Looker | None:
    """Who looks for an alarm; None for a composite one, which looks at others."""
    match alarm.kind:
        case "metric":
            return Metric(alarm, since)
        case "sql":
            return Sql(alarm, since)
        case "composite":
            return None


def chart(looker: Looker, clients: Clients, start: int, end: int) -> dict[str, Any]:
    """The series between two times (UTC seconds), with its band: `points` [ms, value], `band` [ms, low, middle, high]."""
    alarm = looker.alarm
    period = max(int(alarm.period), 1)
    while (end - start) / period > CHARTED and alarm.kind == "sql":
        period *= 2
    start -= start % period
    asked = looker.past(float(period))
    points = clients.metrics(asked, start, end)
    if alarm.missing == "zero" and points:
        known = dict(points)
        first = points[0][0]
        points = [(at, known.get(at, 0.0)) for at in range(int(first), end - period, period)]
    found: dict[str, Any] = {"period": period, "points": [[at * 1000, value] for at, value in points]}
    if alarm.condition is not None and alarm.condition.banded:
        step = max(period, (end - start) // CHARTED)
        bands = [(at, looker.band_at(at * SECOND, clients)) for at in range(start, end, step)]
        found["band"] = [[at * 1000, band.low, band.middle, band.high] for at, band in bands if band]
        found["why"] = next((band.why for _, band in reversed(bands) if band), None)
        found["learning"] = looker.learning
    elif alarm.condition is not None:
        found["threshold"] = alarm.condition.number
    return found
