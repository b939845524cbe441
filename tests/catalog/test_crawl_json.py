"""JSON and Parquet as AWS's built-in classifiers read them, packed or not."""

from __future__ import annotations

import bz2
import gzip
import io
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from forebay.catalog.crawl.json import classify
from forebay.catalog.crawl.types import said
from tests.catalog.crawled import Lake


def columns(text: str, *, whole: bool = True) -> dict[str, str]:
    found = classify(text, whole=whole)
    assert found is not None
    return {name: said(kind) for name, kind in found.columns.items()}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("1", "int"),
        ("2147483647", "int"),
        ("2147483648", "bigint"),
        ("1.5", "double"),
        ("1e3", "double"),
        ("true", "boolean"),
        ('"x"', "string"),
        ('"2025-01-01"', "string"),
        ("null", "string"),
        ("[]", "array<string>"),
        ("[1, 2.5]", "array<double>"),
        ("{}", "string"),
        ('{"a": {"b": [1]}}', "struct<a:struct<b:array<int>>>"),
        ('[{"a": 1}, {"b": "x"}]', "array<struct<a:int,b:string>>"),
        ("[[1], [2]]", "array<array<int>>"),
    ],
)
def test_a_value_has_awss_type(value: str, kind: str) -> None:
    assert columns(f'{{"v": {value}}}') == {"v": kind}


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        ("1", "2147483648", "bigint"),
        ("1", "1.5", "double"),
        ("1", '"x"', "string"),
        ("null", "1", "int"),
        ("true", "1", "string"),
        ('{"a": 1}', '{"b": 2}', "struct<a:int,b:int>"),
        ('{"a": 1}', "5", "string"),
        ("[1]", '["x"]', "array<string>"),
    ],
)
def test_records_that_differ_are_merged(first: str, second: str, kind: str) -> None:
    assert columns(f'{{"v": {first}}}\n{{"v": {second}}}') == {"v": kind}


def test_fields_come_in_the_order_in_which_they_are_first_seen() -> None:
    assert list(columns('{"b": 1, "a": 1}\n{"c": 1, "a": 2}\n')) == ["b", "a", "c"]


def test_objects_may_follow_one_another_without_lines_and_span_lines() -> None:
    text = json.dumps({"id": 1, "tags": ["a"]}, indent=2)
    assert columns(text) == {"id": "int", "tags": "array<string>"}
    assert columns(text + text) == {"id": "int", "tags": "array<string>"}
    assert columns('{"id": 1}{"id": 2.5}') == {"id": "double"}


def test_an_array_is_one_column() -> None:
    assert columns('[{"id": 1}, {"id": 2, "x": "y"}]') == {"array": "array<struct<id:int,x:string>>"}


def test_a_record_or_an_array_that_is_cut_off_is_read_as_far_as_it_goes() -> None:
    assert columns('{"id": 1}\n{"id": 2, "na', whole=False) == {"id": "int"}
    assert columns('[{"id": 1}, {"id": 2}, {"i', whole=False) == {"array": "array<struct<id:int>>"}


def test_names_are_in_lower_case_and_paths_as_spelt(lake: Lake) -> None:
    lake.put({"ev/a.json": '{"userId": 1, "Name": "x"}\n'})
    lake.crawl("ev/")
    assert lake.columns("ev") == {"userid": "int", "name": "string"}
    assert lake.tables()["ev"]["serde_parameters"] == {"paths": "Name,userId"}


def test_pythons_own_spelling_is_read_as_the_serde_reads_it() -> None:
    record = str({"event_id": "1", "n": 2, "gone": None, "ok": True})
    assert columns(record + "\n" + record) == {
        "event_id": "string",
        "n": "int",
        "gone": "string",
        "ok": "boolean",
    }


def test_text_that_is_no_json_is_none() -> None:
    assert classify("hello\n", whole=True) is None
    assert classify("[INFO] started\n[INFO] done\n", whole=True) is None
    assert classify("{not json}\n{nor this}\n", whole=True) is None
    assert classify("{" * 100_000, whole=True) is None


