"""CSV as AWS's built-in classifier reads it: delimiters, the header rule, types."""

from __future__ import annotations

import pytest

from forebay.catalog.crawl.csv import Custom, classify
from tests.catalog.crawled import Lake


@pytest.mark.parametrize("delimiter", [",", "|", "\t", ";", "\x01"])
def test_the_documented_delimiters_are_found(lake: Lake, delimiter: str) -> None:
    rows = [["id", "name", "v"], ["1", "a", "1.5"], ["2", "b", "2.5"]]
    lake.put({"d/a.txt": "\n".join(delimiter.join(row) for row in rows) + "\n"})
    lake.crawl("d/")
    doc = lake.tables()["d"]
    assert doc["columns"] == [["id", "bigint"], ["name", "string"], ["v", "double"]]
    assert doc["parameters"]["delimiter"] == delimiter
    assert doc["serde_parameters"] == {"field.delim": delimiter}


def columns(text: str) -> dict[str, str]:
    found = classify(text, whole=True)
    assert found is not None
    return dict(found.columns)


def test_a_first_row_of_strings_above_other_types_is_the_header() -> None:
    found = classify("id,name\n1,a\n2,b\n", whole=True)
    assert found is not None
    assert found.header
    assert dict(found.columns) == {"id": "bigint", "name": "string"}


def test_where_all_columns_are_strings_there_is_no_header() -> None:
    found = classify("id,name\na,b\nc,d\n", whole=True)
    assert found is not None
    assert not found.header
    assert dict(found.columns) == {"col0": "string", "col1": "string"}


def test_a_first_row_with_a_number_is_no_header() -> None:
    assert columns("1,a\n2,b\n") == {"col0": "bigint", "col1": "string"}


def test_a_header_needs_content_in_all_columns_but_the_last() -> None:
    assert columns("id,,v\n1,a,2\n") == {"col0": "string", "col1": "string", "col2": "string"}
    assert list(columns("id,v,\n1,2,\n3,4,\n")) == ["id", "v", "col2"]


def test_a_header_of_150_characters_is_none() -> None:
    assert list(columns(f"{'x' * 150},v\n1,2\n")) == ["col0", "col1"]


def test_a_header_is_in_lower_case_and_keeps_its_blanks() -> None:
    assert list(columns("OrderID,Net Sales,Total($)\nA,b,1\n")) == ["orderid", "net sales", "total($)"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2"], "bigint"),
        (["007", "012"], "bigint"),
        (["1", "2.5"], "double"),
        (["1e3", "2"], "double"),
        (["9223372036854775807", "-1"], "bigint"),
        (["9223372036854775808", "1"], "double"),
        (["true", "False"], "boolean"),
        (["true", "1"], "string"),
        (["2025-02-10", "2025-02-11"], "string"),
        (["2025-02-10 10:00:00", "2025-02-11 10:00:00"], "string"),
        (["1", ""], "bigint"),
        (["", ""], "string"),
        (["12%", "3"], "string"),
    ],
)
def test_a_columns_type_holds_all_of_its_values(values: list[str], kind: str) -> None:
    rows = "".join(f"{i},{value}\n" for i, value in enumerate(values))
    assert columns(f"id,v\n{rows}")["v"] == kind


def test_quotes_hold_delimiters_and_line_ends_and_lines_may_end_in_crlf() -> None:
    text = 'id,who,n\r\n1,"Doe, Jane",3\r\n2,"two\r\nlines",4\r\n'
    assert columns(text) == {"id": "bigint", "who": "string", "n": "bigint"}


def test_one_column_or_one_row_is_no_csv() -> None:
    assert classify("id\n1\n2\n", whole=True) is None
    assert classify("id,name\n", whole=True) is None
    assert classify("just some words, with a comma\nand none here\nnor here\n", whole=True) is None


def test_a_last_line_that_is_cut_off_is_left_out() -> None:
    found = classify("id,v\n1,2\n3,fo", whole=False)
    assert found is not None
    assert dict(found.columns)["v"] == "bigint"


def test_a_custom_classifier_says_what_the_built_in_one_finds_out() -> None:
    found = classify("a;b\nc;d\n", whole=True, custom=Custom(delimiter=";", header="present"))
    assert found is not None
    assert dict(found.columns) == {"a": "string", "b": "string"}
    single = classify("a\n1\n2\n", whole=True, custom=Custom(delimiter=",", single=True))
    assert single is not None
    assert dict(single.columns) == {"a": "bigint"}


def test_parameters_of_a_csv_table_are_those_that_aws_sets(lake: Lake) -> None:
    lake.put({"processed/orders.csv": "id,amount\n1,2.5\n2,3.5\n"})
    lake.crawl("processed/")
    doc = lake.tables()["processed"]
    assert doc["serde"] == "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
    assert doc["parameters"] == {
        "CRAWL_RUN_ID": "run",
        "CrawlerSchemaDeserializerVersion": "1.0",
        "CrawlerSchemaSerializerVersion": "1.0",
        "UPDATED_BY_CRAWLER": "crawler",
        "areColumnsQuoted": "false",
        "averageRecordSize": "11",
        "classification": "csv",
        "columnsOrdered": "true",
        "compressionType": "none",
        "delimiter": ",",
        "objectCount": "1",
        "recordCount": "2",
        "sizeKey": "22",
        "skip.header.line.count": "1",
        "typeOfData": "file",
    }
