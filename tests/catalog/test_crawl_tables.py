"""Which files become one table, what it is named, and which folders are its partitions."""

from __future__ import annotations

import pytest

from forebay.catalog.crawl.files import glob
from forebay.errors import ForebayError
from tests.catalog.crawled import Lake

A = '{"id": 1, "first_name": "John", "last_name": "Doe"}\n'
B = '{"city": "Dublin", "country": "Ireland"}\n'


def test_hive_folders_are_partitions_by_their_names(lake: Lake) -> None:
    paths = ["year=2019/month=Jan/day=1", "year=2019/month=Jan/day=2", "year=2019/month=Feb/day=1"]
    lake.put({f"sales/{path}/a.json": A for path in paths})
    lake.crawl("sales/")
    assert list(lake.tables()) == ["sales"]
    keys = lake.tables()["sales"]["partition_keys"]
    assert keys == [["year", "string"], ["month", "string"], ["day", "string"]]
    assert sorted(lake.partitions("sales")) == [
        ["2019", "Feb", "1"],
        ["2019", "Jan", "1"],
        ["2019", "Jan", "2"],
    ]


def test_other_folders_are_numbered_partitions(lake: Lake) -> None:
    keys = ["table1/partition1", "table1/partition2", "table2/partition4"]
    lake.put({f"folder1/{key}/file.txt": A for key in keys})
    lake.crawl("folder1/")
    doc = lake.tables()["folder1"]
    assert doc["partition_keys"] == [["partition_0", "string"], ["partition_1", "string"]]
    assert lake.partitions("folder1") == [
        ["table1", "partition1"],
        ["table1", "partition2"],
        ["table2", "partition4"],
    ]


def test_an_include_path_for_each_makes_them_tables(lake: Lake) -> None:
    lake.put({"folder1/table1/p1/f": A, "folder1/table2/p4/f": A})
    lake.crawl("folder1/table1/", "folder1/table2")
    assert list(lake.tables()) == ["table1", "table2"]
    assert lake.tables()["table2"]["location"] == "s3://shop/folder1/table2/"


def test_folders_of_different_schemas_are_tables_of_their_own(lake: Lake) -> None:
    lake.put(
        {"table1/year=2017/data1.json": '{"A": 1, "B": 2}', "table1/year=2018/data2.json": '{"C": 3, "D": 4}'}
    )
    lake.crawl("table1/")
    assert list(lake.tables()) == ["year_2017", "year_2018"]
    assert lake.tables()["year_2017"]["location"] == "s3://shop/table1/year=2017/"


def test_combining_makes_one_table_of_different_schemas(lake: Lake) -> None:
    lake.put(
        {"table1/year=2017/data1.json": '{"A": 1, "B": 2}', "table1/year=2018/data2.json": '{"C": 3, "D": 4}'}
    )
    lake.crawl("table1/", group="combine")
    assert lake.columns("table1") == {"a": "int", "b": "int", "c": "int", "d": "int"}
    assert lake.tables()["table1"]["partition_keys"] == [["year", "string"]]


def test_four_of_five_alike_are_one_table_of_all_columns(lake: Lake) -> None:
    lake.put({f"f/a{i}.json": A for i in range(8)} | {f"f/b{i}.json": B for i in range(2)})
    lake.crawl("f/")
    assert list(lake.columns("f")) == ["id", "first_name", "last_name", "city", "country"]


def test_seven_of_ten_alike_are_a_table_a_file(lake: Lake) -> None:
    lake.put({f"f/a{i}.json": A for i in range(7)} | {f"f/b{i}.json": B for i in range(3)})
    lake.crawl("f/")
    assert len(lake.tables()) == 10
    assert lake.tables()["a0_json"]["location"] == "s3://shop/f/a0.json"


def test_fields_that_come_and_go_do_not_split_a_table(lake: Lake) -> None:
    lake.put({"ev/d=1/a": '{"id": 1, "a": 1}', "ev/d=2/a": '{"id": 1, "a": 2.5, "b": {"x": 1}}'})
    lake.crawl("ev/")
    assert lake.columns("ev") == {"id": "int", "a": "double", "b": "struct<x:int>"}


def test_formats_do_not_mix(lake: Lake) -> None:
    lake.put({"mix/a.csv": "id,n\n1,2\n2,3\n", "mix/b.json": A})
    lake.crawl("mix/")
    assert {name: doc["format"] for name, doc in lake.tables().items()} == {"a_csv": "csv", "b_json": "json"}


def test_compressions_do_not_mix(lake: Lake) -> None:
    lake.put({"mix/day=1/a.json": A, "mix/day=2/a.json.gz": "gz:" + A})
    lake.crawl("mix/")
    assert list(lake.tables()) == ["day_1", "day_2"]


def test_files_beside_folders_are_tables_of_their_own(lake: Lake) -> None:
    lake.put({"data/a.json": A, "data/sub/b.json": A})
    lake.crawl("data/")
    assert list(lake.tables()) == ["a_json", "sub"]


def test_one_object_may_be_the_include_path(lake: Lake) -> None:
    lake.put({"raw/orders.csv": "id,n\n1,2\n2,3\n", "raw/other.json": A})
    lake.crawl("raw/orders.csv")
    assert {name: doc["location"] for name, doc in lake.tables().items()} == {
        "orders_csv": "s3://shop/raw/orders.csv"
    }


def test_a_bucket_may_be_the_include_path(lake: Lake) -> None:
    lake.put({"k=1/a.json": A}, bucket="my-shop.data")
    lake.crawl("s3://my-shop.data")
    assert list(lake.tables()) == ["my_shop_data"]


