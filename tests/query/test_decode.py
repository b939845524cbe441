"""The one decoder: what a SerDe makes of lines."""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import zstandard

from forebay.errors import QueryFailed
from forebay.query.decode import Lines, decoder, decompress, shape
from forebay.query.decode.lenient import NotJson, read
from forebay.query.types import parse_type

LAZY = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
OPENCSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"


def rows(
    data: bytes,
    columns: Mapping[str, str],
    *,
    format: str = "json",
    serde: str | None = None,
    skip: int = 0,
    **settings: str,
) -> list[dict[str, Any]]:
    """The lines of `data` as rows; `_` in a setting's name stands for a dot."""
    said = {name.replace("_", "."): value for name, value in settings.items()}
    typed = [(name, parse_type(kind)) for name, kind in columns.items()]
    lines = Lines()
    lines.add("s3://b/k", data, skip=skip)
    connection = duckdb.connect()
    try:
        table: pa.Table = decoder(shape(format, typed, serde, said, {})).decode(connection, lines)
    finally:
        connection.close()
    found: list[dict[str, Any]] = table.to_pylist()
    return found


moment = dt.datetime.fromisoformat


def first(data: bytes, kind: str, **settings: str) -> Any:
    """The column `a` of the first line."""
    return rows(data, {"a": kind}, **settings)[0]["a"]  # type: ignore[arg-type]


def test_a_line_is_a_row_and_a_missing_key_is_null() -> None:
    got = rows(b'{"a": 1, "b": "x"}\n\n   \n{"b": "y", "c": 3}\r\n', {"a": "int", "b": "string"})
    assert got == [{"a": 1, "b": "x"}, {"a": None, "b": "y"}]


def test_keys_match_without_regard_to_case_at_every_depth() -> None:
    data = b'{"A": 1, "S": {"Inner": [{"X": 2}]}}\n{"a": 3, "s": {"inner": [{"x": 4}]}}'
    got = rows(data, {"a": "int", "s": "struct<inner:array<struct<x:int>>>"})
    assert got == [{"a": 1, "s": {"inner": [{"x": 2}]}}, {"a": 3, "s": {"inner": [{"x": 4}]}}]


def test_another_word_is_another_key() -> None:
    """The real payload that spells created_at as createdAt has no created_at."""
    assert first(b'{"createdAt": "x"}', "string") is None


def test_case_matters_where_the_serde_says_so() -> None:
    assert first(b'{"A": 1}', "int", case_insensitive="false") is None


def test_a_mapping_names_the_key_of_a_column() -> None:
    assert first(b'{"TheKey": 5}', "int", mapping_a="TheKey") == 5


def test_dots_in_keys_become_underscores() -> None:
    assert rows(b'{"a.b": 1}', {"a_b": "int"}, dots_in_keys="true") == [{"a_b": 1}]


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("67", "string", "67"),
        ("true", "string", "true"),
        ('{"x": [1, 2]}', "string", '{"x":[1,2]}'),
        ('"67"', "int", 67),
        ('"x"', "int", None),
        ("3.7", "int", None),
        ("3.0", "int", 3),
        ("99999999999", "int", None),
        ("99999999999", "bigint", 99999999999),
        ('"1.5"', "double", 1.5),
        ("1.25", "decimal(5,2)", "1.25"),
        ('"true"', "boolean", True),
        ("{}", "int", None),
        ('[1, "2", "x"]', "array<int>", [1, 2, None]),
        ("5", "array<int>", None),
        ('{"k": 1}', "map<string,int>", [("k", 1)]),
        ('"2022-09-11 23:00:00"', "timestamp", moment("2022-09-11 23:00:00")),
        ('"2022-09-11T23:00:00.5Z"', "timestamp", moment("2022-09-11 23:00:00.500000")),
        ("1662937200", "timestamp", moment("2022-09-11 23:00:00")),
        ("1662937200000", "timestamp", moment("2022-09-11 23:00:00")),
        ('"1662937200.5"', "timestamp", moment("2022-09-11 23:00:00.500000")),
        ('"2022–09–11 23:00:00"', "timestamp", None),
        ('"2022-09-11"', "date", dt.date(2022, 9, 11)),
        ('"not a day"', "date", None),
        ("null", "string", None),
        ('"\\u00e9\\n"', "string", "é\n"),
    ],
)
def test_a_value_is_read_as_its_column_s_type_or_is_null(value: str, kind: str, expected: Any) -> None:
    got = first(f'{{"a": {value}}}'.encode(), kind)
    assert (str(got) if kind.startswith("decimal") else got) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{'a': 'it', 'b': 2}", "it"),
        ("{'a': \"it's\", 'n': None, 't': True}", "it's"),
        ("{a: it}", "it"),
        ("{'a'='it'; 'b' => 2,}", "it"),
        ('{"a": "it"}{"a": "that"}', "it"),
        ('{"a": "it"} and more', "it"),
        ('["it", 5]', "it"),
        ('{"a": "that", "a": "it"}', "it"),
        ("{'a': None}", "None"),
        ('\ufeff{"a": "it"}', "it"),
    ],
)
def test_what_openx_reads_is_read(text: str, expected: str) -> None:
    """Python's str(dict), keys without quotes, two objects on a line (the first is the row)..."""
    assert rows(text.encode(), {"a": "string", "b": "string"})[0]["a"] == expected


def test_odd_rows_among_many_keep_their_places() -> None:
    data = b"".join(b'{"a": %d}\n' % i if i % 7 else b"{'a': %d}\n" % i for i in range(1000))
    assert [row["a"] for row in rows(data, {"a": "int"})] == list(range(1000))


