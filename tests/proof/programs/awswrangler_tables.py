"""awswrangler as its users write it: files, data sets with their tables, SQL, the catalog. Nothing names an endpoint."""

import datetime as dt
import decimal
import uuid

import awswrangler as wr
import boto3
import pandas as pd

BUCKET = f"wr-{uuid.uuid4().hex[:10]}"
ROOT = f"s3://{BUCKET}/"
DB = f"wr_{uuid.uuid4().hex[:10]}"

PEOPLE = pd.DataFrame(
    {
        "id": [1, 2, 3],
        "name": ["ann", "bob", None],
        "height": [1.5, None, 3.5],
        "born": [dt.date(2001, 2, 3)] * 3,
        "seen": pd.to_datetime(["2026-01-31 01:02:03.456"] * 3),
        "member": [True, False, True],
        "debt": [decimal.Decimal("1.10")] * 3,
        "part": ["x", "x", "y"],
    }
)

boto3.client("s3").create_bucket(Bucket=BUCKET)
wr.catalog.create_database(DB)
wr.s3.to_parquet(
    PEOPLE,
    f"{ROOT}people/",
    dataset=True,
    database=DB,
    table="people",
    partition_cols=["part"],
    glue_table_settings={
        "description": "who they are",
        "parameters": {"k": "v"},
        "columns_comments": {"id": "the id"},
    },
)


def same(found, wanted=PEOPLE):
    """The rows are those, in the order of their id."""
    found = found.sort_values("id", ignore_index=True)[list(wanted.columns)]
    for name in wanted.columns:
        left = [None if pd.isna(value) else value for value in found[name]]
        right = [None if pd.isna(value) else value for value in wanted[name]]
        assert left == right, (name, left, right)


def sql(text, **more):
    return wr.athena.read_sql_query(text, database=DB, **more)


def check_single_files():
    wr.s3.to_parquet(PEOPLE, f"{ROOT}one.parquet")
    same(wr.s3.read_parquet(f"{ROOT}one.parquet"))
    wr.s3.to_csv(PEOPLE, f"{ROOT}one.csv", index=False)
    assert wr.s3.read_csv(f"{ROOT}one.csv").shape == (3, 8)
    assert [part.shape for part in wr.s3.read_csv(f"{ROOT}one.csv", chunksize=2)] == [(2, 8), (1, 8)]
    wr.s3.to_json(PEOPLE, f"{ROOT}one.json", orient="records", lines=True)
    assert wr.s3.read_json(f"{ROOT}one.json", orient="records", lines=True).shape == (3, 8)
    wr.s3.to_orc(PEOPLE, f"{ROOT}one.orc")
    same(wr.s3.read_orc(f"{ROOT}one.orc"))


def check_a_data_set_is_read_with_its_partitions():
    same(wr.s3.read_parquet(f"{ROOT}people/", dataset=True))
    same(wr.s3.read_parquet_table("people", DB))
    some = wr.s3.read_parquet(
        f"{ROOT}people/", dataset=True, partition_filter=lambda part: part["part"] == "y"
    )
    assert list(some["id"]) == [3]
    assert sum(len(part) for part in wr.s3.read_parquet(f"{ROOT}people/", dataset=True, chunked=2)) == 3


def check_sql_through_a_table_that_is_made_for_it():
    same(sql("select * from people"))
    assert sum(len(part) for part in sql("select * from people", chunksize=2)) == 3
    same(wr.athena.read_sql_table("people", database=DB))


def check_sql_through_the_result_file():
    same(sql("select * from people", ctas_approach=False))
    assert sum(len(part) for part in sql("select * from people", ctas_approach=False, chunksize=2)) == 3


def check_sql_through_unload():
    same(sql("select * from people", ctas_approach=False, unload_approach=True, s3_output=f"{ROOT}unload/"))


def check_parameters_and_prepared_statements():
    for ctas in (True, False):
        assert list(
            sql("select name from people where id = :id", params={"id": 2}, ctas_approach=ctas)["name"]
        ) == ["bob"]
    given = {"params": ["2"], "paramstyle": "qmark", "ctas_approach": False}
    assert list(sql("select name from people where id = ?", **given)["name"]) == ["bob"]
    wr.athena.create_prepared_statement("select name from people where id = ?", "by_id")
    assert "by_id" in [each["StatementName"] for each in wr.athena.list_prepared_statements()]
    assert list(sql('EXECUTE "by_id"', **given)["name"]) == ["bob"]
    wr.athena.delete_prepared_statement("by_id")


