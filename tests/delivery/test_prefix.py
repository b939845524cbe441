"""Keys of objects: AWS's layout, its expressions, and Hive's folders."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from forebay.delivery.datetimes import compile_pattern
from forebay.delivery.prefix import (
    compile_prefix,
    data_prefix,
    error_prefix,
    hive_escape,
    hive_folders,
    object_name,
)
from forebay.errors import UsageError

AT = dt.datetime(2026, 1, 5, 9, 3, 7, 123456, dt.UTC)
US = int(AT.timestamp()) * 1_000_000 + 123456


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy/MM/dd/HH/", "2026/01/05/09/"),
        ("yy-M-d H:m:s", "26-1-5 9:3:7"),
        ("'year='yyyy", "year=2026"),
        ("yyyy''MM", "2026'01"),
        ("''", "'"),
        ("MMM MMMM E EEEE", "Jan January Mon Monday"),
        ("hh a KK kk", "09 AM 09 09"),
        ("DDD", "005"),
        ("SSS", "123"),
        ("SSSSSSSSS", "123456000"),
        ("X" * 3 + " Z", "Z +0000"),
        ("w Q", "2 1"),
    ],
)
def test_timestamps_are_written_as_java_does(pattern: str, text: str) -> None:
    assert compile_pattern(pattern)(AT) == text


@pytest.mark.parametrize("pattern", ["yyyy/b", "'open", "j"])
def test_a_pattern_that_java_would_not_take_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("to", "prefix", "partition", "key"),
    [
        ("clicks/", None, [], "clicks/2026/01/05/09/"),
        ("", None, [], "2026/01/05/09/"),
        ("clicks/", "all/", [], "clicks/all/2026/01/05/09/"),
        ("clicks/", "", [], "clicks/"),
        ("clicks/", None, ["day"], "clicks/"),
        ("clicks/", "day=!{timestamp:yyyy-MM-dd}/", [], "clicks/day=2026-01-05/"),
        ("clicks/", "!{timestamp:yyyy/}x!{timestamp:MM/}", ["day"], "clicks/2026/x01/"),
    ],
)
def test_prefixes_follow_aws(to: str, prefix: str | None, partition: list[str], key: str) -> None:
    assert data_prefix(to, prefix, partition).resolve(US) == key


def test_partition_keys_of_a_handler_and_random_strings() -> None:
    prefix = compile_prefix("p=!{partitionKeyFromLambda:kind}/!{firehose:random-string}/")
    assert prefix.keys == ("kind",)
    key = prefix.resolve(US, {"partitionKeyFromLambda:kind": "a"})
    assert re.fullmatch(r"p=a/[A-Za-z0-9]{11}/", key)
    assert key != prefix.resolve(US, {"partitionKeyFromLambda:kind": "a"})


@pytest.mark.parametrize(
    "prefix",
    ["!{firehose:error-output-type}/", "!{nobody:knows}/", "!{timestamp:yyyy", "!{firehose:moon}/"],
)
def test_an_expression_that_means_nothing_here_is_refused(prefix: str) -> None:
    with pytest.raises(UsageError):
        compile_prefix(prefix)


@pytest.mark.parametrize(
    ("prefix", "key"),
    [
        (None, "errors/clicks/processing-failed/2026/01/05/09/"),
        ("bad/", "bad/processing-failed/2026/01/05/09/"),
        ("!{firehose:error-output-type}/!{timestamp:yyyy}/", "processing-failed/2026/"),
    ],
)
def test_errors_go_beside_the_data(prefix: str | None, key: str) -> None:
    assert error_prefix("clicks", prefix).resolve(US, error="processing-failed") == key


def test_values_become_folders_as_hive_writes_them() -> None:
    assert hive_folders(["a", "b", "c"], ["x y", None, ""]) == (
        "a=x y/b=__HIVE_DEFAULT_PARTITION__/c=__HIVE_DEFAULT_PARTITION__/"
    )
    assert hive_escape('a/b:c=d%e"{}[]^\n') == "a%2Fb%3Ac%3Dd%25e%22%7B}%5B%5D%5E%0A"


def test_objects_are_named_as_data_firehose_names_them() -> None:
    uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    assert re.fullmatch(rf"c-1-2026-01-05-09-03-07-{uuid}\.gz", object_name("c", US, "json", "gzip"))
    assert re.fullmatch(rf"c-1-2026-01-05-09-03-07-{uuid}", object_name("c", US, "json", "none"))
    assert object_name("c", US, "parquet", "snappy").endswith(".parquet")
