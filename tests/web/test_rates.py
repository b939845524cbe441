from __future__ import annotations

from forebay.web.rates import Rates


def test_a_rate_is_over_the_last_ten_seconds() -> None:
    now = 0.0
    rates = Rates(lambda: now)
    assert rates.per_second({"a": 5}) == {"a": 0.0}
    for second in range(30):
        now = float(second)
        rates.note({"a": 100 * second if second < 15 else 1400})
    assert rates.per_second({"a": 1400}) == {"a": 0.0}
    rates.note({"a": 1400})
    now = 30.0
    assert rates.per_second({"a": 1500, "new": 50}) == {"a": 9.09, "new": 4.55}
