"""Event patterns mean what they mean on AWS."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from forebay.bus.operators import InvalidPattern
from forebay.bus.pattern import compile_pattern

REAL = os.environ.get("FOREBAY_REAL_DATA")
needs_cases = pytest.mark.skipif(
    REAL is None, reason="FOREBAY_REAL_DATA does not name the folder with cases/"
)


def cases() -> list[dict[str, Any]]:
    """The cases whose results are true on AWS; none where the folder is not there."""
    if REAL is None:
        return []
    lines = (Path(REAL) / "cases" / "eventbridge_patterns.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def outcome(pattern: str, event: str) -> str:
    """match, no_match or error."""
    try:
        compiled = compile_pattern(pattern)
        parsed = orjson.loads(event)
    except (InvalidPattern, orjson.JSONDecodeError):
        return "error"
    if not isinstance(parsed, dict):
        return "error"
    return "match" if compiled.matches(parsed) else "no_match"


@needs_cases
def test_every_case_gives_the_result_it_gives_on_aws() -> None:
    wrong = [
        (case["name"], case["expect"], got)
        for case in cases()
        if (got := outcome(case["pattern"], case["event"])) != case["expect"]
    ]
    assert wrong == []


@needs_cases
def test_a_refused_pattern_is_refused_in_the_words_of_aws() -> None:
    wrong = []
    for case in cases():
        if "Message" in case.get("aws_error", {}):
            with pytest.raises(InvalidPattern) as refused:
                compile_pattern(case["pattern"])
            if refused.value.message != case["aws_error"]["Message"]:
                wrong.append((case["name"], refused.value.message, case["aws_error"]["Message"]))
    assert wrong == []