def check_types_of_results():
    found = sql(
        "select id, 1.5 as d, array[1] as a, map(array['k'], array[1]) as m, cast(row(1, 'x') as row(a int, b varchar))"
        " as r from people where id = 1",
        ctas_approach=False,
    )
    assert found.iloc[0].tolist() == [1, decimal.Decimal("1.5"), "[1]", "{k=1}", "{a=1, b=x}"]
    nested = sql("select array[1, 2] as a, cast(row(1, 'x') as row(a int, b varchar)) as r")
    assert list(nested["a"][0]) == [1, 2]
    assert nested["r"][0] == {"a": 1, "b": "x"}


def check_writing_modes():
    place = {"dataset": True, "database": DB, "table": "modes", "partition_cols": ["part"]}
    counts = "select part, count(*) as n from modes group by 1 order by 1"
    wr.s3.to_parquet(PEOPLE, f"{ROOT}modes/", mode="overwrite", **place)
    wr.s3.to_parquet(PEOPLE, f"{ROOT}modes/", mode="append", **place)
    assert dict(sql(counts).itertuples(index=False)) == {"x": 4, "y": 2}
    wr.s3.to_parquet(PEOPLE[PEOPLE.part == "y"], f"{ROOT}modes/", mode="overwrite_partitions", **place)
    assert dict(sql(counts).itertuples(index=False)) == {"x": 4, "y": 1}
    wr.s3.to_parquet(PEOPLE.assign(more=[7, 8, 9]), f"{ROOT}modes/", mode="append", **place)
    assert wr.catalog.get_table_types(DB, "modes")["more"] == "bigint"
    assert list(sql("select count(more) as n, count(*) as all_ from modes").iloc[0]) == [3, 8]


def check_tables_of_other_kinds():
    place = {"dataset": True, "database": DB, "index": False}
    wr.s3.to_csv(PEOPLE, f"{ROOT}csv/", table="of_csv", partition_cols=["part"], **place)
    assert list(sql("select id, debt from of_csv order by id")["id"]) == [1, 2, 3]
    few = PEOPLE[["id", "name", "height"]]
    wr.s3.to_json(few, f"{ROOT}json/", table="of_json", orient="records", lines=True, **place)
    same(sql("select * from of_json"), few)
    wr.s3.to_parquet(
        PEOPLE,
        f"{ROOT}projected/",
        table="projected",
        partition_cols=["part"],
        athena_partition_projection_settings={
            "projection_types": {"part": "enum"},
            "projection_values": {"part": "x,y"},
        },
        **place,
    )
    same(sql("select * from projected"))
    nested = pd.DataFrame({"id": [1, 2], "a": [[1, 2], [3]], "s": [{"n": 1, "t": "x"}, {"n": 2, "t": "y"}]})
    wr.s3.to_parquet(nested, f"{ROOT}nested/", table="nested", **place)
    found = sql("select id, a[1] as first, s.t from nested order by id")
    assert found.to_numpy().tolist() == [[1, 1, "x"], [2, 3, "y"]]


def check_the_catalog_is_read():
    assert DB in [each["Name"] for each in wr.catalog.get_databases()]
    shown = wr.catalog.table(database=DB, table="people")
    assert list(shown["Column Name"])[-1] == "part"
    assert list(shown["Comment"])[0] == "the id"
    assert list(shown["Partition"]) == [False] * 7 + [True]
    assert wr.catalog.does_table_exist(DB, "people")
    assert not wr.catalog.does_table_exist(DB, "nobody")
    assert wr.catalog.get_table_location(DB, "people") == f"{ROOT}people/"
    assert wr.catalog.get_table_description(DB, "people") == "who they are"
    assert wr.catalog.get_table_parameters(DB, "people")["k"] == "v"
    assert wr.catalog.get_columns_comments(DB, "people")["id"] == "the id"
    assert sorted(wr.catalog.get_partitions(DB, "people").values()) == [["x"], ["y"]]
    assert sorted(wr.catalog.get_parquet_partitions(DB, "people").values()) == [["x"], ["y"]]
    assert [each["Name"] for each in wr.catalog.get_tables(database=DB, name_prefix="peop")] == ["people"]
    assert "people" in [each["Name"] for each in wr.catalog.search_tables(text="people")]
    assert "people" in list(wr.catalog.tables(database=DB)["Table"])
    assert wr.catalog.get_table_number_of_versions(DB, "people") >= 1


