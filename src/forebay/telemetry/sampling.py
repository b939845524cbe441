"""Counters and levels that exist, made into points: what a counter grew by, what a level is.

What was counted is kept with the points it became (`Metrics.put`, `totals`), so that nothing is counted twice or left
out over a restart. A counter that stands still for a minute has a point of 0 where an alarm may wait for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from forebay.telemetry.metric_rows import Metric
from forebay.telemetry.metrics import Point

NAMESPACE = "forebay"
MINUTE = 60


@dataclass(frozen=True, slots=True)
class Named:
    """`<noun>.<name>.<what>`, as alerts call it."""

    noun: str
    name: str
    what: str

    @property
    def text(self) -> str:
        """The metric's name."""
        return f"{self.noun}.{self.name}.{self.what}"

    @property
    def metric(self) -> Metric:
        """The metric."""
        return Metric(NAMESPACE, self.text)


@dataclass(frozen=True, slots=True)
class Total:
    """A counter's value; `also` are AWS's names for the same. `quiet`: it says nothing while it stands still.

    It counts since ever, or `since_start` of the process that counts.
    """

    named: Named
    value: float
    unit: str = "Count"
    also: tuple[tuple[Metric, str], ...] = ()
    quiet: bool = True
    since_start: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """A value as it is now."""

    named: Named
    value: float
    unit: str = "Count"
    also: tuple[tuple[Metric, str], ...] = ()


class Sampling:
    """What was seen last of each, and the points that follow from what is seen now."""

    def __init__(self, known: Mapping[str, float] | None = None) -> None:
        """`known` are the totals as they were kept; None where there never were any."""
        self._first = known is None
        self._known: dict[str, float] = dict(known or {})
        self._since_start: dict[str, float] = {}
        self._moved: dict[str, int] = {}
        self._levels: dict[str, tuple[float, int]] = {}
        self._minute = 0
        self.totals: dict[str, Total] = {}
        self.levels: dict[str, Level] = {}

    def begin(self, totals: Iterable[Total]) -> None:
        """What is there before anything is counted: where nothing was kept yet, it is where counting begins.

        So it is where a crash has lost the last of a count whose points are kept.
        """
        for total in totals:
            key = total.named.text
            self.totals[key] = total
            if not total.since_start and (self._first or total.value < self._known.get(key, 0.0)):
                self._known[key] = min(total.value, self._known.get(key, total.value))

    def points(
        self, totals: Iterable[Total], levels: Iterable[Level], now: int
    ) -> tuple[list[Point], dict[str, float]]:
        """Points of this second, and the totals to be kept with them; `kept` says that they are."""
        found: list[Point] = []
        moved: dict[str, float] = {}
        minute = now - now % MINUTE
        ended = self._minute if self._minute not in (0, minute) else None
        for total in totals:
            key = total.named.text
            self.totals[key] = total
            known = self._since_start if total.since_start else self._known
            grown = total.value - known.get(key, 0.0)
            if grown and total.since_start:
                known[key] = total.value
                grown = grown if grown > 0 else total.value  # it began anew
            elif grown:
                moved[key] = total.value
            if grown > 0:
                self._moved[key] = minute
                for metric, unit in ((total.named.metric, total.unit), *total.also):
                    found.append(Point(metric, now, ((grown, 1.0),), unit, 1))
            elif ended is not None and not total.quiet and self._moved.get(key) != ended:
                found.append(Point(total.named.metric, ended, ((0.0, 1.0),), total.unit, MINUTE))
        for level in levels:
            key = level.named.text
            self.levels[key] = level
            value, when = self._levels.get(key, (None, 0))
            if value != level.value or when != minute:
                self._levels[key] = (level.value, minute)
                for metric, unit in ((level.named.metric, level.unit), *level.also):
                    found.append(Point(metric, now, ((level.value, 1.0),), unit, 1))
        self._minute = minute
        return found, moved

    def kept(self, moved: Mapping[str, float]) -> None:
        """These totals are on disk with their points."""
        self._known |= moved

    def forget(self, names: set[str]) -> None:
        """Show only what is still there."""
        self.totals = {key: total for key, total in self.totals.items() if key in names}
        self.levels = {key: level for key, level in self.levels.items() if key in names}