def packed(text: str) -> dict[str, tuple[bytes, str]]:
    raw = text.encode()
    codec = pa.Codec("snappy")
    block = codec.compress(raw, asbytes=True)
    hadoop = len(raw).to_bytes(4, "big") + len(block).to_bytes(4, "big") + block
    return {
        "a.json.gz": (gzip.compress(raw), "gzip"),
        "a.json.bz2": (bz2.compress(raw), "bzip2"),
        "a.json.zst": (zstandard.compress(raw), "zstd"),
        "a.json.snappy": (hadoop, "snappy"),
        "a.snappy": (block, "snappy"),
    }


@pytest.mark.parametrize("name", list(packed("")))
def test_packed_files_are_read_and_their_packing_is_told(lake: Lake, name: str) -> None:
    content, compression = packed('{"id": 1}\n{"id": 2}\n')[name]
    lake.put({f"ev/{name}": content})
    lake.crawl("ev/")
    doc = lake.tables()["ev"]
    assert doc["columns"] == [["id", "int"]]
    assert (doc["parameters"]["compressionType"], doc["compressed"]) == (compression, True)


def test_files_are_only_begun_to_be_read(lake: Lake) -> None:
    """A gzip bomb, and a file whose later records differ."""
    lake.put({"ev/a.json.gz": gzip.compress(b'{"id": 1}\n' + b" " * (200 << 20), 1)})
    lake.crawl("ev/")
    assert lake.columns("ev") == {"id": "int"}


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def test_parquet_has_the_types_of_its_own_schema(lake: Lake) -> None:
    table = pa.table(
        {
            "Id": pa.array([1], pa.int32()),
            "big": pa.array([1], pa.int64()),
            "small": pa.array([1], pa.int16()),
            "f": pa.array([1.0], pa.float32()),
            "d": pa.array([1.0], pa.float64()),
            "price": pa.array([Decimal("1.25")], pa.decimal128(10, 2)),
            "ok": pa.array([True]),
            "day": pa.array([0], pa.date32()),
            "at": pa.array([0], pa.timestamp("us")),
            "raw": pa.array([b"x"]),
            "tags": pa.array([["a"]]),
            "who": pa.array([{"Name": "x", "age": 1}]),
            "props": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int32())),
        }
    )
    lake.put({"t/part-0.parquet": parquet(table)})
    lake.crawl("t/")
    assert lake.columns("t") == {
        "id": "int",
        "big": "bigint",
        "small": "smallint",
        "f": "float",
        "d": "double",
        "price": "decimal(10,2)",
        "ok": "boolean",
        "day": "date",
        "at": "timestamp",
        "raw": "binary",
        "tags": "array<string>",
        "who": "struct<name:string,age:bigint>",
        "props": "map<string,int>",
    }
    doc = lake.tables()["t"]
    assert doc["parameters"]["classification"] == "parquet"
    assert doc["parameters"]["recordCount"] == "1"
    assert doc["input_format"].endswith("MapredParquetInputFormat")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<?xml version='1.0'?><a><b/></a>", "XML"),
        (b"Obj\x01\x04\x14avro.codec", "Avro"),
        (b"ORC\x0a\x0b", "ORC"),
        (b"PAR1 and then nothing", "Parquet"),
        (b"\x00\x01\x02\xff\xfe" * 20, "neither text"),
        (b"one line of words", "no classifier"),
    ],
)
def test_what_is_not_read_is_unknown_and_said(lake: Lake, content: bytes, reason: str) -> None:
    lake.put({"x/file": content})
    changes = lake.crawl("x/")
    doc = lake.tables()["x"]
    assert (doc["parameters"]["classification"], doc["columns"]) == ("UNKNOWN", [])
    assert any(reason in note for note in changes["notes"])
