"""Rows of a table are its objects, its hot segments and what others put into its folder, each exactly once."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from forebay.errors import QueryFailed
from forebay.event import encode_records
from forebay.query import output
from forebay.readers import no_readers
from forebay.streams.reader import opener
from tests.query.world import World, line

EVENTS = [{"element_clicked": f"entree_{i}", "time_spent": i} for i in range(10)]
HOUR = "clicks/2026/01/31/09/"


def test_a_delivered_object_is_rows_with_the_partition_of_its_key(world: World) -> None:
    world.clicks()
    world.events(HOUR + "a.gz", EVENTS)
    result = world.ask(
        "SELECT element_clicked, time_spent, created_at, datehour FROM clicks ORDER BY 2 LIMIT 1"
    )
    assert list(result.cells()) == [["entree_0", "0", None, "2026/01/31/09"]]
    assert [(c.name, c.type) for c in result.columns] == [
        ("element_clicked", "varchar"), ("time_spent", "integer"), ("created_at", "varchar"), ("datehour", "varchar"),
    ]  # fmt: skip
    assert result.stats.tables == ["shop.clicks"]
    assert result.stats.scanned_bytes > 0


def test_hot_rows_are_seen_before_they_are_delivered(world: World) -> None:
    world.clicks()
    world.events(HOUR + "a.gz", EVENTS)
    buffer = world.buffer(HOUR)
    assert world.one("SELECT count(*) FROM clicks") == "10"
    world.segment(buffer, [line(element_clicked="hot", time_spent=1)])
    assert world.one("SELECT count(*) FROM clicks") == "11"
    world.segment(buffer, [line(element_clicked="hotter", time_spent=2), line(time_spent=3)])
    assert world.cells(
        "SELECT element_clicked, datehour FROM clicks WHERE element_clicked LIKE 'hot%' ORDER BY 1"
    ) == [
        ["hot", "2026/01/31/09"],
        ["hotter", "2026/01/31/09"],
    ]
    assert world.ask("SELECT * FROM clicks").stats.hot_rows == 3


def test_a_flush_moves_rows_without_showing_them_twice_or_not_at_all(world: World) -> None:
    """Between each two steps of a flush the count is the same."""
    world.clicks()
    buffer = world.buffer(HOUR)
    records = [line(time_spent=i) for i in range(100)]
    for i in range(0, 100, 10):
        world.segment(buffer, records[i : i + 10])
    counts = [world.one("SELECT count(*) FROM clicks")]
    world.db.execute("UPDATE buffers SET state = 'flushing'")
    world.db.execute(
        "INSERT INTO intents(buffer, bucket, key, created) VALUES (?, 'lake', ?, 0)",
        (buffer, HOUR + "f.json"),
    )
    counts.append(world.one("SELECT count(*) FROM clicks"))
    data = b"\n".join(records) + b"\n"
    world.file(HOUR + "f.json", data)  # renamed into place, not yet registered
    counts.append(world.one("SELECT count(*) FROM clicks"))
    with world.db:
        world.register(HOUR + "f.json", data)
        world.db.execute("DELETE FROM segments")
        world.db.execute("DELETE FROM intents")
        world.db.execute("DELETE FROM buffers")
    counts.append(world.one("SELECT count(*) FROM clicks"))
    assert counts == ["100"] * 4
    assert world.one("SELECT count(DISTINCT time_spent) FROM clicks") == "100"


def test_a_replaced_object_is_not_rows_though_its_file_is_still_there(world: World) -> None:
    world.clicks()
    world.events(HOUR + "old.json", EVENTS)
    world.db.execute("UPDATE objects SET state = 'replaced', gone_after = 0")
    world.events(HOUR + "new.json", EVENTS[:4])
    assert world.one("SELECT count(*) FROM clicks") == "4"


def test_nothing_that_a_query_may_have_planned_is_removed_while_it_runs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect, removable = output.collect, []

    def collected(*given: Any) -> Any:
        with no_readers(world.layout.lake) as nobody:
            removable.append(nobody)
        return collect(*given)

    monkeypatch.setattr(output, "collect", collected)
    world.clicks()
    assert world.one("SELECT count(*) FROM clicks") == "0"
    with no_readers(world.layout.lake) as nobody:
        removable.append(nobody)
    assert removable == [False, True]


def test_files_that_somebody_put_into_the_folder_are_rows(world: World) -> None:
    world.clicks()
    assert world.one("SELECT count(*) FROM clicks") == "0"
    path = world.file(HOUR + "foreign.json", line(time_spent=1) + b"\n")
    assert world.one("SELECT count(*) FROM clicks") == "1"
    world.file("clicks/2026/01/31/10/more.json.gz", gzip.compress(line(time_spent=2)))
    assert world.one("SELECT count(*) FROM clicks") == "2"
    path.write_bytes(line(time_spent=1) + b"\n" + line(time_spent=5) + b"\n")
    assert world.one("SELECT count(*) FROM clicks") == "3"
    path.unlink()
    assert world.one("SELECT sum(time_spent) FROM clicks") == "2"


@pytest.mark.parametrize("name", ["_SUCCESS", ".hidden.json", "_temporary/part.json"])
def test_hidden_names_are_not_looked_at(world: World, name: str) -> None:
    world.table("t", [("a", "int")])
    world.file(f"t/{name}", line(a=1))
    world.object(f"t/{name}2", line(a=1))
    assert world.one("SELECT count(*) FROM t") == "0"


def test_objects_outside_of_buckets_are_found_by_their_path(world: World) -> None:
    """A key that is no path lies under lake/.keys, with its key in the catalog."""
    world.table("t", [("a", "int")])
    path = world.layout.keys / "lake" / "abc"
    path.parent.mkdir(parents=True)
    path.write_bytes(line(a=7))
    world.db.execute(
        "INSERT INTO objects(bucket, key, size, etag, modified, path) VALUES ('lake', 't/p//q', 7, 'e', 0, ?)",
        (os.fspath(path.relative_to(world.layout.root)),),
    )
    assert world.cells('SELECT a, "$path" FROM t') == [["7", "s3://lake/t/p//q"]]


def test_path_names_the_object_of_each_row_and_star_does_not_show_it(world: World) -> None:
    world.table("t", [("a", "int")])
    world.object("t/1.json", line(a=1))
    world.object("t/2.json", line(a=2))
    assert world.cells('SELECT "$path", t.* FROM t ORDER BY a') == [
        ["s3://lake/t/1.json", "1"],
        ["s3://lake/t/2.json", "2"],
    ]
    assert [c.name for c in world.ask("SELECT * FROM t").columns] == ["a"]


def test_csv_segments_do_not_lose_their_first_row_to_a_header_that_comes_with_the_file(world: World) -> None:
    world.table(
        "t", [("a", "int"), ("b", "string")], format="csv", parameters={"skip.header.line.count": "1"}
    )
    buffer = world.buffer("t/", meta={"format": "csv", "header": "a,b"})
    world.segment(buffer, [b"1,x"])
    world.segment(buffer, [b"2,y"])
    world.object("t/f.csv", b"a,b\n3,z\n")
    assert world.cells("SELECT * FROM t ORDER BY a") == [["1", "x"], ["2", "y"], ["3", "z"]]


def test_raw_segments_are_read_as_the_file_will_be(world: World) -> None:
    """Raw bytes have no newline of ours: a line may begin in one segment and end in another."""
    world.table("t", [("a", "int")])
    buffer = world.buffer("t/", meta={"format": "raw"})
    world.segment(buffer, [b'{"a":1}\n{"a"'])
    world.segment(buffer, [b':2}\n{"a":3}', b"\n"])
    assert world.cells("SELECT a FROM t ORDER BY a") == [["1"], ["2"], ["3"]]


def test_arrow_segments_join_parquet_objects(world: World, tmp_path: Path) -> None:
    world.table(
        "t", [("id", "bigint"), ("name", "string"), ("new", "double")], format="parquet", kind="managed"
    )
    rows = pa.table({"ID": pa.array([1, 2], pa.int32()), "name": ["a", "b"]})
    from pyarrow import parquet

    sink = pa.BufferOutputStream()
    parquet.write_table(rows, sink)
    world.object("t/old.parquet", sink.getvalue().to_pybytes())
    buffer = world.buffer("t/", meta={"format": "parquet"})
    world.segment(buffer, pa.table({"name": ["c"], "id": pa.array([3], pa.int64()), "new": [1.5]}))
    assert world.cells("SELECT id, name, new FROM t ORDER BY id") == [
        ["1", "a", None],
        ["2", "b", None],
        ["3", "c", "1.5"],
    ]


def test_a_table_over_several_deliveries_shows_them_all(world: World) -> None:
    world.table("all_data", [("a", "int")])
    for name in ("cat1", "cat2"):
        world.segment(world.buffer(f"all_data/{name}/", delivery=name), [line(a=1)])
    world.segment(world.buffer("all_data_else/", delivery="x"), [line(a=1)])
    assert world.one("SELECT count(*) FROM all_data") == "2"


def test_a_widened_table_reads_what_was_decoded_before_anew(world: World) -> None:
    world.table("t", [("a", "int")])
    world.object("t/1.json", line(a=1, b="x"))
    assert world.cells("SELECT * FROM t") == [["1"]]
    world.table("t", [("a", "double"), ("b", "string")])
    assert world.cells("SELECT * FROM t") == [["1.0", "x"]]


def test_the_stamp_changes_when_rows_do_and_only_then(world: World) -> None:
    world.clicks()
    sql = "SELECT count(*) FROM clicks"
    seen = [world.engine.stamp(sql, "shop")]

    def now() -> str:
        seen.append(world.engine.stamp(sql, "shop"))
        return seen[-1]

    assert now() == seen[0]
    buffer = world.buffer(HOUR)
    world.segment(buffer, [line(time_spent=1)])
    assert now() != seen[-2]
    assert now() == seen[-2]
    world.events(HOUR + "a.json", EVENTS)
    assert now() != seen[-2]
    world.table("other", [("a", "int")])
    world.object("other/1.json", line(a=1))
    assert now() == seen[-2]
    assert world.engine.stamp("SELECT 1", "shop") == world.engine.stamp("SELECT 1", "shop")


@pytest.mark.parametrize("format", ["parquet", "json"])
def test_a_table_whose_columns_are_still_to_come_can_be_asked(world: World, format: str) -> None:
    world.table("new", [], format=format)
    assert world.one("SELECT count(*) FROM new") == "0"
    result = world.ask("SELECT * FROM new")
    assert (result.columns, list(result.rows())) == ([], [])


def test_columns_may_be_qualified_by_database_and_table(world: World) -> None:
    world.table("t", [("a", "int"), ("s", "struct<b:int>")])
    world.object("t/1.json", b'{"a": 1, "s": {"b": 2}}')
    assert world.cells("SELECT shop.t.a, t.a, t.s.b, s.b FROM shop.t WHERE shop.t.a = 1") == [
        ["1", "1", "2", "2"]
    ]
    assert world.cells('SELECT a FROM "AwsDataCatalog"."shop"."t"') == [["1"]]


def test_rows_past_the_bound_are_cut_and_said(world: World) -> None:
    world.clicks()
    world.events(HOUR + "a.json", EVENTS)
    result = world.ask("SELECT time_spent FROM clicks ORDER BY 1", max_rows=3)
    assert (result.table.num_rows, result.truncated) == (3, True)
    result = world.ask("SELECT time_spent FROM clicks ORDER BY 1", max_rows=10)
    assert (result.table.num_rows, result.truncated) == (10, False)


def test_a_lake_without_a_catalog_has_no_tables(tmp_path: Path) -> None:
    from forebay.layout import Layout
    from forebay.query.engine import QueryEngine

    layout = Layout(tmp_path / "state")
    engine = QueryEngine(layout, open_log=opener(layout))
    try:
        assert list(engine.query("SELECT 1 + 1", "x").cells()) == [["2"]]
        with pytest.raises(QueryFailed, match="SCHEMA_NOT_FOUND"):
            engine.query("SELECT * FROM t", "x")
    finally:
        engine.close()


def test_views_are_expanded_and_may_name_views(world: World) -> None:
    world.table("orders_processed", [("id", "int"), ("amount", "double"), ("day", "date")], format="csv")
    world.object("orders_processed/a.csv", b"1,10.5,2025-01-02\n2,4.5,2025-02-03\n")
    world.table("v1", [], kind="view", view_sql="SELECT id AS order_id, amount, day FROM orders_processed")
    world.table("v2", [], kind="view", view_sql="SELECT order_id, date_format(day, '%Y-%m') AS m FROM v1")
    assert world.cells("SELECT * FROM v2 WHERE m = '2025-02'") == [["2", "2025-02"]]
    world.table("loop", [], kind="view", view_sql="SELECT * FROM loop")
    with pytest.raises(QueryFailed, match="nested too deep"):
        world.ask("SELECT * FROM loop")


def test_a_segment_that_is_json_in_json(world: World) -> None:
    """Structs, arrays and maps come out of hot rows and objects alike."""
    world.table("t", [("s", "struct<a:int,b:array<string>>"), ("m", "map<string,int>")])
    event = {"s": {"A": 1, "b": ["x", "y"]}, "m": {"k": 1}}
    world.object("t/a.json", json.dumps(event).encode())
    world.segment(world.buffer("t/"), [json.dumps(event).encode()])
    assert world.cells("SELECT * FROM t") == [["{a=1, b=[x, y]}", "{k=1}"]] * 2
    assert world.cells("SELECT s.a, m['k'], s.b[2] FROM t LIMIT 1") == [["1", "1", "y"]]
    assert encode_records([]) is not None
