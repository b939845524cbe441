"""The functions of metric math: over a series, over an array of them, and about time."""

from __future__ import annotations

import datetime as dt
import math
import statistics
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from forebay.telemetry.metric_math import Scope, Series, Value, applied, bad

Function = Callable[[Scope, list[Any]], Value]
Reduce = Callable[[list[float]], float]


def _one(name: str, arguments: list[Any], most: int = 1) -> Any:
    if not 1 <= len(arguments) <= most:
        raise bad(f"{name} takes {'one argument' if most == 1 else f'1 to {most} arguments'}")
    return arguments[0]


def _each(work: Callable[[float], float | None]) -> Function:
    """A function of each point; those that have no value are left out."""

    def one(series: Series) -> Series:
        points = {at: found for at, value in series.points.items() if (found := work(value)) is not None}
        return Series(points, series.period, series.label)

    def function(_: Scope, arguments: list[Any]) -> Value:
        value = _one("it", arguments)
        if isinstance(value, list):
            return [one(each) for each in value]
        if isinstance(value, Series):
            return one(value)
        found = work(float(value))
        if found is None:
            raise bad("It has no value")
        return found

    return function


def _reduced(name: str, reduce: Reduce) -> Function:
    """Of a series a number; of an array a series, of what they have at each time."""

    def function(_: Scope, arguments: list[Any]) -> Value:
        value = _one(name, arguments)
        if isinstance(value, Series):
            return reduce(list(value.points.values())) if value.points else math.nan
        if isinstance(value, list):
            by_time: dict[int, list[float]] = {}
            for each in value:
                for at, number in each.points.items():
                    by_time.setdefault(at, []).append(number)
            points = {at: reduce(numbers) for at, numbers in sorted(by_time.items())}
            return Series(points, value[0].period if value else 60)
        raise bad(f"{name} takes a time series or an array of them")

    return function


def _mapped(name: str, work: Callable[[Series], Series]) -> Function:
    def function(_: Scope, arguments: list[Any]) -> Value:
        value = _one(name, arguments)
        if isinstance(value, list):
            return [work(each) for each in value]
        if isinstance(value, Series):
            return work(value)
        raise bad(f"{name} takes a time series or an array of them")

    return function


def _steps(work: Callable[[float, int], float]) -> Callable[[Series], Series]:
    """Of each point and the one before it: what `work` makes of the difference and the seconds between."""

    def steps(series: Series) -> Series:
        times = list(series.points)
        points = {
            at: work(series.points[at] - series.points[before], at - before) for before, at in pairwise(times)
        }
        return Series(points, series.period, series.label)

    return steps


def _running(series: Series) -> Series:
    total, points = 0.0, {}
    for at, value in series.points.items():
        total += value
        points[at] = total
    return Series(points, series.period, series.label)


def _edge(name: str, at: int) -> Function:
    def function(_: Scope, arguments: list[Any]) -> Value:
        value = _one(name, arguments)
        if isinstance(value, Series):
            return list(value.points.values())[at] if value.points else math.nan
        if isinstance(value, list) and value:
            found: Series = value[at]
            return found
        raise bad(f"{name} takes a time series or an array of them")

    return function


def _fill(scope: Scope, arguments: list[Any]) -> Value:
    if len(arguments) != 2:
        raise bad("FILL takes two arguments")
    value, filling = arguments
    if isinstance(value, list):
        return [_filled(scope, each, filling) for each in value]
    if not isinstance(value, Series):
        raise bad("FILL takes a time series or an array of them")
    return _filled(scope, value, filling)


def _filled(scope: Scope, series: Series, filling: Any) -> Series:
    if filling not in ("REPEAT", "LINEAR") and not isinstance(filling, float | int | Series):
        raise bad("FILL takes a number, a time series, REPEAT or LINEAR as its second argument")
    known = sorted(series.points)
    points: dict[int, float] = {}
    before: int | None = None
    place = 0
    for at in scope.times():
        while place < len(known) and known[place] <= at:
            before = known[place]
            place += 1
        if at in series.points:
            points[at] = series.points[at]
        elif isinstance(filling, Series):
            if at in filling.points:
                points[at] = filling.points[at]
        elif not isinstance(filling, str):
            points[at] = float(filling)
        elif before is not None:
            last = series.points[before]
            after = known[place] if place < len(known) else None
            if filling == "LINEAR" and after is not None:
                last += (series.points[after] - last) * (at - before) / (after - before)
            points[at] = last
    return Series(points, series.period, series.label)


def _if(_: Scope, arguments: list[Any]) -> Value:
    """IF(condition, then[, otherwise]): where there is no otherwise, points for which it does not hold are left out."""
    if len(arguments) not in (2, 3):
        raise bad("IF takes two or three arguments")
    condition, then = arguments[:2]
    otherwise = arguments[2] if len(arguments) == 3 else None
    if not isinstance(condition, Series):
        if isinstance(condition, list):
            raise bad("IF takes a time series or a number as its condition")
        chosen = then if condition else otherwise
        if chosen is None:
            raise bad("IF has nothing where its condition does not hold")
        found: Value = chosen
        return found
    points = {}
    for at, holds in condition.points.items():
        chosen = then if holds else otherwise
        if isinstance(chosen, list):
            raise bad("IF takes time series or numbers")
        value = chosen.points.get(at) if isinstance(chosen, Series) else chosen
        if value is not None:
            points[at] = float(value)
    labelled = next((each.label for each in (then, condition) if isinstance(each, Series)), "")
    return Series(points, condition.period, labelled)


