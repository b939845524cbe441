"""Logs Insights on a log group's events: what each command answers, and what cannot be read, with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from forebay.errors import DataRejected
from forebay.telemetry.groups import Groups
from forebay.telemetry.insights import aggregates, commands
from forebay.telemetry.insights.run import Stopped, run
from forebay.telemetry.insights.tokens import Malformed
from forebay.telemetry.insights.values import Row

BEGIN = 1_769_851_800_000  # 2026-01-31 09:30:00 UTC
VISITS = [
    {"user": "ann", "code": 200, "ms": 12.5, "at": {"city": "Oslo"}, "tags": ["a", "b"]},
    {"user": "bob", "code": 404, "ms": 3, "at": {"city": "Rome"}},
    {"user": "ann", "code": 500, "ms": 100, "at": {"city": "Oslo"}, "why": "disk full"},
    {"user": "cat", "code": 200, "ms": "40"},
]
LINES = ["user=dan, took 7 ms", "nothing to see"]
LAMBDA = [
    "START RequestId: 11f2 Version: $LATEST",
    "REPORT RequestId: 11f2 Duration: 12.50 ms Billed Duration: 13 ms Memory Size: 128 MB Max Memory Used: 40 MB",
]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs")
    groups = Groups(folder / "logs.db", folder)
    messages = [json.dumps(each) for each in VISITS] + LINES
    for name, some in (("app", messages), ("/aws/lambda/f", LAMBDA)):
        groups.create(name, {}, {})
        groups.create_stream(name, "one")
        group = groups.group(name)
        events = [(BEGIN + n * 60_000, text) for n, text in enumerate(some)]
        groups.put(group, groups.stream(group, "one"), events)
    groups.close()
    return folder / "logs.db"


def ask(path: Path, text: str, *groups: str, **given: Any) -> list[dict[str, str]]:
    """The rows of an answer, without their pointers."""
    found = run(path, groups or ["app"], text, start=BEGIN, end=BEGIN + 3_600_000, **given)
    return [{name: value for name, value in row if name != "@ptr"} for row in found["results"]]


CASES: list[tuple[str, list[dict[str, str]]]] = [
    ("fields user | limit 1 ", [{}]),
    ("fields @timestamp, user | filter ispresent(user) | limit 1", [{"@timestamp": "2026-01-31 09:33:00.000", "user": "cat"}]),
    ("filter code >= 400 | fields user, code", [{"user": "ann", "code": "500"}, {"user": "bob", "code": "404"}]),
    ("filter at.city = 'Rome' | fields at.city as city", [{"city": "Rome"}]),
    ("filter tags.1 = 'b' | display user", [{"user": "ann"}]),
    ("filter user in ['bob', \"cat\"] and not (code = 404) | display user", [{"user": "cat"}]),
    ("filter why like 'full' or user =~ /^c/ | display user", [{"user": "cat"}, {"user": "ann"}]),
    ("filter user not like /a/ | display user", [{}, {}, {"user": "bob"}]),
    ("filter @message like /took \\d+/ | display @message", [{"@message": LINES[0]}]),
    ("stats count(*) by user | filter ispresent(user) | sort user", [{"user": "ann", "count(*)": "2"}, {"user": "bob", "count(*)": "1"}, {"user": "cat", "count(*)": "1"}]),
    ("stats count(*) as n, sum(ms) as total, avg(ms) as mean, min(ms) as low, max(ms) as high", [{"n": "6", "total": "155.5", "mean": "38.875", "low": "3", "high": "100"}]),
    ("stats count(code), count_distinct(user), median(ms), pct(ms, 99)", [{"count(code)": "4", "count_distinct(user)": "3", "median(ms)": "12.5", "pct(ms, 99)": "100"}]),
    ("stats earliest(user) as first, latest(user) as last, sortsFirst(user) as a, sortsLast(user) as z", [{"first": "ann", "last": "cat", "a": "ann", "z": "cat"}]),
    ("stats stddev(code) as s, sum(ms) / count(ms) as mean", [{"s": "130.4914", "mean": "38.875"}]),
    ("stats count(*) as n by bin(2m) as t | sort t desc | limit 2", [{"t": "2026-01-31 09:34:00.000", "n": "2"}, {"t": "2026-01-31 09:32:00.000", "n": "2"}]),
    ("stats count(*) by bin(1h)", [{"bin(1h)": "2026-01-31 09:00:00.000", "count(*)": "6"}]),
    ("stats max(ms) as m by user | stats sum(m) as s", [{"s": "143"}]),
    ("stats count(user) as known, count(*) - known as others", [{"known": "4", "others": "2"}]),
    ("stats count(*), max(ms) by user | sort count(*) desc, user | limit 1", [{"user": "ann", "count(*)": "2", "max(ms)": "100"}]),
    ("filter ispresent(a.b.c.d) | display a.b.c.d, a.b", []),
    ("filter code = 1 | stats count(*)", [{"count(*)": "0"}]),
    ("filter code = 1 | stats count(*) by user", []),
    ('parse @message "user=*, took * ms" as who, took | filter ispresent(who) | display who, took * 2 as twice', [{"who": "dan", "twice": "14"}]),
    ("parse /took (?<took>\\d+) ms/ | stats sum(took) as s", [{"s": "7"}]),
    ("parse @message 'user=*,' as who | filter who = 'dan'", [{"@timestamp": "2026-01-31 09:34:00.000", "@message": LINES[0], "who": "dan"}]),
    ("filter ispresent(user) | dedup user | display user, code", [{"user": "cat", "code": "200"}, {"user": "ann", "code": "500"}, {"user": "bob", "code": "404"}]),
    ("filter ispresent(user) | sort ms desc | limit 2 | display user, ms", [{"user": "ann", "ms": "100"}, {"user": "cat", "ms": "40"}]),
    ("filter ispresent(user) | sort user asc, code desc | display user, code", [{"user": "ann", "code": "500"}, {"user": "ann", "code": "200"}, {"user": "bob", "code": "404"}, {"user": "cat", "code": "200"}]),
    ("# who\nfilter user = 'bob'\n| display concat(toupper(user), '-', strlen(user)) as x, substr(user, 1) as y, coalesce(nope, 5) as z", [{"x": "BOB-3", "y": "ob", "z": "5"}]),
    ("filter user = 'bob' | display code % 100 as r, 2 ^ 3 as p, -ms as n, abs(-2) as a, ceil(ms / 2) as c, 1 / 0 as gone", [{"r": "4", "p": "8", "n": "-3", "a": "2", "c": "2"}]),
    ("filter isIpv4InSubnet('10.1.2.3', '10.1.0.0/16') and user = 'bob' | display datefloor(@timestamp, 1h) as h", [{"h": "2026-01-31 09:00:00.000"}]),
    ("filter `user` = 'bob' | display @logStream, @log", [{"@logStream": "one", "@log": "000000000000:app"}]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text[:60] for text, _ in CASES])
def test_a_query_answers(path: Path, text: str, expected: list[dict[str, str]]) -> None:
    assert ask(path, text) == expected


def test_events_come_newest_first_with_what_they_are_found_by(path: Path) -> None:
    found = run(path, ["app"], "fields @timestamp", start=BEGIN, end=BEGIN + 3_600_000)
    stamps = [row[0][1] for row in found["results"]]
    assert stamps == sorted(stamps, reverse=True)
    assert all(row[-1][0] == "@ptr" for row in found["results"])
    assert (found["matched"], found["scanned"]) == (6, 6)


def test_a_path_finds_keys_with_dots() -> None:
    row = Row(
        {},
        json.dumps({"attributes": {"gen_ai.usage.tokens": 5, "session": {"id": "x"}}, "a.b": [1, {"c": 2}]}),
    )
    paths = (
        "attributes.gen_ai.usage.tokens",
        "attributes.session.id",
        "a.b.1.c",
        "a.b.9",
        "attributes.gen_ai",
    )
    assert [row.get(path) for path in paths] == [5, "x", 2, None, None]


def test_several_groups_are_one(path: Path) -> None:
    assert ask(path, "stats count(*) as n", "app", "/aws/lambda/f") == [{"n": "8"}]
    found = ask(path, "stats count(*) as n by @log | sort n", "app", "/aws/lambda/f")
    assert [row["n"] for row in found] == ["2", "6"]


def test_what_lambda_writes_has_fields(path: Path) -> None:
    text = "filter @type = 'REPORT' | stats max(@duration) as d, max(@memorySize / 1000000) as mb, latest(@requestId) as id"
    assert ask(path, text, "/aws/lambda/f") == [{"d": "12.5", "mb": "128", "id": "11f2"}]


def test_only_the_time_that_is_asked_for_counts(path: Path) -> None:
    found = run(path, ["app"], "stats count(*) as n", start=BEGIN + 60_000, end=BEGIN + 120_000)
    assert found["results"] == [[["n", "2"]]]


def test_a_limit_of_the_request_holds_unless_the_query_has_one(path: Path) -> None:
    assert len(ask(path, "fields user", limit=2)) == 2
    assert len(ask(path, "fields user | limit 3", limit=2)) == 3


@pytest.mark.parametrize(
    ("text", "said", "start"),
    [
        ("filter code >", "unexpected end of the query", 13),
        ("select *", "unexpected symbol found select at line 1 and position 0", 0),
        ("fields user\n| filter code ! 3", "unexpected symbol found ! at line 2 and position 14", 26),
        ("filter nope(code)", "unsupported function nope", 7),
        ("stats user by code", "stats takes aggregates", 6),
        ("filter count(*) > 1", "unsupported function count", 7),
        ("parse @message 'a*b*' as x", "the pattern has 2 parts, and 1 names are given", 15),
        ("filter user like /(/", "invalid regular expression", 17),
        ("limit 0", "limit must be from 1 to 10000", 6),
        ("fields user | pattern @message", "forebay does not offer the command pattern", 14),
        ("filter (code = 3", "unexpected end of the query", 16),
        ("filter " + "(" * 100 + "1", "nested too deeply", 67),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(path: Path, text: str, said: str, start: int) -> None:
    with pytest.raises(Malformed, match=r".") as raised:
        ask(path, text)
    assert said in raised.value.message
    assert raised.value.extra["start"] == start


def test_a_query_ends_when_its_time_is_over(path: Path) -> None:
    with pytest.raises(Stopped) as raised:
        ask(path, "stats count(*)", longest=-1)
    assert raised.value.code == "Timeout"


def test_memory_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "MOST_HELD", 2)
    monkeypatch.setattr(commands, "MOST_DISTINCT", 2)
    monkeypatch.setattr(aggregates, "MOST_DISTINCT", 2)
    for text in (
        "stats count(*) by @timestamp",
        "dedup @timestamp",
        "sort user, code",
        "stats count_distinct(@timestamp)",
    ):
        with pytest.raises(DataRejected, match="more than 2"):
            ask(path, text)
