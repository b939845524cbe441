"""Whether an alarm's state changes: M of the last N data points, and what counts where data is missing.

Contract: "Configuring how CloudWatch alarms treat missing data" and "Avoiding premature transitions to alarm
state" (Amazon CloudWatch User Guide), whose tables are this module's tests.

More points are asked for than are evaluated (the evaluation range), so that those that are missing can be made
up for by older ones. Only where there are fewer real ones than are evaluated does `missing` matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
Missing = Literal["missing", "ignore", "breaching", "not_breaching"]

OLDER = 2
"""Points before those that are evaluated which may stand in for missing ones."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state that the points make; None keeps that which it has.

    `used` are the indices of the real points that decided, oldest first, and `filled` how many missing ones
    counted as `missing` says.
    """

    state: State | None
    used: tuple[int, ...] = ()
    filled: int = 0


def evaluation_range(periods: int) -> int:
    """How many periods are looked at where `periods` are evaluated."""
    return periods + OLDER


def evaluate(points: Sequence[bool | None], periods: int, datapoints: int, missing: Missing) -> Verdict:
    """The verdict on the points of an evaluation range, oldest first: breaching, within, or missing (None)."""
    real = [index for index, point in enumerate(points) if point is not None]
    if len(real) >= periods:
        used = tuple(real[-periods:])
        return Verdict(_state(sum(bool(points[index]) for index in used) >= datapoints), used)
    used, lacking = tuple(real), periods - len(real)
    breaching = sum(bool(points[index]) for index in real)
    match missing:
        case "breaching":
            return Verdict(_state(breaching + lacking >= datapoints), used, lacking)
        case "not_breaching":
            return Verdict(_state(breaching >= datapoints), used, lacking)
        case "ignore" if not real:
            return Verdict(None)
        case "missing" if not real:
            return Verdict("INSUFFICIENT_DATA", filled=lacking)
    if breaching >= datapoints:
        return Verdict("ALARM", used)
    if breaching == len(real):  # nothing is within: it may be that the next point is
        early = missing == "ignore" or len(points) - real[0] < datapoints
        return Verdict(None if early else "ALARM", used)
    return Verdict("OK", used)


def _state(breaching: bool) -> State:
    return "ALARM" if breaching else "OK"