def _metrics(scope: Scope, arguments: list[Any]) -> Value:
    if len(arguments) > 1:
        raise bad("METRICS takes at most one argument")
    found = scope.metrics()
    return [each for each in found if not arguments or str(arguments[0]) in each.label]


def _period(_: Scope, arguments: list[Any]) -> Value:
    value = _one("PERIOD", arguments)
    if not isinstance(value, Series):
        raise bad("PERIOD takes a time series")
    return float(value.period)


def _count(_: Scope, arguments: list[Any]) -> Value:
    value = _one("METRIC_COUNT", arguments)
    if not isinstance(value, list):
        raise bad("METRIC_COUNT takes an array")
    return float(len(value))


def _clock(work: Callable[[dt.datetime], int]) -> Function:
    def function(_: Scope, arguments: list[Any]) -> Value:
        value = _one("it", arguments)
        if not isinstance(value, Series):
            raise bad("It takes a time series")
        points = {at: float(work(dt.datetime.fromtimestamp(at, dt.UTC))) for at in value.points}
        return Series(points, value.period, value.label)

    return function


def _time_series(scope: Scope, arguments: list[Any]) -> Value:
    number = _one("TIME_SERIES", arguments)
    if isinstance(number, list | Series):
        raise bad("TIME_SERIES takes a number")
    return Series(dict.fromkeys(scope.times(), float(number)), scope.period)


def _sort(_: Scope, arguments: list[Any]) -> Value:
    if len(arguments) not in (3, 4) or not isinstance(arguments[0], list):
        raise bad("SORT takes an array, a function, ASC or DSC, and how many")
    found, by, order = arguments[:3]
    keys: Mapping[str, Reduce] = {"SUM": math.fsum, "AVG": statistics.fmean, "MIN": min, "MAX": max}
    if by not in keys or order not in ("ASC", "DSC"):
        raise bad("SORT sorts by AVG, MIN, MAX or SUM, and ASC or DSC")
    full = sorted(
        (each for each in found if each.points),
        key=lambda each: keys[by](list(each.points.values())),
        reverse=order == "DSC",
    )
    return full[: int(arguments[3])] if len(arguments) == 4 else full


def _slice(_: Scope, arguments: list[Any]) -> Value:
    if len(arguments) not in (2, 3) or not isinstance(arguments[0], list):
        raise bad("SLICE takes an array and where it begins and ends")
    found: list[Series] = arguments[0]
    start = int(arguments[1])
    return found[start : int(arguments[2])] if len(arguments) == 3 else found[start]


def _search(scope: Scope, arguments: list[Any]) -> Value:
    """SEARCH(' {Namespace, Dimension} terms ', 'Statistic'[, period])."""
    if not 2 <= len(arguments) <= 3 or not all(isinstance(each, str) for each in arguments[:2]):
        raise bad("SEARCH takes what is searched, a statistic and a period")
    period = int(arguments[2]) if len(arguments) == 3 else None
    return scope.search(str(arguments[0]), str(arguments[1]), period)


def _remove_empty(_: Scope, arguments: list[Any]) -> Value:
    value = _one("REMOVE_EMPTY", arguments)
    if not isinstance(value, list):
        raise bad("REMOVE_EMPTY takes an array")
    return [each for each in value if each.points]


def _extreme(name: str, reduce: Reduce, work: Callable[[float, float], float]) -> Function:
    """MIN and MAX, which also take several values."""
    single = _reduced(name, reduce)

    def function(scope: Scope, arguments: list[Any]) -> Value:
        if len(arguments) < 2:
            return single(scope, arguments)
        found = arguments[0]
        for each in arguments[1:]:
            found = applied(work, found, each)
        value: Value = found
        return value

    return function


FUNCTIONS: Mapping[str, Function] = {
    "ABS": _each(abs),
    "AVG": _reduced("AVG", statistics.fmean),
    "CEIL": _each(lambda value: float(math.ceil(value))),
    "DATAPOINT_COUNT": _reduced("DATAPOINT_COUNT", lambda values: float(len(values))),
    "DATE": _clock(lambda time: time.day),
    "DAY": _clock(lambda time: time.isoweekday()),
    "DIFF": _mapped("DIFF", _steps(lambda change, _: change)),
    "DIFF_TIME": _mapped("DIFF_TIME", _steps(lambda _, seconds: float(seconds))),
    "EPOCH": _clock(lambda time: int(time.timestamp())),
    "FILL": _fill,
    "FIRST": _edge("FIRST", 0),
    "FLOOR": _each(lambda value: float(math.floor(value))),
    "HOUR": _clock(lambda time: time.hour),
    "IF": _if,
    "LAST": _edge("LAST", -1),
    "LOG": _each(lambda value: math.log(value) if value > 0 else None),
    "LOG10": _each(lambda value: math.log10(value) if value > 0 else None),
    "MAX": _extreme("MAX", max, max),
    "METRIC_COUNT": _count,
    "METRICS": _metrics,
    "MIN": _extreme("MIN", min, min),
    "MINUTE": _clock(lambda time: time.minute),
    "MONTH": _clock(lambda time: time.month),
    "PERIOD": _period,
    "RATE": _mapped("RATE", _steps(lambda change, seconds: change / seconds)),
    "REMOVE_EMPTY": _remove_empty,
    "RUNNING_SUM": _mapped("RUNNING_SUM", _running),
    "SEARCH": _search,
    "SLICE": _slice,
    "SORT": _sort,
    "STDDEV": _reduced("STDDEV", statistics.pstdev),
    "SUM": _reduced("SUM", math.fsum),
    "TIME_SERIES": _time_series,
    "YEAR": _clock(lambda time: time.year),
}
