"""INSERT INTO a table of the catalog: the delivery that writes it is written to; a table nobody writes is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.project.load import load
from forebay.project.model import Ref
from forebay.sections import SECTIONS
from forebay.streamsql.section import StreamSqlSpec
from tests.conftest import Running
from tests.projects import project

SOURCE = """\
CREATE TABLE clicks (kind STRING, price DOUBLE)
WITH ('connector' = 'kinesis', 'stream' = 'clicks', 'scan.stream.initpos' = 'TRIM_HORIZON');
"""
PROJECT = """\
name: shop
streams:
  clicks: {}
delivery:
  dear: {to: lake.shop/dear/, table: dear, columns: {kind: string, price: double}, buffer: {seconds: 60}}
  any: {to: lake.shop/any/, table: lake.any, buffer: {seconds: 60}}
  over: {to: lake.shop/over/}
  read: {from: streams.clicks, to: lake.shop/read/, table: read}
  clean: {to: lake.shop/clean/, table: clean, transform: select kind from events}
  one: {to: lake.shop/both/}
  other: {to: lake.shop/both/}
catalog:
  over: {location: lake.shop/over/, format: json, columns: {Kind: string, n: bigint}}
  lone: {location: lake.shop/lone/, format: json, columns: {kind: string}}
  both: {location: lake.shop/both/, format: json, columns: {kind: string}}
streamsql:
  a: streams/a.sql
"""


def test_rows_are_in_the_table_at_once_and_check_says_by_which_delivery(
    running: Running, tmp_path: Path
) -> None:
    text = """\
INSERT INTO dear SELECT kind, price FROM clicks WHERE price > 2;
INSERT INTO shop.over (n, kind) SELECT 7, UPPER(kind) FROM clicks WHERE price < 2;
INSERT INTO lake.any SELECT kind AS what, price * 2 AS twice FROM clicks;
"""
    folder = project(tmp_path / "p", PROJECT, **{"streams/a.sql": SOURCE + text})
    system = running(folder)
    assert {
        "  streamsql.a writes the table shop.dear by delivery.dear",
        "  streamsql.a writes the table shop.over by delivery.over",
        "  streamsql.a writes the table lake.any by delivery.any",
    } <= set(system.cli("check", str(folder)).out.splitlines())
    rows = [{"kind": "a", "price": 1}, {"kind": "b", "price": 3.5}]
    system.call(
        "front",
        "append",
        target="streams.clicks",
        records=[str(row).replace("'", '"').encode() for row in rows],
    )
    system.until(lambda: system.query("select * from dear") == [["b", 3.5]])
    system.until(lambda: system.query("select kind, n from over") == [["A", 7]])
    system.until(
        lambda: system.query("select what, twice from lake.any order by 1") == [["a", 2.0], ["b", 7.0]]
    )
    ledger = system.until(lambda: (found := system.status()["ledger"])["total"]["adds_up"] and found)
    assert ledger["streamsql.a/delivery.dear"]["delivered"] == 1


def test_the_project_knows_what_is_written(tmp_path: Path) -> None:
    text = SOURCE + "INSERT INTO Dear SELECT kind, price FROM clicks;"
    found, findings = load(project(tmp_path, PROJECT, **{"streams/a.sql": text}), SECTIONS)
    assert found is not None, findings
    (insert,) = found.of(StreamSqlSpec)["a"].inserts.values()
    assert (insert.from_, insert.to, insert.table) == (
        Ref("streams", "clicks"),
        Ref("delivery", "dear"),
        "shop.dear",
    )


@pytest.mark.parametrize(
    ("insert", "message", "fix"),
    [
        (
            "lone SELECT kind FROM clicks",
            "no delivery writes shop.lone",
            "a delivery with `table: lone` does",
        ),
        (
            "read SELECT kind FROM clicks",
            "delivery.read writes shop.read, and reads streams.clicks",
            "streams.clicks",
        ),
        (
            "clean SELECT kind FROM clicks",
            "delivery.clean transforms what is put to it, and makes the rows of shop.clean of that",
            "'delivery-stream' = 'clean'",
        ),
        ("both SELECT kind FROM clicks", "delivery.one and delivery.other write shop.both", "say which"),
        ("nowhere SELECT kind FROM clicks", "there is no table nowhere", "the table of a delivery"),
        ("dear SELECT price, kind FROM clicks", "price is DOUBLE, and dear.kind is STRING", "CAST"),
        ("dear SELECT kind FROM clicks", "dear takes 2 columns, and the query gives 1", ""),
    ],
)
def test_a_table_that_cannot_be_written_is_refused_with_what_can(
    tmp_path: Path, insert: str, message: str, fix: str
) -> None:
    text = f"{SOURCE}INSERT INTO {insert};"
    (finding,) = load(project(tmp_path, PROJECT, **{"streams/a.sql": text}), SECTIONS)[1]
    assert finding.message == message
    assert fix in (finding.fix or "")
    assert (finding.file, finding.line) == ("streams/a.sql", 3)
