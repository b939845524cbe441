"""Partition columns: registered, projected (and never enumerated), or in the folders' names."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from forebay.errors import QueryFailed
from forebay.query.partitions import java_date
from tests.query.world import World, line


def keys(world: World, sql: str) -> list[str | None]:
    return [row[0] for row in world.cells(sql)]


def test_projected_hours_are_matched_and_pruned(world: World) -> None:
    world.clicks()
    for hour in ("2026/01/31/09", "2026/01/31/10", "2026/02/01/00"):
        world.object(f"clicks/{hour}/a.json", line(time_spent=1))
    everything = world.ask("SELECT * FROM clicks").stats.scanned_bytes
    result = world.ask("SELECT count(*) FROM clicks WHERE datehour >= '2026/01/31/10' AND time_spent = 1")
    assert list(result.cells()) == [["2"]]
    assert result.stats.scanned_bytes * 3 == everything * 2
    result = world.ask("SELECT count(*) FROM clicks WHERE datehour = '2026/01/31/' || '09'")
    assert (list(result.cells()), result.stats.scanned_bytes * 3) == ([["1"]], everything)
    assert keys(world, "SELECT datehour FROM clicks WHERE datehour LIKE '2026/02%'") == ["2026/02/01/00"]
    assert keys(
        world, "SELECT datehour FROM clicks WHERE datehour BETWEEN '2026/01/31/10' AND '2026/01/31/23'"
    ) == ["2026/01/31/10"]
    assert keys(
        world, "SELECT datehour FROM clicks WHERE substr(datehour, 12) IN ('09', '00') ORDER BY 1"
    ) == [
        "2026/01/31/09",
        "2026/02/01/00",
    ]


def test_a_predicate_on_the_clock_prunes(world: World) -> None:
    world.clicks()
    now = dt.datetime.now(dt.UTC)
    for back in (0, 5):
        at = now - dt.timedelta(hours=back)
        world.object(at.strftime("clicks/%Y/%m/%d/%H/a.json"), line(time_spent=back))
    recent = "datehour >= date_format(now() - INTERVAL '1' HOUR, '%Y/%m/%d/%H')"
    result = world.ask(f"SELECT time_spent FROM clicks WHERE {recent}")
    assert list(result.cells()) == [["0"]]
    assert result.stats.scanned_bytes == len(line(time_spent=0))


def test_hot_rows_of_other_partitions_are_not_read(world: World) -> None:
    world.clicks()
    for hour in ("09", "10"):
        world.segment(world.buffer(f"clicks/2026/01/31/{hour}/"), [line(time_spent=int(hour))])
    result = world.ask("SELECT time_spent FROM clicks WHERE datehour = '2026/01/31/10'")
    assert (list(result.cells()), result.stats.hot_rows) == ([["10"]], 1)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM clicks c LEFT JOIN clicks d ON c.datehour = d.datehour WHERE c.datehour = 'x'",
        "SELECT count(*) FROM clicks c LEFT JOIN clicks d ON c.datehour = d.datehour AND d.time_spent > 5 WHERE d.datehour IS NULL",
        "SELECT count(*) FROM clicks WHERE datehour = '2026/01/31/09' OR time_spent = 10",
        "SELECT count(*) FROM clicks WHERE datehour IN (SELECT max(datehour) FROM clicks)",
        "SELECT count(*) FROM clicks WHERE NOT datehour = '2026/01/31/09'",
        "SELECT (SELECT count(*) FROM clicks i WHERE i.datehour = o.datehour) FROM clicks o WHERE o.datehour > '2026/01/31/09'",
        "WITH c AS (SELECT * FROM clicks WHERE datehour > '2026/01/31/09') SELECT count(*) FROM c, clicks",
    ],
)
def test_pruning_never_changes_an_answer(world: World, sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world.clicks()
    for hour in ("09", "10", "11"):
        world.object(f"clicks/2026/01/31/{hour}/a.json", line(time_spent=int(hour)))
    pruned = world.cells(sql)
    monkeypatch.setattr("forebay.query.sql.rewrite.conditions", lambda tree, use: [])
    assert world.cells(sql + " ") == pruned


@pytest.mark.parametrize(
    ("key", "there"),
    [
        ("clicks/2026/01/31/09/a.json", True),
        ("clicks/2020/12/31/23/a.json", False),  # before the range
        ("clicks/2199/01/01/00/a.json", False),  # after NOW
        ("clicks/2026/13/01/00/a.json", False),  # no such month
        ("clicks/2026/1/31/09/a.json", False),
        ("clicks/a.json", False),
        ("clicks/2026/01/31/09/deeper/a.json", True),
        ("elsewhere/2026/01/31/09/a.json", False),
    ],
)
def test_what_lies_outside_of_the_projection_is_no_row(world: World, key: str, there: bool) -> None:
    world.clicks()
    world.object(key, line(time_spent=1))
    assert world.one("SELECT count(*) FROM clicks") == str(int(there))


def projection(column: str, **settings: str) -> dict[str, str]:
    return {f"projection.{column}.{name.replace('_', '.')}": value for name, value in settings.items()}


@pytest.mark.parametrize(
    ("kind", "settings", "path", "expected"),
    [
        ("int", {"type": "integer", "range": "1,12", "digits": "2"}, "07", "7"),
        ("int", {"type": "integer", "range": "1,12", "digits": "2"}, "7", None),
        ("int", {"type": "integer", "range": "1,12"}, "13", None),
        ("int", {"type": "integer", "range": "0,100", "interval": "5"}, "35", "35"),
        ("int", {"type": "integer", "range": "0,100", "interval": "5"}, "36", None),
        ("string", {"type": "enum", "values": "eu, us"}, "us", "us"),
        ("string", {"type": "enum", "values": "eu,us"}, "ap", None),
        ("string", {"type": "injected"}, "any-thing", "any-thing"),
        ("string", {"type": "date", "format": "yyyy-MM-dd", "range": "2024-01-01,NOW"}, "2024-02-29", "2024-02-29"),
        ("string", {"type": "date", "format": "yyyy-MM-dd", "range": "2024-01-01,NOW"}, "2023-02-29", None),
        ("date", {"type": "date", "format": "yyyy-MM-dd", "range": "NOW-3YEARS,NOW"}, "2025-02-03", "2025-02-03"),
        ("string", {"type": "date", "format": "yyyy/MM", "range": "2024/01,2024/12", "interval": "3", "interval_unit": "MONTHS"}, "2024/07", "2024/07"),
        ("string", {"type": "date", "format": "yyyy/MM", "range": "2024/01,2024/12", "interval": "3", "interval_unit": "MONTHS"}, "2024/08", None),
        ("string", {"type": "date", "format": "yyyyMMdd'T'HH", "range": "20240101T00,NOW"}, "20240203T04", "20240203T04"),
        ("string", {"type": "date", "format": "yyyy/MM/dd/HH", "range": "2024/01/01/00,NOW", "interval": "6", "interval_unit": "HOURS"}, "2024/01/02/12", "2024/01/02/12"),
        ("string", {"type": "date", "format": "yyyy/MM/dd/HH", "range": "2024/01/01/00,NOW", "interval": "6", "interval_unit": "HOURS"}, "2024/01/02/13", None),
    ],
)  # fmt: skip
def test_kinds_of_projection(
    world: World, kind: str, settings: dict[str, str], path: str, expected: str | None
) -> None:
    parameters = {
        "projection.enabled": "true",
        **projection("p", **settings),
        "storage.location.template": "s3://lake/t/x/${p}/",
    }
    world.table("t", [("a", "int")], keys=[("p", kind)], parameters=parameters)
    world.object(f"t/x/{path}/a.json", line(a=1))
    assert keys(world, "SELECT p FROM t") == ([] if expected is None else [expected])


def test_without_a_template_a_projection_is_hive_folders(world: World) -> None:
    parameters = {
        "projection.enabled": "true",
        **projection("y", type="integer", range="2020,2030"),
        **projection("c", type="enum", values="eu,us"),
    }
    world.table("t", [("a", "int")], keys=[("y", "int"), ("c", "string")], parameters=parameters)
    world.object("t/y=2026/c=eu/a.json", line(a=1))
    world.object("t/y=2031/c=eu/a.json", line(a=2))
    assert world.cells("SELECT * FROM t") == [["1", "2026", "eu"]]


def test_a_template_may_name_a_column_twice(world: World) -> None:
    parameters = {
        "projection.enabled": "true",
        **projection("r", type="enum", values="eu,us"),
        "storage.location.template": "s3://lake/t/${r}/all/${r}/",
    }
    world.table("t", [("a", "int")], keys=[("r", "string")], parameters=parameters)
    world.object("t/eu/all/eu/a.json", line(a=1))
    world.object("t/eu/all/us/a.json", line(a=2))
    assert world.cells("SELECT * FROM t") == [["1", "eu"]]


@pytest.mark.parametrize(
    "parameters",
    [
        {"projection.enabled": "true"},
        {"projection.enabled": "true", "projection.p.type": "weekly"},
        {"projection.enabled": "true", **projection("p", type="date", range="2024,NOW", format="QQQ")},
        {"projection.enabled": "true", **projection("p", type="injected"), "storage.location.template": "s3://lake/t/"},
        {"projection.enabled": "true", **projection("p", type="injected"), "storage.location.template": "s3://lake/t/${q}/"},
        {"projection.enabled": "true", **projection("p", type="integer", range="a,b")},
    ],
)  # fmt: skip
def test_a_projection_that_cannot_be_is_a_clear_error(world: World, parameters: dict[str, str]) -> None:
    world.table("t", [("a", "int")], keys=[("p", "string")], parameters=parameters)
    with pytest.raises(QueryFailed, match="INVALID_TABLE_PROPERTY"):
        world.ask("SELECT * FROM t")


def test_folders_named_like_the_columns_are_partitions(world: World) -> None:
    world.table("t", [("a", "int")], keys=[("day", "date"), ("city", "string")])
    world.object("t/day=2026-01-02/city=S%C3%A3o%20Paulo/a.json", line(a=1))
    world.object("t/day=2026-01-03/city=__HIVE_DEFAULT_PARTITION__/a.json", line(a=2))
    world.object("t/day=2026-01-03/a.json", line(a=3))
    world.object("t/DAY=2026-01-04/City=x/a.json", line(a=4))
    assert world.cells("SELECT * FROM t ORDER BY a") == [
        ["1", "2026-01-02", "São Paulo"],
        ["2", "2026-01-03", None],
        ["4", "2026-01-04", "x"],
    ]
    assert world.cells("SELECT a FROM t WHERE day > DATE '2026-01-03'") == [["4"]]
    assert world.cells("SELECT a FROM t WHERE city IS NULL") == [["2"]]


def test_registered_partitions_may_lie_anywhere(world: World) -> None:
    table = world.table("t", [("a", "int")], keys=[("y", "string")], owner="wire")
    world.partition(table, ["2025"], "s3://lake/t/some/2025/")
    world.partition(table, ["2024"], "s3://archive/old/")
    world.object("t/some/2025/a.json", line(a=1))
    world.object("t/some/2026/a.json", line(a=2))
    world.object("t/y=2027/a.json", line(a=3))
    world.object("old/a.json", line(a=4), bucket="archive")
    assert world.cells("SELECT * FROM t ORDER BY a") == [["1", "2025"], ["4", "2024"]]
    world.partition(table, ["2026"], "s3://lake/t/some/2026")
    assert world.cells("SELECT * FROM t ORDER BY a") == [["1", "2025"], ["2", "2026"], ["4", "2024"]]
    assert world.cells("SHOW PARTITIONS t") == [["y=2024"], ["y=2025"], ["y=2026"]]


def test_partition_values_survive_in_copies(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forebay.query.copies.KEPT_OBJECTS", 2)
    world.clicks()
    for hour in range(6):
        world.object(f"clicks/2026/01/31/{hour:02d}/a.json", line(time_spent=hour))
        world.ask("SELECT count(*) FROM clicks")
        world.engine.wait()
    assert world.cells(
        "SELECT datehour, time_spent FROM clicks WHERE datehour > '2026/01/31/03' ORDER BY 1"
    ) == [
        ["2026/01/31/04", "4"],
        ["2026/01/31/05", "5"],
    ]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("yyyy/MM/dd/HH", "%Y/%m/%d/%H"),
        ("yyyyMMdd'T'HHmm", "%Y%m%dT%H%M"),
        ("dd-MMM-yyyy", "%d-%b-%Y"),
        ("yyyy''MM", "%Y'%m"),
    ],
)
def test_java_s_date_letters(pattern: str, expected: Any) -> None:
    assert java_date(pattern)[1] == expected