def test_hidden_and_empty_objects_and_folder_markers_are_passed_over(lake: Lake) -> None:
    lake.put({"ev/a.json": A, "ev/_SUCCESS": "x", "ev/.part": "x", "ev/_tmp/b.csv": "x", "ev/empty": ""})
    lake.put({"ev/day=1_$folder$": "x"})
    lake.crawl("ev/")
    assert list(lake.tables()) == ["ev"]


def test_a_name_is_the_prefix_and_the_last_folder_without_odd_characters(lake: Lake) -> None:
    lake.put({"raw/My-Orders 2024/a.json": A})
    lake.crawl("raw/My-Orders 2024/", prefix="Tbl-")
    assert list(lake.tables()) == ["tbl_my_orders_2024"]


def test_a_name_that_is_taken_gets_a_hash(lake: Lake) -> None:
    lake.put({"a/data/x.json": A, "b/data/x.json": B})
    lake.crawl("a/data/", "b/data/")
    first, second = lake.tables()
    assert first == "data"
    assert second.startswith("data_")
    assert len(second) == len("data_") + 32
    before = list(lake.tables())
    lake.crawl("a/data/", "b/data/")
    assert list(lake.tables()) == before


def test_the_level_says_where_tables_are(lake: Lake) -> None:
    keys = [
        "sales/year=2019/month=Jan/day=1",
        "sales/year=2019/month=Feb/day=1",
        "sales/year=2020/month=Jan/day=1",
    ]
    lake.put({f"{key}/a.json": A for key in keys})
    lake.crawl("sales/", level=3)
    assert list(lake.tables()) == ["year_2019", "year_2020"]
    assert lake.tables()["year_2019"]["partition_keys"] == [["month", "string"], ["day", "string"]]
    assert lake.partitions("year_2019") == [["Feb", "1"], ["Jan", "1"]]


def test_a_partition_key_that_is_a_column_too_is_the_partitions(lake: Lake) -> None:
    lake.put({"ev/day=1/a.json": '{"day": "x", "id": 1}'})
    lake.crawl("ev/")
    assert lake.columns("ev") == {"id": "int"}


def test_a_folders_value_is_unescaped(lake: Lake) -> None:
    lake.put({"ev/at=2024-01-01 10%3A00/a.json": A, "ev/at=x=y/a.json": A})
    lake.crawl("ev/")
    assert lake.partitions("ev") == [["2024-01-01 10:00"], ["x=y"]]


def test_a_sample_looks_at_some_files_of_each_folder(lake: Lake) -> None:
    lake.put({"ev/d=1/a": '{"id": 1}', "ev/d=1/b": '{"id": 1, "late": 2}', "ev/d=2/a": '{"id": 1}'})
    lake.crawl("ev/", sample=1)
    assert lake.columns("ev") == {"id": "int"}
    assert lake.partitions("ev") == [["1"], ["2"]]


def test_too_many_tables_change_nothing(lake: Lake) -> None:
    lake.put({"mix/a.csv": "id,n\n1,2\n2,3\n", "mix/b.json": A})
    with pytest.raises(ForebayError, match="greater than the table threshold"):
        lake.crawl("mix/", most_tables=1)
    lake.put({"one/b.json": A})
    lake.crawl("one/")
    assert list(lake.tables()) == ["one"]


def test_a_bucket_that_is_not_there_fails_the_crawl(lake: Lake) -> None:
    with pytest.raises(ForebayError, match="The specified bucket does not exist"):
        lake.crawl("s3://nobody/x/")


FILES = ["departments/finance.json", "departments/market-us.json", "employees/hr.json", "employees/jane.csv"]


@pytest.mark.parametrize(
    ("pattern", "out"),
    [
        ("departments/**", ["departments/finance.json", "departments/market-us.json"]),
        ("departments/market*", ["departments/market-us.json"]),
        ("**.csv", ["employees/jane.csv"]),
        ("employees/*.csv", ["employees/jane.csv"]),
        ("*.csv", []),
        ("**.{csv,avro}", ["employees/jane.csv"]),
        ("employees/h?.json", ["employees/hr.json"]),
        ("employees/[a-h]*", ["employees/hr.json"]),
        ("employees/[!a-h]*", ["employees/jane.csv"]),
        ("employees/\\*.csv", []),
        ("employees**", ["employees/hr.json", "employees/jane.csv"]),
        ("{", []),
    ],
)
def test_exclude_patterns_are_awss(pattern: str, out: list[str]) -> None:
    assert [file for file in FILES if glob(pattern).fullmatch(file)] == out


def test_the_guides_pattern_for_a_week_leaves_a_week() -> None:
    patterns = [glob(p) for p in ("2015/01/{[!0],0[8-9]}**", "2015/0[2-9]/**", "2015/1[0-2]/**")]
    days = [f"2015/{month:02}/{day:02}/f" for month in range(1, 13) for day in range(1, 29)]
    left = [day for day in days if not any(pattern.fullmatch(day) for pattern in patterns)]
    assert left == [f"2015/01/{day:02}/f" for day in range(1, 8)]


def test_what_is_excluded_is_passed_over_and_said(lake: Lake) -> None:
    lake.put({"ev/a.json": A, "ev/b.csv": "id,n\n1,2\n2,3\n"})
    lake.crawl("ev/", exclude=["**.csv"])
    assert list(lake.tables()) == ["ev"]
    assert lake.tables()["ev"]["parameters"]["exclusions"] == '["**.csv"]'
