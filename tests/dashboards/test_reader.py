"""Dashboards are read in full: every finding has its place, and what is sound is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.alerts.section import AlertSpec
from forebay.dashboards.model import Dashboard
from forebay.dashboards.reader import read
from forebay.dashboards.section import DashboardSpec
from forebay.project.finding import Finding
from forebay.project.model import Project
from forebay.query.section import NamedQuerySpec

GOOD = """\
title: Evening
description: What guests look at
range: 24h
filters:
  menu: {label: Menu, column: source_menu, sql: select distinct source_menu from clicks}
tiles:
  - title: Clicks
    kind: number
    query: select count(*) from clicks where at >= ${start} and ${where}
    compare: day
    format: integer
  - title: Clicks
    kind: line
    query: top
    y: [a, b]
    width: 12
  - {title: File, kind: table, query: queries/other.sql, timezone: UTC, database: other}
  - {kind: text, text: "**Hello**"}
"""


def reading(root: Path, text: str) -> tuple[Dashboard | None, list[Finding]]:
    (root / "dashboards").mkdir(exist_ok=True)
    (root / "queries").mkdir(exist_ok=True)
    (root / "dashboards/evening.yaml").write_text(text)
    (root / "queries/other.sql").write_text("select 2;\n")
    project = Project(
        name="restaurant",
        root=str(root),
        timezone="Europe/Berlin",
        day_starts="04:00",
        sections={
            "dashboards": {"evening": DashboardSpec(file="dashboards/evening.yaml")},
            "alerts": {"burst": AlertSpec(sql="select 1", when="> 0")},
            "query": {"top": NamedQuerySpec(sql="select a, b from t", database="elsewhere")},
        },
    )
    made, findings = read(project)
    return made.get("evening"), findings


def test_a_dashboard_takes_what_it_does_not_say_from_the_project(tmp_path: Path) -> None:
    board, findings = reading(tmp_path, GOOD)
    assert findings == []
    assert board is not None
    assert (board.title, board.range, board.timezone, board.day_starts) == (
        "Evening",
        "24h",
        "Europe/Berlin",
        "04:00",
    )
    clicks, line, file, text = board.tiles
    assert (clicks.id, clicks.width, clicks.timezone, clicks.database) == (
        "clicks",
        3,
        "Europe/Berlin",
        "restaurant",
    )
    assert (line.id, line.sql, line.query, line.database, line.y) == (
        "clicks-2",
        "select a, b from t",
        "top",
        "elsewhere",
        ("a", "b"),
    )
    assert (file.sql, file.timezone, file.database) == ("select 2", "UTC", "other")
    assert text.text == "**Hello**"


@pytest.mark.parametrize(
    ("text", "code", "line", "says"),
    [
        ("filtres: {}\ntiles: [{kind: text, text: a}]", "UnknownKey", 1, "did you mean filters?"),
        ("title: a", "NoTiles", 1, "tiles"),
        ("tiles: []", "NoTiles", 1, "tiles"),
        ("", "EmptyFile", 0, "title"),
        ("a: [", "BadYaml", 2, ""),
        ("- a", "WrongType", 1, "mapping"),
        ("range: tody\ntiles: [{kind: text, text: a}]", "BadRange", 1, "today"),
        ("timezone: Mars\ntiles: [{kind: text, text: a}]", "UnknownTimezone", 1, "Europe/Berlin"),
        ("day_starts: 25:00\ntiles: [{kind: text, text: a}]", "BadDayStart", 1, "04:00"),
        ("tiles:\n  - {kind: lin, query: select 1}", "UnknownWord", 2, "did you mean line?"),
        ("tiles:\n  - {query: select 1}", "NoKind", 2, "number"),
        ("tiles:\n  - {kind: line}", "NoQuery", 2, "SELECT"),
        ("tiles:\n  - {kind: line, query: tpo}", "UnknownQuery", 2, "did you mean top?"),
        ("tiles:\n  - {kind: line, query: queries/nope.sql}", "UnreadableFile", 2, "nope.sql"),
        ("tiles:\n  - {kind: line, query: ../../etc/passwd.sql}", "UnreadableFile", 2, "outside the project"),
        ("tiles:\n  - {kind: line, query: select 1, width: 13}", "BadNumber", 2, "1 to 12"),
        ("tiles:\n  - {kind: line, query: select 1, sort: up}", "BadSort", 2, "value desc"),
        ("tiles:\n  - {kind: line, query: select 1, format: percnt}", "UnknownWord", 2, "did you mean percent?"),
        ("tiles:\n  - {kind: line, query: select 1, horizontal: maybe}", "WrongType", 2, "true or false"),
        ("tiles:\n  - {kind: line, query: select 1, compare: day}", "KeyOfOtherKind", 2, "number tile"),
        ("tiles:\n  - {kind: number, query: select 1, compare: day}", "NothingToCompare", 2, "${start}"),
        ("tiles:\n  - {kind: text}", "NoText", 2, "text"),
        ("tiles:\n  - {kind: text, text: a, query: select 1}", "KeyOfOtherKind", 2, "no query"),
        ("tiles:\n  - kind: line\n    query: select ${strat} from t", "UnknownParameter", 3, "did you mean start?"),
        ("tiles:\n  - kind: line\n    query: select '${start}' from t", "QuotedParameter", 3, "without the quotes"),
        ("filters: {a b: {}}\ntiles: [{kind: text, text: a}]", "BadName", 1, "letters"),
        ("filters: {a: {type: number, default: x}}\ntiles: [{kind: text, text: a}]", "BadFilterValue", 1, "number"),
        ("tiles:\n  - {kind: alarm, alarms: [burts]}", "UnknownAlert", 2, "did you mean burst?"),
        ("tiles:\n  - {kind: alarm, states: [ALARMED]}", "UnknownWord", 2, "did you mean ALARM?"),
        ("tiles:\n  - {kind: alarm, sort_by: newest}", "UnknownWord", 2, "timestamp"),
        ("tiles:\n  - {kind: alarm, query: select 1}", "KeyOfOtherKind", 2, "no query"),
        ("tiles:\n  - {kind: line, query: select 1, alarms: [burst]}", "KeyOfOtherKind", 2, "kind: alarm"),
        ("title: a\ntitle: b\ntiles: [{kind: text, text: a}]", "DuplicateKey", 2, "twice"),
    ],
)  # fmt: skip
def test_each_mistake_is_a_finding_at_its_line(
    tmp_path: Path, text: str, code: str, line: int, says: str
) -> None:
    _, findings = reading(tmp_path, text)
    assert [(each.code, each.line, each.file) for each in findings] == [
        (code, line, "dashboards/evening.yaml")
    ]
    assert says in " ".join(filter(None, (findings[0].message, findings[0].why, findings[0].fix)))


def test_all_mistakes_are_found_at_once_and_the_sound_tiles_stay(tmp_path: Path) -> None:
    board, findings = reading(
        tmp_path,
        "rang: today\ntiles:\n  - {kind: lin, query: select 1}\n  - {kind: number, query: select 1}\n  - {kind: pie}\n",
    )
    assert [each.line for each in findings] == [1, 3, 5]
    assert board is not None
    assert [tile.kind for tile in board.tiles] == ["number"]


def test_a_tile_of_alarms_needs_nothing_and_takes_the_words_of_cloudwatch_s_widget(tmp_path: Path) -> None:
    board, findings = reading(
        tmp_path,
        "tiles:\n  - {kind: alarm}\n"
        "  - {kind: alarm, title: Holding, alarms: burst, states: [ALARM], sort_by: stateUpdatedTimestamp}\n",
    )
    assert findings == []
    assert board is not None
    every, holding = board.tiles
    assert (every.id, every.title, every.alarms, every.states) == ("alarm-status", "Alarm status", (), ())
    assert (every.live, every.sql, every.sort_by) == (True, "", "default")
    assert (holding.alarms, holding.states) == (("burst",), ("ALARM",))


def test_a_file_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    project = Project(
        name="r",
        root=str(tmp_path),
        sections={"dashboards": {"gone": DashboardSpec(file="dashboards/gone.yaml")}},
    )
    made, findings = read(project)
    assert made == {}
    assert [(each.code, each.file) for each in findings] == [("UnreadableFile", "dashboards/gone.yaml")]
