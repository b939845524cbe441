"""Why an alarm is in its state: in CloudWatch's words, as data, and in a sentence for people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from forebay.alerts.alarm import Alarm
from forebay.alerts.condition import WORDS, Band
from forebay.alerts.evaluate import State, Verdict
from forebay.clock import SECOND, to_datetime

UNCHECKED = "Unchecked: Initial alarm creation"
SHOWN = 5
"""Data points that a reason lists at most."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A data point: where its period begins (UTC microseconds), its value, and what was usual then."""

    at: int
    value: float | None
    band: Band | None = None


def reason(alarm: Alarm, samples: Sequence[Sample], verdict: Verdict, old: State) -> str:
    """CloudWatch's StateReason of a verdict on `samples`."""
    if verdict.state == "INSUFFICIENT_DATA":
        count = alarm.periods
        return f"Insufficient Data: {_count(count, 'datapoint')} {_were(count)} unknown."
    crossed = verdict.state == "ALARM"
    used = [samples[index] for index in verdict.used]
    if not used:
        treated = "Breaching" if alarm.missing == "breaching" else "NonBreaching"
        return (
            f"Threshold Crossed: no datapoints were received for {_count(alarm.periods, 'period')} and "
            f"{_count(verdict.filled, 'missing datapoint')} {_were(verdict.filled)} treated as [{treated}]."
        )
    assert alarm.condition is not None
    chosen = [each for each in used if bool(alarm.condition.holds(each.value or 0.0, each.band)) == crossed]
    listed = ", ".join(f"{_value(each)} ({_time(each.at)})" for each in reversed(chosen[-SHOWN:]))
    needed = alarm.datapoints if crossed else alarm.periods - alarm.datapoints + 1
    way = "OK -> ALARM" if crossed else "ALARM -> OK"
    return (
        f"Threshold Crossed: {len(chosen)} out of the last {len(used)} datapoints [{listed}] "
        f"{_were(len(chosen))} {'' if crossed else 'not '}{_compared(alarm, chosen)} "
        f"(minimum {_count(needed, 'datapoint')} for {way} transition)."
    )


def data(alarm: Alarm, samples: Sequence[Sample], verdict: Verdict, now: int) -> dict[str, Any]:
    """CloudWatch's StateReasonData."""
    assert alarm.condition is not None
    used = [samples[index] for index in verdict.used]
    found: dict[str, Any] = {
        "version": "1.0",
        "queryDate": stamp(now),
        **({"startDate": stamp(used[0].at)} if used else {}),
        **({"statistic": alarm.value.statistic} if alarm.value and not alarm.value.expression else {}),
        "period": int(alarm.period),
        "recentDatapoints": [each.value for each in used],
    }
    if alarm.condition.banded:
        bands = [each.band for each in used if each.band is not None]
        found["recentLowerThresholds"] = [round(band.low, 6) for band in bands]
        found["recentUpperThresholds"] = [round(band.high, 6) for band in bands]
    else:
        found["threshold"] = alarm.condition.number
    found["evaluatedDatapoints"] = [
        {"timestamp": stamp(each.at), "value": each.value} for each in reversed(used)
    ]
    return found


def told(alarm: Alarm, samples: Sequence[Sample], state: State, before: State) -> str:
    """A sentence for people; `before` is the state that it had."""
    known = [each for each in samples if each.value is not None]
    if state == "INSUFFICIENT_DATA" or not known or alarm.condition is None:
        return "there are no values" if state == "INSUFFICIENT_DATA" else "no values came"
    last = known[-1]
    assert last.value is not None
    what = _what(alarm)
    if alarm.condition.banded and last.band is not None:
        low, high = _round(last.band.low), _round(last.band.high)
        where = "within" if state == "OK" else "outside"
        return f"{what} is {_round(last.value)}, {where} the usual {low} to {high} ({last.band.why})"
    times = "" if alarm.periods == 1 else f" for {span(alarm.periods * alarm.period)}"
    if state == "ALARM":
        return f"{what} is {_round(last.value)} ({alarm.condition}){times}"
    again = " again" if before == "ALARM" else ""
    return f"{what} is {_round(last.value)}{again} (not {alarm.condition})"


def _round(value: float) -> str:
    """A number as people read it: whole, or to four digits."""
    if abs(value) >= 10_000 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.4g}"


def _what(alarm: Alarm) -> str:
    if alarm.kind == "sql":
        return "the query's value"
    query = alarm.value
    assert query is not None
    if query.expression:
        return query.label or query.expression
    names = "".join(f" {value}" for value in query.dimensions.values())
    statistic = {"SampleCount": "the count of ", "Sum": ""}.get(
        query.statistic, f"the {query.statistic.lower()} of "
    )
    return f"{statistic}{query.metric}{names}"


def stamp(us: int) -> str:
    """`2026-11-22T19:20:36.123+0000`, as CloudWatch writes times within its texts."""
    moment = to_datetime(us)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{us % SECOND // 1000:03d}+0000"


def span(seconds: float) -> str:
    """`30 m`, `90 s`, `2 h`."""
    for size, word in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {word}"
    return f"{seconds:g} s"


def _compared(alarm: Alarm, chosen: Sequence[Sample]) -> str:
    assert alarm.condition is not None
    if not alarm.condition.banded:
        return f"{WORDS[alarm.condition.op]} the threshold ({float(alarm.condition.number)!r})"
    bands = [each.band for each in chosen if each.band is not None]
    uppers = ", ".join(repr(round(band.high, 6)) for band in reversed(bands[-SHOWN:]))
    lowers = ", ".join(repr(round(band.low, 6)) for band in reversed(bands[-SHOWN:]))
    match alarm.condition.op:
        case "above":
            return f"greater than the upper thresholds [{uppers}]"
        case "below":
            return f"less than the lower thresholds [{lowers}]"
        case _:
            return (
                f"less than the lower thresholds [{lowers}] or greater than the upper thresholds [{uppers}]"
            )


def _value(sample: Sample) -> str:
    assert sample.value is not None
    return repr(float(sample.value))


def _time(us: int) -> str:
    return dt.datetime.fromtimestamp(us / SECOND, dt.UTC).strftime("%d/%m/%y %H:%M:%S")


def _count(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
