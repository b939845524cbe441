"""Routing through 10, 100 and 1,000 rules, against trying the rules one by one; events per second."""

from __future__ import annotations

import random
import time

import orjson

from forebay.bus.pattern import compile_pattern
from forebay.bus.rules import RuleSet

EVENTS = 50_000


def rules(n: int, rng: random.Random) -> dict[str, object]:
    made: dict[str, object] = {}
    for at in range(n):
        kind = {"event_type": [f"type-{at % 200}"]}
        extra: list[dict[str, object]] = [
            {},
            {"price": [{"numeric": [">", rng.randrange(1000)]}]},
            {"brand": [{"prefix": f"b{at % 50}"}]},
            {"user": [{"anything-but": [f"u{at}"]}]},
            {"page": [{"wildcard": f"/shop/*/{at % 30}"}]},
        ]
        made[f"r{at}"] = {"source": ["shop"], "detail": {**kind, **extra[at % 5]}}
    return made


def main() -> None:
    rng = random.Random(1)
    events = [
        orjson.dumps(
            {
                "source": "shop",
                "detail-type": "click",
                "time": "2026-01-01T00:00:00Z",
                "detail": {
                    "event_type": f"type-{rng.randrange(200)}",
                    "price": rng.randrange(1000) / 10,
                    "brand": f"b{rng.randrange(80)}",
                    "user": f"u{rng.randrange(5000)}",
                    "page": f"/shop/{rng.randrange(100)}/{rng.randrange(40)}",
                    "text": "x" * 80,
                },
            }
        )
        for _ in range(EVENTS)
    ]
    base = 0.0
    for n in (10, 100, 1000):
        compiled = {name: compile_pattern(pattern) for name, pattern in rules(n, random.Random(2)).items()}  # type: ignore[arg-type]
        together = RuleSet(compiled)
        together.match(events[:5000])
        start = time.perf_counter()
        for at in range(0, EVENTS, 5000):
            together.match(events[at : at + 5000])
        rate = EVENTS / (time.perf_counter() - start)
        base = base or rate
        few = [orjson.loads(event) for event in events[: 20_000 // n]]
        start = time.perf_counter()
        for event in few:
            for pattern in compiled.values():
                pattern.matches(event)
        alone = len(few) / (time.perf_counter() - start)
        print(
            f"{n:5} rules: {rate:10,.0f} events/s, {rate / base:5.2f} of the speed with 10;"
            f" one by one {alone:8,.0f} ({rate / alone:6.1f} x)"
        )


if __name__ == "__main__":
    main()
