"""The findings about what goes into the lake: prefixes, columns, tables, crawlers, SQL transforms."""

from __future__ import annotations

import pytest

from tests.project.folder import DELIVERY, STREAM, Folder, codes, only, said


@pytest.mark.parametrize(
    ("prefix", "good"),
    [
        ("day=!{timestamp:yyyy-MM-dd}/", True),
        ("!{partitionKeyFromLambda:customer}/", True),
        ("plain/", True),
        ("!{timestamp:yyyy/", False),
        ("!{time:yyyy}/", False),
        ("!{firehose:error-output-type}/", False),
        ("/absolute/", False),
    ],
)
def test_prefixes(folder: Folder, prefix: str, good: bool) -> None:
    findings = folder.check(f"{DELIVERY}    prefix: '{prefix}'\n")
    assert codes(findings) == ([] if good else ["BadPrefix"])


def test_a_declared_columns_type(folder: Folder) -> None:
    finding = only(folder.check(f"{DELIVERY}    columns: {{id: string, price: flaot}}\n"))
    assert said(finding) == ("BadValue", 5, "did you mean float?")


def test_raw_bytes_are_no_table(folder: Folder) -> None:
    assert only(folder.check(f"{DELIVERY}    format: raw\n    table: clicks\n")).code == "RawTable"


def test_what_is_posted_is_no_table_either(folder: Folder) -> None:
    endpoint = f"{DELIVERY}    http_endpoint: {{url: 'https://example.org/in'}}\n"
    assert not folder.check(endpoint)
    assert only(folder.check(f"{endpoint}    table: clicks\n")).code == "EndpointAndObjects"
    assert only(folder.check(endpoint.replace("https:", "ftp:"))).code == "BadUrl"


def test_a_partition_without_a_type(folder: Folder) -> None:
    finding = only(folder.check(f"{DELIVERY}    partition: [day]\n    columns: {{id: string}}\n"))
    assert said(finding) == ("BadPartition", 5, "add day: string to columns")


def test_one_table_has_one_owner(folder: Folder) -> None:
    findings = folder.check(
        "delivery:\n"
        "  a: {to: lake.shop/a/, table: clicks}\n"
        "  b: {to: lake.shop/b/, table: shop.clicks}\n"
        "  c: {to: lake.shop/c/, table: other.clicks}\n"
        "catalog:\n"
        "  clicks: {location: lake.shop/x/, format: json, columns: {a: int}}\n"
        "  shop.clicks: {location: lake.shop/y/, format: json, columns: {a: int}}\n"
    )
    assert [(finding.code, finding.line) for finding in findings] == [
        ("DuplicateTable", 3),
        ("DuplicateTable", 4),
        ("DuplicateTable", 8),
    ]


def test_a_projection_that_athena_would_refuse(folder: Folder) -> None:
    findings = folder.check(
        "catalog:\n"
        "  t:\n"
        "    location: lake.shop/t/\n"
        "    format: json\n"
        "    columns: {a: int, day: string}\n"
        "    partitions: {day: string, hour: int}\n"
        "    projection:\n"
        "      day: {type: date, format: yyyy}\n"
        "      other: {type: integer, range: 1}\n"
        "    location_template: s3://shop/t/${day}/\n"
    )
    assert sorted(codes(findings)) == ["BadPartition", *["BadProjection"] * 4, "BadTemplate"]


def test_a_crawler_looks_at_a_place_or_a_stream(folder: Folder) -> None:
    folder.good(
        f"{STREAM}catalog:\n  c: {{crawl: lake.shop/raw/, prefix: tbl_}}\n  s: {{crawl: streams.activity}}\n"
    )
    findings = folder.check(f"{STREAM}catalog:\n  c: {{crawl: raw}}\n  s: {{crawl: streams.activty}}\n")
    assert codes(findings) == ["BadValue", "UnknownReference"]


def test_rows_that_a_table_would_show_by_accident(folder: Folder) -> None:
    findings = folder.check(
        "delivery:\n"
        "  a: {to: lake.shop/a/, table: a}\n"
        "  b: {to: lake.shop/a/b/}\n"
        "  c: {to: lake.shop/c/, error_prefix: 'a/!{firehose:error-output-type}/'}\n"
        "  d: {to: lake.other/}\n"
        "catalog:\n"
        "  all: {location: lake.other/, format: json, columns: {a: int}}\n"
    )
    assert [(finding.code, finding.line, finding.severity) for finding in findings] == [
        ("SharedTable", 4, "warning"),
        ("ErrorsInTable", 5, "warning"),
        ("ErrorsInTable", 6, "warning"),
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "select * from events",
        "select upper(name) as name, price * 2 as price from events where price > 0 and not test",
        "select json_extract_scalar(detail, '$.id') as id from events",
        "select case when a = 1 then 'x' else 'y' end as b from events e where e.a in (1, 2)",
    ],
)
def test_a_transform_filters_and_projects(folder: Folder, sql: str) -> None:
    folder.good(
        f"{DELIVERY}    transform: {{sql: {sql!r}}}\n".replace("\\'", "''")
        if "'" not in sql
        else f'{DELIVERY}    transform: {{sql: "{sql}"}}\n'
    )


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("select count(*) from events", "an aggregate"),
        ("select a from events join other on true", "a join"),
        ("select x from events cross join unnest(items) as t(x)", "a join"),
        ("select a from events group by a", "GROUP BY"),
        ("select a from (select a from events) x", "subquery"),
        ("select a from other", "not from events"),
        ("drop table events", "one SELECT"),
        ("select a from events; select b from events", "one SELECT"),
        ("select from where", "cannot be read"),
        ("select 'open from events", "cannot be read"),
    ],
)
def test_a_transform_that_needs_more_than_one_event(folder: Folder, sql: str, word: str) -> None:
    finding = only(folder.check(f'{DELIVERY}    transform: "{sql}"\n'))
    assert (finding.code[:3], finding.line) == ("Sql", 5)
    assert word in finding.message


def test_a_transform_in_a_file_is_blamed_there(folder: Folder) -> None:
    finding = only(
        folder.check(
            f"{DELIVERY}    transform: transforms/t.sql\n",
            {"transforms/t.sql": "select a\nfrom events\nwhere ((a\n"},
        )
    )
    assert (finding.code, finding.file) == ("SqlSyntax", "transforms/t.sql")
    assert finding.line >= 3
