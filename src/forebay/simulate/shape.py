"""How events come: steadily, as a day has it, or in bursts.

A shape says how many events a second are meant at a moment; the sum over time is what is due. The day's curve
has its peak in the evening: little at night, a small rise at noon. Speeded up, its clock runs that much faster
from the moment it starts, and `simulated` tells its time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Kind = Literal["steady", "evening", "burst"]

DAY = 86_400.0
_NIGHT = 0.05
"""What is left of the peak at its least."""


@dataclass(frozen=True, slots=True)
class Shape:
    """`peak` is seconds after midnight; the other names are those of the project file, in seconds."""

    kind: Kind = "steady"
    peak: float = 20 * 3600.0
    speed: float = 1.0
    every: float = 300.0
    lasts: float = 20.0
    times: float = 10.0

    def factor(self, elapsed: float, midnight: float) -> float:
        """What the rate is multiplied by, `elapsed` seconds after the start, which was at `midnight` seconds
        after midnight.
        """
        match self.kind:
            case "steady":
                return 1.0
            case "burst":
                # The first comes after a pause, so that there is something to tell it from.
                return self.times if elapsed % self.every >= self.every - self.lasts else 1.0
            case "evening":
                return curve((midnight + elapsed * self.speed) % DAY, self.peak)

    def due(self, begun: float, now: float, midnight: float) -> float:
        """How many events a rate of one a second makes due from `begun` to `now` (elapsed seconds)."""
        if self.kind == "steady":
            return now - begun
        return (now - begun) * self.factor((begun + now) / 2, midnight)


def curve(clock: float, peak: float) -> float:
    """The share of the evening's peak at a time of day, from 0.05 to 1."""
    evening = _bell(clock, peak, 2.0 * 3600)
    noon = 0.45 * _bell(clock, peak - 7.5 * 3600, 2.5 * 3600)
    return min(1.0, _NIGHT + (1 - _NIGHT) * max(evening, noon))


def _bell(clock: float, middle: float, width: float) -> float:
    away = (clock - middle + DAY / 2) % DAY - DAY / 2
    return math.exp(-0.5 * (away / width) ** 2)
