"""Rules compiled together answer as each pattern answers by itself."""

from __future__ import annotations

import json
import random
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.bus.operators import InvalidPattern
from forebay.bus.pattern import compile_pattern
from forebay.bus.rules import RuleSet
from tests.bus.test_pattern import cases, needs_cases


@needs_cases
def test_all_the_patterns_of_the_cases_at_once_answer_as_one_by_one() -> None:
    patterns, events = {}, []
    for at, case in enumerate(cases()):
        try:
            patterns[f"{at}"] = compile_pattern(case["pattern"])
            event = orjson.loads(case["event"])
        except (InvalidPattern, orjson.JSONDecodeError):
            continue
        if isinstance(event, dict):
            events.append(case["event"].encode())
    together = RuleSet(patterns)
    for event in events:
        alone = {name for name, pattern in patterns.items() if pattern.matches(orjson.loads(event))}
        assert set(together.match([event])) == alone


VALUES = st.sampled_from(["a", "ab", "b", "AB", "", "10.0.0.1", 1, 1.0, 2, -3.5, True, False, None])
LEAF = st.one_of(VALUES, st.lists(VALUES, max_size=3))
EVENTS = st.dictionaries(
    st.sampled_from(["x", "y", "z.w"]),
    st.one_of(
        LEAF,
        st.dictionaries(st.sampled_from(["p", "q"]), LEAF, max_size=2),
        st.lists(st.dictionaries(st.sampled_from(["p", "q"]), LEAF, max_size=2), max_size=2),
    ),
    max_size=3,
)
TESTS = st.sampled_from(
    [
        *("a", "b", 1, 2, True, None, "10.0.0.1"),
        *(
            {"prefix": "a"},
            {"suffix": "b"},
            {"equals-ignore-case": "Ab"},
            {"prefix": {"equals-ignore-case": "A"}},
        ),
        *({"wildcard": "a*"}, {"wildcard": "*b"}, {"wildcard": "a*b"}, {"exists": True}, {"exists": False}),
        *(
            {"numeric": [">", 0]},
            {"numeric": [">=", 1, "<", 2]},
            {"numeric": ["=", 1]},
            {"cidr": "10.0.0.0/24"},
        ),
        *({"anything-but": ["a"]}, {"anything-but": [1, 2]}, {"anything-but": {"prefix": "a"}}),
    ]
)
FIELD = st.lists(TESTS, min_size=1, max_size=3)
PATTERNS = st.dictionaries(
    st.sampled_from(["x", "y", "z"]),
    st.one_of(FIELD, st.dictionaries(st.sampled_from(["p", "q", "w"]), FIELD, min_size=1, max_size=2)),
    min_size=1,
    max_size=3,
)


@settings(max_examples=400, deadline=None)
@given(patterns=st.lists(PATTERNS, min_size=1, max_size=8), events=st.lists(EVENTS, min_size=1, max_size=8))
def test_any_patterns_answer_together_as_they_do_alone(
    patterns: list[dict[str, Any]], events: list[dict[str, Any]]
) -> None:
    compiled = {str(at): compile_pattern(pattern) for at, pattern in enumerate(patterns)}
    expected = {
        name: [at for at, event in enumerate(events) if pattern.matches(event)]
        for name, pattern in compiled.items()
    }
    got = RuleSet(compiled).match([json.dumps(event).encode() for event in events])
    assert got == {name: indexes for name, indexes in expected.items() if indexes}


def test_a_thousand_rules_over_one_batch() -> None:
    rules = {
        f"r{n}": compile_pattern({"detail": {"kind": [f"k{n}"], "n": [{"numeric": [">=", n]}]}})
        for n in range(1000)
    }
    rng = random.Random(7)
    events: list[dict[str, Any]] = [
        {"detail": {"kind": f"k{rng.randrange(1000)}", "n": rng.randrange(1000)}} for _ in range(2000)
    ]
    got = RuleSet(rules).match([orjson.dumps(event) for event in events])
    for name, indexes in got.items():
        for at in indexes:
            assert events[at]["detail"]["kind"] == f"k{name[1:]}"
            assert events[at]["detail"]["n"] >= int(name[1:])
    assert sum(map(len, got.values())) == sum(
        event["detail"]["n"] >= int(event["detail"]["kind"][1:]) for event in events
    )
