"""When our own metrics are sampled: by the clock, so that no second and no minute is left out or has two."""

from __future__ import annotations

import random

from forebay.web.sampler import until_next


def test_each_second_has_one_sample_however_late_the_timer_is() -> None:
    chance = random.Random(5)
    now, seen = 1_000.0, list[int]()
    for _ in range(2_000):
        now += until_next(now) + chance.uniform(0.0, 0.4)  # a timer comes late, never early
        seen.append(int(now))
    assert seen == list(range(seen[0], seen[0] + len(seen)))