def test_a_line_that_is_no_json_is_an_error_that_names_the_place() -> None:
    with pytest.raises(QueryFailed) as refused:
        rows(b'header\n{"a": 1}\n\n{"a": 2\n', {"a": "int"}, skip=1)
    assert refused.value.code == "HIVE_BAD_DATA"
    assert refused.value.where == "s3://b/k line 4"


def test_a_malformed_line_is_nulls_where_the_serde_says_so() -> None:
    got = rows(b'{"a": 1}\nnonsense\n{"a": 2}', {"a": "int"}, ignore_malformed_json="true")
    assert got == [{"a": 1}, {"a": None}, {"a": 2}]


@pytest.mark.parametrize(
    "text",
    ["{", "}", "[", "{'a'", "{'a':", "{'a': 'x", "x", '{"a": "\\u12"}', "{" * 1000, "[" * 5000, "{,}"],
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(NotJson):
        read(text)


def test_nesting_thousands_deep_is_an_error_or_null_and_no_crash() -> None:
    deep = b'{"a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    try:
        assert rows(deep, {"a": "array<int>"})
    except QueryFailed as error:
        assert error.code == "HIVE_BAD_DATA"  # noqa: PT017 - either is an answer


def test_bytes_that_are_no_utf8_do_not_stop_the_others() -> None:
    got = rows(b'{"a": "\xff\xfe"}\n{"a": "ok"}', {"a": "string"})
    assert got == [{"a": "\ufffd\ufffd"}, {"a": "ok"}]


def test_nan_and_a_million_keys() -> None:
    assert str(first(b'{"a": NaN}', "double")) in ("nan", "None")
    many = b"{" + b",".join(b'"k%d":1' % i for i in range(20_000)) + b',"a":7}'
    assert first(many, "int") == 7


# ── CSV ─────────────────────────────────────────────────────────────────────────────────────────
def test_csv_with_quotes() -> None:
    data = b'id,name\r\n1,"a, ""b"""\r\n2,plain\r\n3\r\n4,x,extra\r\n'
    got = rows(data, {"id": "int", "name": "string"}, format="csv", skip=1)
    assert got == [
        {"id": 1, "name": 'a, "b"'},
        {"id": 2, "name": "plain"},
        {"id": 3, "name": None},
        {"id": 4, "name": "x"},
    ]


def test_csv_of_other_characters() -> None:
    got = rows(
        b"1|'a|b'|x\n",
        {"a": "int", "b": "string"},
        format="csv",
        serde=OPENCSV,
        separatorChar="|",
        quoteChar="'",
    )
    assert got == [{"a": 1, "b": "a|b"}]
    assert rows(b"1\tx\n", {"a": "int", "b": "string"}, format="csv", serde=LAZY, field_delim="\\t") == [
        {"a": 1, "b": "x"}
    ]


def test_lazy_simple_knows_no_quotes_and_null_is_backslash_n() -> None:
    got = rows(
        b'"a",\\N,3\n', {"a": "string", "b": "string", "c": "int"}, format="csv", serde=LAZY, field_delim=","
    )
    assert got == [{"a": '"a"', "b": None, "c": 3}]


def test_lazy_simple_arrays_and_maps() -> None:
    got = rows(
        b"1|2|3,x=1|y=2\n", {"l": "array<int>", "m": "map<string,int>"},
        format="csv", serde=LAZY, field_delim=",", collection_delim="|", mapkey_delim="=",
    )  # fmt: skip
    assert got == [{"l": [1, 2, 3], "m": [("x", 1), ("y", 2)]}]


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("3.7", "int", None),
        ("1e3", "bigint", None),
        (" 12", "int", 12),
        ("", "int", None),
        ("", "string", ""),
        ("2025-01-02", "date", dt.date(2025, 1, 2)),
        ("19724", "date", dt.date(2024, 1, 2)),
        ("2025-01-02 03:04:05", "timestamp", moment("2025-01-02 03:04:05")),
        ("1704164645000", "timestamp", moment("2024-01-02 03:04:05")),
        ("TRUE", "boolean", True),
        ("x", "double", None),
    ],
)
def test_a_field_is_read_as_its_column_s_type_or_is_null(text: str, kind: str, expected: Any) -> None:
    assert rows(f"{text},z\n".encode(), {"a": kind, "z": "string"}, format="csv")[0]["a"] == expected


def test_text_is_one_column() -> None:
    assert rows(b"a b,c\r\nd\n", {"line": "string"}, format="text") == [{"line": "a b,c"}, {"line": "d"}]


# ── compression ─────────────────────────────────────────────────────────────────────────────────
def _hadoop_snappy(data: bytes) -> bytes:
    block = bytes(pa.Codec("snappy").compress(data))
    return len(data).to_bytes(4, "big") + len(block).to_bytes(4, "big") + block


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("x.json", b"hello\n"),
        ("x.gz", gzip.compress(b"hello\n", mtime=0)),
        ("x.json.GZ", gzip.compress(b"hel", mtime=0) + gzip.compress(b"lo\n", mtime=0)),
        ("x.zst", zstandard.compress(b"hello\n")),
        ("x.snappy", _hadoop_snappy(b"hello\n")),
        ("x.snappy", bytes(pa.Codec("snappy").compress(b"hello\n"))),
        ("x.snappy", _hadoop_snappy(b"hel") + _hadoop_snappy(b"lo\n")),
    ],
)
def test_files_are_opened_by_their_extension(name: str, made: bytes) -> None:
    assert decompress(made, name) == b"hello\n"


@pytest.mark.parametrize("name", ["x.gz", "x.zst", "x.snappy"])
def test_what_is_not_what_its_extension_says_is_an_error(name: str) -> None:
    with pytest.raises(QueryFailed, match="HIVE_BAD_DATA"):
        decompress(b"this is neither", name)
