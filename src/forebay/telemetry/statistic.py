"""Statistics of a period by their names: `Sum`, `p99.9`, `TM(10%:90%)`, `IQM`, as CloudWatch has them.

Contract: "CloudWatch statistics definitions" (CloudWatch user guide). What a percentile counts is in `distribution`;
a period some of whose values came as statistic sets has none, unless all of them were equal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from forebay.telemetry.distribution import Counts, between, percentile

SIMPLE = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_NUMBER = r"(\d{1,3}(?:\.\d{1,10})?)"
_PERCENTILE = re.compile(rf"p{_NUMBER}", re.I)
_SHORT = re.compile(rf"(tm|tc|ts|wm){_NUMBER}", re.I)
_BOUND = r"(-?\d+(?:\.\d+)?%?|)"
_RANGE = re.compile(rf"(TM|TC|TS|WM|PR)\({_BOUND}:{_BOUND}\)", re.I)


@dataclass(slots=True)
class Aggregate:
    """All that is known of the values of a period; `counts` is None where single values are not."""

    n: float = 0.0
    sum: float = 0.0
    min: float = math.inf
    max: float = -math.inf
    counts: Counts | None = None

    def add(self, other: Aggregate) -> None:
        """Have the other's values too."""
        if self.n and (self.counts is None or other.counts is None):
            self.counts = None
        elif other.counts is not None:
            mine = self.counts or {}
            for value, count in other.counts.items():
                mine[value] = mine.get(value, 0.0) + count
            self.counts = mine
        self.n += other.n
        self.sum += other.sum
        self.min = min(self.min, other.min)
        self.max = max(self.max, other.max)


Statistic = Callable[[Aggregate], float | None]

_PLAIN: Mapping[str, Statistic] = {
    "samplecount": lambda period: period.n,
    "average": lambda period: period.sum / period.n if period.n else None,
    "sum": lambda period: period.sum,
    "minimum": lambda period: period.min,
    "maximum": lambda period: period.max,
}


def statistic(name: str) -> Statistic | None:
    """What answers the statistic of this name for a period (None where it has no such); None for no name of one."""
    plain = _PLAIN.get(name.lower())
    if plain is not None:
        return plain
    if found := _PERCENTILE.fullmatch(name):
        share = float(found[1]) / 100
        return _of_values(lambda counts: percentile(counts, share)) if share <= 1 else None
    if name.upper() == "IQM":
        return _trimmed("TM", "25%", "75%")
    if found := _SHORT.fullmatch(name):
        return _trimmed(found[1].upper(), "", f"{found[2]}%") if float(found[2]) <= 100 else None
    if found := _RANGE.fullmatch(name):
        return _trimmed(found[1].upper(), found[2], found[3])
    return None


def needs_values(name: str) -> bool:
    """Whether the statistic asks for more than count, sum, least and greatest."""
    return name.lower() not in _PLAIN


def _of_values(work: Callable[[Counts], float | None]) -> Statistic:
    return lambda period: work(period.counts) if period.counts else None


def _trimmed(kind: str, low: str, high: str) -> Statistic | None:
    percent = low.endswith("%") or high.endswith("%")
    if not (low or high) or any(percent != each.endswith("%") for each in (low, high) if each):
        return None
    if kind == "PR":
        return None if percent else _of_values(lambda counts: _share(counts, low, high))
    if percent:
        first = float(low[:-1] or 0) / 100 if low else 0.0
        last = float(high[:-1]) / 100 if high else 1.0
        if not 0 <= first < last <= 1:
            return None
        return _of_values(lambda counts: _measure(kind, counts, between(counts, first, last)))
    return _of_values(lambda counts: _measure(kind, counts, _within(counts, low, high)))


def _within(counts: Counts, low: str, high: str) -> list[tuple[float, float]]:
    """The values above the first bound, up to and with the second."""
    least, most = float(low) if low else -math.inf, float(high) if high else math.inf
    return [(value, count) for value, count in sorted(counts.items()) if least < value <= most]


def _share(counts: Counts, low: str, high: str) -> float:
    return 100 * sum(count for _, count in _within(counts, low, high)) / sum(counts.values())


def _measure(kind: str, counts: Counts, kept: list[tuple[float, float]]) -> float | None:
    number = sum(count for _, count in kept)
    total = sum(value * count for value, count in kept)
    match kind:
        case "TC":
            return number
        case "TS":
            return total
        case "TM":
            return total / number if number else None
    if not kept:
        return None
    low, high = kept[0][0], kept[-1][0]  # winsorized: what is outside counts as the nearest inside
    return sum(min(max(value, low), high) * count for value, count in counts.items()) / sum(counts.values())
