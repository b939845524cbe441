"""Which messages CloudWatch Logs' filter patterns match."""

from __future__ import annotations

import json

import pytest

from forebay.errors import UsageError
from forebay.telemetry.filter import matcher

CLICK = json.dumps(
    {"code": 404, "path": "/menu/1", "who": None, "ok": True, "ids": [7, 8], "user": {"name": "Ann B"}}
)


@pytest.mark.parametrize(
    ("pattern", "message", "matches"),
    [
        ("", "anything", True),
        ("ERROR", "[ERROR] it failed", True),
        ("ERROR", "[error] it failed", False),
        ("goodbye world", "goodbye cruel world", True),
        ('"goodbye world"', "goodbye cruel world", False),
        ('"say \\"hi\\""', 'say "hi"', True),
        ("ERROR -timeout", "ERROR timeout", False),
        ("?ERROR ?WARN", "a WARN", True),
        ("?ERROR ?WARN", "an INFO", False),
        ("{ $.code = 404 }", CLICK, True),
        ("{ $.code != 404 }", CLICK, False),
        ("{ $.code >= 400 && $.code < 500 }", CLICK, True),
        ("{ ($.code = 1 || $.code = 404) && $.ok IS TRUE }", CLICK, True),
        ('{ $.path = "/menu/*" }', CLICK, True),
        ("{ $.path = /menu/1 }", CLICK, True),
        ("{ $.who IS NULL }", CLICK, True),
        ("{ $.nobody NOT EXISTS }", CLICK, True),
        ("{ $.code NOT EXISTS }", CLICK, False),
        ("{ $.ids[1] = 8 }", CLICK, True),
        ("{ $.ids[*] = 7 }", CLICK, True),
        ('{ $.user.name = "Ann B" }', CLICK, True),
        ("{ $['user'].name = Ann* }", CLICK, True),
        ("{ $.code = 404 }", "no json", False),
    ],
)
def test_a_pattern_matches(pattern: str, message: str, matches: bool) -> None:
    assert matcher(pattern)(message) is matches


@pytest.mark.parametrize(
    "pattern",
    ["{ $.a }", "{ $.a = 1", "{ = 1 }", "{ $.a = 1 && }", '"open', "{ $.a < x }", "{ $.['a'] = 1 }"],
)
def test_a_broken_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match="Invalid filter pattern"):
        matcher(pattern)


@pytest.mark.parametrize("pattern", ["%a+%", "[ip, user]", "{ $.a = %x% }"])
def test_what_is_not_offered_says_so(pattern: str) -> None:
    with pytest.raises(UsageError, match="are not offered"):
        matcher(pattern)
