"""SelectObjectContent through boto3: CSV, JSON and Parquet, compressed or not, and what it refuses."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError, EventStreamError

from tests.harness import System, until
from tests.wire.s3 import new_bucket, refused
from tests.wire.sdk import serving

system = serving("name: selected\n", sql=True)

PEOPLE = b'name,age,city\n"Ann ""A"", I",31,Oslo\nBob,7,\n#gone,1,x\nCid,120,Rome\n'
DOCUMENT = json.dumps(
    {
        "Rules": [{"id": "id-1", "size": 1}, {"expr": "y < x"}, {"id": "id-2", "size": 2.50}],
        "at": "2020-01-31T",
    }
).encode()
LINES = b'{"a": {"b": 1}, "t": ["x", "y"], "n": null}\n{"a": {"b": 2}, "t": ["z"]}\n{"a": {"b": 30}, "big": 123456789012345678901}\n'
USE = {"CSV": {"FileHeaderInfo": "USE"}}
JSON_OUT: dict[str, Any] = {"JSON": {}}


@pytest.fixture(scope="module")
def bucket(s3: Any) -> str:
    name = new_bucket(s3)
    sink = io.BytesIO()
    table = pa.table({"Id": [1, 2, 3], "name": ["x", None, "z"], "deep": [{"v": 1}, {"v": 2}, None]})
    pq.write_table(table, sink)
    for key, body in {
        "people.csv": PEOPLE,
        "people.csv.gz": gzip.compress(PEOPLE),
        "people.csv.bz2": bz2.compress(PEOPLE),
        "document.json": DOCUMENT,
        "lines.json": LINES,
        "rows.parquet": sink.getvalue(),
        "empty": b"",
    }.items():
        s3.put_object(Bucket=name, Key=key, Body=body)
    return name


def events(
    s3: Any, bucket: str, key: str, sql: str, read: Any, *, write: Any = JSON_OUT, **more: Any
) -> list[Any]:
    answer = s3.select_object_content(
        Bucket=bucket,
        Key=key,
        Expression=sql,
        ExpressionType="SQL",
        InputSerialization=read,
        OutputSerialization=write,
        **more,
    )
    return list(answer["Payload"])


def found(s3: Any, bucket: str, key: str, sql: str, read: Any, *, write: Any = JSON_OUT, **more: Any) -> str:
    several = events(s3, bucket, key, sql, read, write=write, **more)
    assert several[-1] == {"End": {}}
    return b"".join(each["Records"]["Payload"] for each in several if "Records" in each).decode()


def rows(s3: Any, bucket: str, key: str, sql: str, read: Any, **more: Any) -> list[Any]:
    return [json.loads(line) for line in found(s3, bucket, key, sql, read, **more).splitlines()]


def test_a_csv_file_is_read_by_its_header_and_answered_as_json(s3: Any, bucket: str) -> None:
    sql = "SELECT s.Name, CAST(s.age AS INT) AS years FROM S3Object s WHERE s.age > 10 AND s.city LIKE '_o%e'"
    assert rows(s3, bucket, "people.csv", sql, USE) == [{"Name": "Cid", "years": 120}]
    everything = rows(s3, bucket, "people.csv", "SELECT * FROM S3Object", USE)
    assert everything[0] == {"name": 'Ann "A", I', "age": "31", "city": "Oslo"}
    assert everything[1]["city"] == ""


def test_columns_have_places_where_there_is_no_header(s3: Any, bucket: str) -> None:
    sql = "SELECT _1, s._3 FROM S3Object s LIMIT 2"
    assert rows(s3, bucket, "people.csv", sql, {"CSV": {"FileHeaderInfo": "IGNORE"}}) == [
        {"_1": 'Ann "A", I', "_3": "Oslo"},
        {"_1": "Bob", "_3": ""},
    ]
    assert rows(s3, bucket, "people.csv", "SELECT COUNT(*) FROM S3Object", {"CSV": {}}) == [{"_1": 4}]


@pytest.mark.parametrize(("key", "kind"), [("people.csv.gz", "GZIP"), ("people.csv.bz2", "BZIP2")])
def test_compressed_files_and_what_is_counted_of_them(s3: Any, bucket: str, key: str, kind: str) -> None:
    several = events(
        s3, bucket, key, "SELECT AVG(age), MAX(name) FROM S3Object", USE | {"CompressionType": kind}
    )
    assert several[0] == {
        "Records": {"Payload": b'{"_1":52.666666666666666666666666666666666667,"_2":"Cid"}\n'}
    }
    size = s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
    counts = several[1]["Stats"]["Details"]
    returned = len(several[0]["Records"]["Payload"])
    assert counts == {"BytesScanned": size, "BytesProcessed": len(PEOPLE), "BytesReturned": returned}


def test_csv_is_written_with_the_delimiters_that_are_asked_for(s3: Any, bucket: str) -> None:
    write: dict[str, Any] = {"CSV": {"FieldDelimiter": ";", "RecordDelimiter": "|"}}
    sql = "SELECT name, age FROM S3Object"
    assert found(s3, bucket, "people.csv", sql, USE, write=write) == '"Ann ""A"", I";31|Bob;7|Cid;120|'
    write["CSV"] |= {"QuoteFields": "ALWAYS", "QuoteCharacter": "'"}
    assert found(s3, bucket, "people.csv", sql + " LIMIT 1", USE, write=write) == "'Ann \"A\", I';'31'|"


def test_csv_is_read_with_the_delimiters_that_are_said(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="odd", Body=b"a;'x\\'y;\nz'\n!no\nb;\xc3\xa9\r\n")
    form = {"FieldDelimiter": ";", "QuoteCharacter": "'", "QuoteEscapeCharacter": "\\", "Comments": "!"}
    whole = {"CSV": {**form, "AllowQuotedRecordDelimiter": True}}
    assert rows(s3, bucket, "odd", "SELECT _2 FROM S3Object", whole) == [{"_2": "x'y;\nz"}, {"_2": "é"}]
    assert rows(s3, bucket, "odd", "SELECT _1 FROM S3Object", {"CSV": form}) == [
        {"_1": "a"},
        {"_1": "z'"},
        {"_1": "b"},
    ]


def test_a_json_document_is_taken_apart_by_from(s3: Any, bucket: str) -> None:
    read = {"JSON": {"Type": "DOCUMENT"}}
    assert found(s3, bucket, "document.json", "SELECT id FROM S3Object[*].Rules[*].id", read) == (
        '{"id":"id-1"}\n{}\n{"id":"id-2"}\n'
    )
    sql = "SELECT r.id, r.size * 2 FROM S3Object[*].Rules[*] r WHERE r.id IS NOT MISSING"
    assert found(s3, bucket, "document.json", sql, read) == '{"id":"id-1","_2":2}\n{"id":"id-2","_2":5.0}\n'
    sql = (
        "SELECT EXTRACT(YEAR FROM CAST(at AS TIMESTAMP)), DATE_ADD(month, 1, TO_TIMESTAMP(at)) FROM S3Object"
    )
    assert rows(s3, bucket, "document.json", sql, read) == [{"_1": 2020, "_2": "2020-02-29T"}]


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("SELECT _1.size FROM S3Object[*].Rules[*] WHERE _1.id = 'id-1'", '{"size":1}\n'),
        ("SELECT _1.* FROM S3Object[*].Rules[*] LIMIT 1", '{"id":"id-1","size":1}\n'),
        ("SELECT * FROM S3Object[*].Rules[0].*", '{"_1":"id-1"}\n{"_1":1}\n'),
        ("SELECT * FROM S3Object[*].Rules[*].* r LIMIT 3", '{"_1":"id-1"}\n{"_1":1}\n{"_1":"y < x"}\n'),
        ("SELECT * FROM S3Object[*].Rules[0][*]; ", '{"id":"id-1","size":1}\n'),
    ],
)
def test_a_wildcard_in_from_makes_rows_of_what_is_in_a_list_or_an_object(
    s3: Any, bucket: str, sql: str, wanted: str
) -> None:
    assert found(s3, bucket, "document.json", sql, {"JSON": {"Type": "DOCUMENT"}}) == wanted


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        ("TRIM(BOTH '12' FROM '1112211foobar22211122')", "foobar"),
        ("TRIM(LEADING '1' FROM '11foo1')", "foo1"),
        ("TRIM(TRAILING '1' FROM '1foo11')", "1foo"),
        ("TRIM('1' FROM '1foo1')", "foo"),
        ("TRIM(TRAILING FROM ' foo ')", " foo"),
        ("TRIM(' foo ')", "foo"),
    ],
)
def test_what_is_trimmed_is_spaces_or_the_characters_that_are_named(
    s3: Any, bucket: str, call: str, wanted: str
) -> None:
    assert rows(s3, bucket, "people.csv", f"SELECT {call} FROM S3Object LIMIT 1;", USE) == [{"_1": wanted}]


def test_json_lines_with_lists_and_fields_below_fields(s3: Any, bucket: str) -> None:
    read = {"JSON": {"Type": "LINES"}}
    sql = "SELECT s.a.b, s.t[0] AS first FROM S3Object s WHERE 'y' IN s.t OR s.a.b BETWEEN 2 AND 3"
    assert found(s3, bucket, "lines.json", sql, read) == '{"b":1,"first":"x"}\n{"b":2,"first":"z"}\n'
    sql = "SELECT SUM(s.a.b), COUNT(s.n), COUNT(*) FROM S3Object s"
    assert rows(s3, bucket, "lines.json", sql, read) == [{"_1": 33, "_2": 0, "_3": 3}]
    sql = "SELECT big, CASE WHEN s.a.b > 9 THEN 'much' ELSE 'little' END AS how FROM S3Object s WHERE big IS NOT NULL"
    assert found(s3, bucket, "lines.json", sql, read) == '{"big":123456789012345678901,"how":"much"}\n'
    write: dict[str, Any] = {"CSV": {}}
    assert (
        found(s3, bucket, "lines.json", "SELECT t, n FROM S3Object LIMIT 1", read, write=write)
        == '"[""x"",""y""]",\n'
    )


def test_parquet(s3: Any, bucket: str) -> None:
    sql = "SELECT s.id, s.deep.v FROM S3Object s WHERE s.name IS NOT NULL"
    assert rows(s3, bucket, "rows.parquet", sql, {"Parquet": {}}) == [{"id": 1, "v": 1}, {"id": 3}]
    assert rows(s3, bucket, "rows.parquet", "SELECT COUNT(*) FROM S3Object", {"Parquet": {}}) == [{"_1": 3}]
    sql = "SELECT s.*, s.id + 1 AS next FROM S3Object s LIMIT 1"
    assert (
        found(s3, bucket, "rows.parquet", sql, {"Parquet": {}})
        == '{"Id":1,"name":"x","deep":{"v":1},"next":2}\n'
    )
    assert rows(s3, bucket, "rows.parquet", "SELECT s.* FROM S3Object s LIMIT 1", {"Parquet": {}}) == [
        {"Id": 1, "name": "x", "deep": {"v": 1}}
    ]


def test_ranges_that_meet_have_each_record_once(s3: Any, bucket: str) -> None:
    body = b"n,t\n" + b"".join(b"%d,%s\n" % (n, b"x" * (n % 7)) for n in range(200))
    s3.put_object(Bucket=bucket, Key="ranges", Body=body)
    seen: list[int] = []
    for start in range(0, len(body), 97):
        span = {"Start": start, "End": min(start + 96, len(body))}
        several = rows(s3, bucket, "ranges", "SELECT n FROM S3Object", USE, ScanRange=span)
        seen += [int(each["n"]) for each in several]
    assert seen == list(range(200))
    last = rows(s3, bucket, "ranges", "SELECT n FROM S3Object", USE, ScanRange={"End": 12})
    assert [each["n"] for each in last] == ["199"]


def test_a_large_answer_comes_in_pieces_with_progress(s3: Any, bucket: str) -> None:
    body = b"".join(b'{"n": %d, "text": "%s"}\n' % (n, b"x" * 200) for n in range(5000))
    s3.put_object(Bucket=bucket, Key="large", Body=body)
    read = {"JSON": {"Type": "LINES"}}
    several = events(s3, bucket, "large", "SELECT * FROM S3Object", read, RequestProgress={"Enabled": True})
    parts = [each["Records"]["Payload"] for each in several if "Records" in each]
    assert len(parts) > 3
    whole = b"".join(parts)
    assert [json.loads(line)["n"] for line in whole.splitlines()] == list(range(5000))
    done = next(each["Progress"]["Details"] for each in reversed(several) if "Progress" in each)
    assert done == several[-2]["Stats"]["Details"]
    assert done == {"BytesScanned": len(body), "BytesProcessed": len(body), "BytesReturned": len(whole)}


def test_an_object_under_a_key_of_the_callers(s3: Any, bucket: str) -> None:
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}
    s3.put_object(Bucket=bucket, Key="sealed", Body=PEOPLE, **key)
    assert rows(s3, bucket, "sealed", "SELECT COUNT(*) FROM S3Object", USE, **key) == [{"_1": 3}]
    with pytest.raises(ClientError, match="must be provided"):
        events(s3, bucket, "sealed", "SELECT COUNT(*) FROM S3Object", USE)


def test_nothing_is_found_in_nothing(s3: Any, bucket: str) -> None:
    for read in (USE, {"JSON": {"Type": "LINES"}}, {"JSON": {"Type": "DOCUMENT"}}):
        assert rows(s3, bucket, "empty", "SELECT COUNT(*), SUM(1) FROM S3Object", read) == [
            {"_1": 0, "_2": None}
        ]
        assert found(s3, bucket, "empty", "SELECT * FROM S3Object", read) == ""


@pytest.mark.parametrize(
    ("code", "sql"),
    [
        ("ParseUnsupportedSelect", "DELETE FROM S3Object"),
        ("ParseSelectMissingFrom", "SELECT 1"),
        ("ParseEmptySelect", "SELECT FROM S3Object"),
        ("BadTableName", "SELECT * FROM people"),
        ("UnsupportedFunction", "SELECT SQRT(age) FROM S3Object"),
        ("UnsupportedSqlStructure", "SELECT city FROM S3Object GROUP BY city"),
        ("UnsupportedSqlStructure", "SELECT city, COUNT(*) FROM S3Object"),
        ("UnsupportedSqlStructure", "SELECT * FROM S3Object WHERE COUNT(*) > 1"),
        ("MultipleDataSourcesUnsupported", "SELECT * FROM S3Object a, S3Object b"),
        ("ParseMalformedJoin", "SELECT * FROM S3Object a JOIN S3Object b"),
        ("ParseAsteriskIsNotAloneInSelectList", "SELECT *, age FROM S3Object"),
        ("ParseExpectedTypeName", "SELECT CAST(age AS nothing) FROM S3Object"),
        ("ParseCastArity", "SELECT CAST(age) FROM S3Object"),
        ("ParseExpectedDatePart", "SELECT EXTRACT(century FROM age) FROM S3Object"),
        ("ParseUnsupportedCallWithStar", "SELECT SUM(*) FROM S3Object"),
        ("EvaluatorInvalidArguments", "SELECT NULLIF(age) FROM S3Object"),
        ("ParseUnexpectedToken", "SELECT * FROM S3Object WHERE ="),
        ("LexerInvalidLiteral", "SELECT 'open FROM S3Object"),
        ("LexerInvalidChar", "SELECT ; FROM S3Object"),
        ("LexerInvalidChar", "SELECT 1 FROM S3Object;;"),
        ("ParseUnsupportedSyntax", "SELECT " + "(" * 500 + "1" + ")" * 500 + " FROM S3Object"),
        ("LexerInvalidLiteral", "SELECT 1" + "0" * 5000 + " FROM S3Object"),
        ("CastFailed", "SELECT CAST('1e999999999' AS INT) FROM S3Object"),
        ("ExpressionTooLong", "SELECT '" + "x" * (256 << 10) + "' FROM S3Object"),
        ("MissingHeaders", "SELECT salary FROM S3Object"),
        ("InvalidColumnIndex", "SELECT _0 FROM S3Object"),
        ("CastFailed", "SELECT CAST(name AS INT) FROM S3Object"),
        ("IllegalSqlFunctionArgument", "SELECT 1 / 0 FROM S3Object"),
        ("IntegerOverflow", "SELECT 9223372036854775807 + 1 FROM S3Object"),
        ("IncorrectSqlFunctionArgumentType", "SELECT SUM(name) FROM S3Object"),
        ("LikeInvalidInputs", "SELECT * FROM S3Object WHERE name LIKE 'a!' ESCAPE '!'"),
    ],
)
def test_statements_that_are_refused(s3: Any, bucket: str, code: str, sql: str) -> None:
    this = {"Bucket": bucket, "Key": "people.csv", "ExpressionType": "SQL", "Expression": sql}
    refused(code, s3.select_object_content, 400, **this, InputSerialization=USE, OutputSerialization=JSON_OUT)


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("InvalidExpressionType", {"ExpressionType": "XPATH"}),
        ("MissingRequiredParameter", {"Expression": ""}),
        ("MissingRequiredParameter", {"InputSerialization": {"CompressionType": "NONE"}}),
        ("MissingRequiredParameter", {"InputSerialization": {"JSON": {}}}),
        ("ObjectSerializationConflict", {"InputSerialization": {"CSV": {}, "JSON": {"Type": "LINES"}}}),
        ("InvalidFileHeaderInfo", {"InputSerialization": {"CSV": {"FileHeaderInfo": "MAYBE"}}}),
        ("InvalidJsonType", {"InputSerialization": {"JSON": {"Type": "TREE"}}}),
        ("InvalidQuoteFields", {"OutputSerialization": {"CSV": {"QuoteFields": "SOME"}}}),
        ("InvalidCompressionFormat", {"InputSerialization": {"CSV": {}, "CompressionType": "RAR"}}),
        ("InvalidCompressionFormat", {"InputSerialization": {"CSV": {}, "CompressionType": "GZIP"}}),
        ("InvalidRequestParameter", {"InputSerialization": {"CSV": {"FieldDelimiter": "ab"}}}),
        ("JSONParsingError", {"InputSerialization": {"JSON": {"Type": "LINES"}}}),
        ("ParquetParsingError", {"InputSerialization": {"Parquet": {}}}),
        ("InvalidScanRange", {"ScanRange": {"Start": 9, "End": 1}}),
        ("NoSuchKey", {"Key": "nothing"}),
        ("NoSuchBucket", {"Bucket": "nothing-at-all"}),
    ],
)
def test_requests_that_are_refused(s3: Any, bucket: str, code: str, given: dict[str, Any]) -> None:
    this = {
        "Bucket": bucket,
        "Key": "people.csv",
        "Expression": "SELECT * FROM S3Object",
        "ExpressionType": "SQL",
        "InputSerialization": USE,
        "OutputSerialization": JSON_OUT,
    }
    refused(code, s3.select_object_content, 404 if code.startswith("NoSuch") else 400, **(this | given))


def test_objects_that_are_not_what_they_are_said_to_be(s3: Any, bucket: str) -> None:
    gzipped = gzip.compress(os.urandom(2000).hex().encode())
    lines, everything = {"JSON": {"Type": "LINES"}}, "SELECT * FROM S3Object"
    for key, body, read, code, sql in (
        ("cut", gzipped[:-900], {"CSV": {}, "CompressionType": "GZIP"}, "TruncatedInput", everything),
        ("latin", b"a,\xff\xfe\n", {"CSV": {}}, "InvalidTextEncoding", everything),
        ("long", b"x" * (5 << 20), {"CSV": {}}, "OverMaxRecordSize", everything),
        ("twice", b'{"AB": 1, "Ab": 2}', lines, "AmbiguousFieldName", "SELECT s.ab FROM S3Object s"),
        ("deep", b"[" * 100_000, lines, "JSONParsingError", everything),
    ):
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        with pytest.raises((ClientError, EventStreamError), match=code):
            found(s3, bucket, key, sql, read)


def test_an_answer_that_is_cut_off_says_so_and_the_next_is_whole(
    system: System, s3: Any, bucket: str
) -> None:
    lines = gzip.compress((b'{"text": "' + b"x" * 1000 + b'"}\n') * 20_000, 1)
    s3.put_object(Bucket=bucket, Key="whole", Body=lines)
    s3.put_object(Bucket=bucket, Key="cut-off", Body=lines * 50)  # whose answer takes several seconds
    read = {"JSON": {"Type": "LINES"}, "CompressionType": "GZIP"}
    answer = s3.select_object_content(
        Bucket=bucket,
        Key="cut-off",
        Expression="SELECT * FROM S3Object",
        ExpressionType="SQL",
        InputSerialization=read,
        OutputSerialization=JSON_OUT,
    )
    pieces = iter(answer["Payload"])
    assert "Records" in next(pieces)
    system.kill("query")
    with pytest.raises(EventStreamError, match="InternalError"):
        list(pieces)
    until(lambda: system.query("select 1") == [[1]])
    assert rows(s3, bucket, "whole", "SELECT COUNT(*) FROM S3Object", read) == [{"_1": 20_000}]


def test_what_goes_wrong_later_is_said_within_the_stream(s3: Any, bucket: str) -> None:
    body = b"".join(b"%d,%s\n" % (n, b"x" * 100) for n in range(5000)) + b"none,x\n"
    s3.put_object(Bucket=bucket, Key="late", Body=body)
    with pytest.raises(EventStreamError, match="CastFailed"):
        events(s3, bucket, "late", "SELECT CAST(_1 AS INT), _2 FROM S3Object", {"CSV": {}})