def check_the_catalog_is_changed():
    wr.catalog.create_parquet_table(
        DB, "made", f"{ROOT}made/", columns_types={"a": "int"}, partitions_types={"p": "string"}
    )
    wr.catalog.add_parquet_partitions(DB, "made", {f"{ROOT}made/p=1/": ["1"], f"{ROOT}made/p=2/": ["2"]})
    wr.catalog.add_column(DB, "made", "b", "string", column_comment="more")
    assert wr.catalog.get_table_types(DB, "made") == {"a": "int", "b": "string", "p": "string"}
    wr.catalog.delete_column(DB, "made", "b")
    wr.catalog.delete_partitions("made", DB, [["1"]])
    assert list(wr.catalog.get_partitions(DB, "made").values()) == [["2"]]
    wr.catalog.delete_all_partitions("made", DB)
    wr.catalog.overwrite_table_parameters({"a": "b"}, DB, "made")
    wr.catalog.upsert_table_parameters({"c": "d"}, DB, "made")
    assert wr.catalog.get_table_parameters(DB, "made") == {"a": "b", "c": "d"}
    wr.catalog.create_csv_table(
        DB, "made_csv", f"{ROOT}c/", columns_types={"a": "int"}, skip_header_line_count=1
    )
    wr.catalog.create_json_table(DB, "made_json", f"{ROOT}j/", columns_types={"a": "int"})
    for table in ("made", "made_csv", "made_json"):
        assert wr.catalog.delete_table_if_exists(DB, table)
    assert not wr.catalog.delete_table_if_exists(DB, "made")
    wr.catalog.create_database("wr_gone")
    wr.catalog.delete_database("wr_gone")
    assert "wr_gone" not in list(wr.catalog.databases()["Database"])


def check_tables_are_shown_and_repaired():
    wr.s3.store_parquet_metadata(f"{ROOT}people/", database=DB, table="stored", dataset=True)
    wr.catalog.delete_all_partitions("stored", DB)
    assert wr.athena.repair_table("stored", database=DB) == "SUCCEEDED"
    same(sql("select * from stored"))
    shown = wr.athena.describe_table("people", database=DB)
    assert list(shown["Column Name"]) == [*PEOPLE.columns]
    assert list(shown["Type"])[:2] == ["bigint", "string"]
    assert wr.athena.show_create_table("people", database=DB).startswith("CREATE EXTERNAL TABLE `people`(")
    assert wr.athena.get_work_group("primary")["WorkGroup"]["State"] == "ENABLED"


def check_queries_are_started_waited_for_and_listed():
    id = wr.athena.start_query_execution("select 1 as one", database=DB)
    assert wr.athena.wait_query(id)["Status"]["State"] == "SUCCEEDED"
    assert wr.athena.get_query_results(id).to_numpy().tolist() == [[1]]
    assert wr.athena.get_query_columns_types(id) == {"one": "integer"}
    assert len(wr.athena.get_query_executions([id])) == 1
    assert id in wr.athena.list_query_executions()
    made = wr.athena.create_ctas_table(
        "select * from people", database=DB, ctas_table="ctas", s3_output=f"{ROOT}ctas/", wait=True
    )
    assert made["ctas_query_metadata"].raw_payload["Status"]["State"] == "SUCCEEDED"
    same(sql("select * from ctas"))
    wr.athena.unload("select id, name from people", f"{ROOT}unloaded/", database=DB)
    same(wr.s3.read_parquet(f"{ROOT}unloaded/", path_suffix=".parquet"), PEOPLE[["id", "name"]])
    try:
        sql("select nope from people")
    except wr.exceptions.QueryFailed as error:
        assert "COLUMN_NOT_FOUND: line 1:8" in str(error), error
    else:
        raise AssertionError("it was answered")


def check_objects_are_moved_about():
    data = bytes(range(256)) * 50_000
    with open("big", "wb") as file:
        file.write(data)
    wr.s3.upload("big", f"{ROOT}up/big")
    wr.s3.download(f"{ROOT}up/big", "big.again")
    with open("big.again", "rb") as file:
        assert file.read() == data
    assert wr.s3.list_objects(f"{ROOT}up/") == [f"{ROOT}up/big"]
    assert f"{ROOT}up/" in wr.s3.list_directories(ROOT)
    assert wr.s3.does_object_exist(f"{ROOT}up/big")
    assert wr.s3.size_objects(f"{ROOT}up/") == {f"{ROOT}up/big": len(data)}
    wr.s3.copy_objects([f"{ROOT}up/big"], f"{ROOT}up", f"{ROOT}copied")
    wr.s3.merge_datasets(f"{ROOT}copied/", f"{ROOT}merged/")
    assert wr.s3.list_objects(f"{ROOT}merged/") == [f"{ROOT}merged/big"]
    assert BUCKET in wr.s3.list_buckets()
    assert wr.s3.get_bucket_region(BUCKET) == "us-east-1"
    wr.s3.delete_objects(f"{ROOT}up/")
    wr.s3.wait_objects_not_exist([f"{ROOT}up/big"])
    assert wr.sts.get_account_id() == "000000000000"
