"""PyAthena and SQLAlchemy as their users write them. The settings are those of `forebay connect`, given by file."""

import contextlib
import datetime as dt
import decimal
import functools
import uuid
from pathlib import Path

import boto3
import pandas as pd
import pyarrow.fs
import sqlalchemy as sa
from pyathena.arrow.cursor import ArrowCursor
from pyathena.async_cursor import AsyncCursor
from pyathena.cursor import DictCursor
from pyathena.error import OperationalError
from pyathena.pandas.cursor import PandasCursor
from pyathena.pandas.util import to_sql

settings = {}
exec(Path("pyathena.py.txt").read_text(), settings)  # what `forebay connect pyathena` printed
connection = settings["connection"]
engine = sa.create_engine(Path("sqlalchemy.txt").read_text().split()[-1])

# PyAthena's Arrow cursor makes a file system of pyarrow's, which reads no AWS_ENDPOINT_URL: it is told of it here.
given = {}
exec(Path("pyarrow.py.txt").read_text().replace("S3FileSystem(", "dict(", 1), given)
told = {name: given["filesystem"][name] for name in ("endpoint_override", "scheme")}
pyarrow.fs.S3FileSystem = functools.partial(pyarrow.fs.S3FileSystem, **told)

BUCKET = f"pa-{uuid.uuid4().hex[:10]}"
DB = f"pa_{uuid.uuid4().hex[:10]}"
PEOPLE = [(1, "ann"), (2, "bob"), (3, None)]


def run(sql, parameters=None, cursor=None, **more):
    made = connection.cursor(cursor) if cursor else connection.cursor()
    made.execute(sql, parameters, **more)
    return made


s3 = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
s3.create_bucket(Bucket=BUCKET)
s3.put_object(Bucket=BUCKET, Key="people/a.csv", Body=b"1,ann\n2,bob\n3,\\N\n")
run(f"create database {DB}")
run(
    f"create external table {DB}.people (id int comment 'the id', name string)"
    f" row format delimited fields terminated by ',' location 's3://{BUCKET}/people/'"
)
run(f"create view {DB}.names as select id, upper(name) as name from {DB}.people")


def check_a_cursor_gives_rows_and_what_they_are():
    cursor = run(f"select * from {DB}.people order by id")
    assert cursor.fetchone() == PEOPLE[0]
    assert cursor.fetchmany(1) == PEOPLE[1:2]
    assert list(cursor) == PEOPLE[2:]
    assert [column[:2] for column in cursor.description] == [("id", "integer"), ("name", "varchar")]
    assert cursor.state == "SUCCEEDED"
    assert cursor.data_scanned_in_bytes > 0
    assert cursor.output_location.endswith(f"{cursor.query_id}.csv")
    assert cursor.statement_type == "DML"


def check_values_have_their_types():
    (row,) = run(
        "select 1 as i, 'x' as s, cast(null as varchar) as n, date '2026-01-31' as d,"
        " timestamp '2026-01-31 01:02:03.456' as t, true as b, cast(1.25 as decimal(10,2)) as c, 1.5e0 as f,"
        " array[1, 2] as a, cast(row(1, 'x') as row(a int, b varchar)) as r, json '{\"a\": 1}' as j"
    ).fetchall()
    assert row[:8] == (
        1,
        "x",
        None,
        dt.date(2026, 1, 31),
        dt.datetime(2026, 1, 31, 1, 2, 3, 456000),
        True,
        decimal.Decimal("1.25"),
        1.5,
    )
    assert row[8:] == ([1, 2], {"a": "1", "b": "x"}, {"a": 1})


def check_many_rows_come_in_pages():
    cursor = run("select n from unnest(sequence(1, 5000)) as t(n) order by n")
    assert [n for (n,) in cursor] == list(range(1, 5001))


def check_parameters():
    assert run(f"select name from {DB}.people where id = %(id)s", {"id": 2}).fetchall() == [("bob",)]
    found = run(f"select id from {DB}.people where name = ?", ["'ann'"], paramstyle="qmark").fetchall()
    assert found == [(1,)]


def check_an_error_has_athenas_words():
    try:
        run(f"select nope from {DB}.people")
    except OperationalError as error:
        assert str(error).startswith("COLUMN_NOT_FOUND: line 1:8: Column 'nope' cannot be resolved"), error
    else:
        raise AssertionError("it was answered")


def check_other_cursors_see_the_same():
    assert run(f"select * from {DB}.people order by id", cursor=DictCursor).fetchone() == {
        "id": 1,
        "name": "ann",
    }
    for unload in (False, True):
        frame = (
            connection.cursor(PandasCursor, unload=unload).execute(f"select * from {DB}.people").as_pandas()
        )
        frame = frame.sort_values("id")
        assert frame["id"].tolist() == [1, 2, 3]
        assert frame["name"].tolist()[:2] == ["ann", "bob"]
        assert frame["name"].isna().tolist() == [False, False, True]
        table = connection.cursor(ArrowCursor, unload=unload).execute(f"select * from {DB}.people").as_arrow()
        assert sorted(table.to_pydict()["id"]) == [1, 2, 3]
        assert table.num_rows == 3


def check_queries_run_beside_each_other_and_are_cancelled():
    with contextlib.closing(connection.cursor(AsyncCursor)) as cursor:
        _, future = cursor.execute(f"select count(*) from {DB}.people")
        assert future.result().fetchall() == [(3,)]
        long = "select count(*) from unnest(sequence(1, 9000)) a(x), unnest(sequence(1, 9000)) b(y), unnest(sequence(1, 999)) c(z)"
        id, future = cursor.execute(long)
        cursor.cancel(id).result()
        assert future.result().state == "CANCELLED"


def check_ddl_is_shown():
    assert run(f"show tables in {DB}").fetchall() == [("names",), ("people",)]
    assert run(f"describe {DB}.people").fetchall()[0][0].split() == ["id", "int", "the", "id"]
    shown = "\n".join(line for (line,) in run(f"show create table {DB}.people").fetchall())
    assert "FIELDS TERMINATED BY ','" in shown
    assert (DB,) in run("show databases").fetchall()
    assert run(f"show columns in {DB}.people").fetchall()[1][0].strip() == "name"
    assert run(f"select * from {DB}.names order by id").fetchall() == [(1, "ANN"), (2, "BOB"), (3, None)]


def check_tables_are_made_filled_and_dropped():
    run(
        f"create table {DB}.ctas with (format='PARQUET', external_location='s3://{BUCKET}/ctas/',"
        f" partitioned_by=array['name']) as select id, name from {DB}.people where name is not null"
    )
    assert run(f"show partitions {DB}.ctas").fetchall() == [("name=ann",), ("name=bob",)]
    assert run(f"insert into {DB}.ctas values (9, 'zoe')").rowcount == 1
    assert run(f"select id from {DB}.ctas where name = 'zoe'").fetchall() == [(9,)]
    for cursor in (None, PandasCursor):
        run(f"drop table if exists {DB}.ctas", cursor=cursor)


def check_a_frame_becomes_a_table():
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None], "c": [1.5, 2.5, 3.5], "p": ["m", "m", "n"]})
    place = f"s3://{BUCKET}/frame/"
    to_sql(frame, "frame", connection, place, schema=DB, index=False, if_exists="replace", partitions=["p"])
    found = run(f"select a, b, c, p from {DB}.frame order by a").fetchall()
    assert found == [(1, "x", 1.5, "m"), (2, "y", 2.5, "m"), (3, None, 3.5, "n")]


def check_metadata_is_listed():
    cursor = connection.cursor()
    assert DB in [each.name for each in cursor.list_databases("AwsDataCatalog")]
    assert [each.name for each in cursor.list_table_metadata(schema_name=DB) if each.name == "people"] == [
        "people"
    ]
    columns = cursor.get_table_metadata("people", schema_name=DB).columns
    assert [(each.name, each.type, each.comment) for each in columns] == [
        ("id", "int", "the id"),
        ("name", "string", None),
    ]


def check_sqlalchemy_asks_and_inspects():
    inspector = sa.inspect(engine)
    assert DB in inspector.get_schema_names()
    assert "people" in inspector.get_table_names(DB)
    assert "names" not in inspector.get_table_names(DB)
    assert inspector.get_view_names(DB) == ["names"]
    columns = inspector.get_columns("people", DB)
    assert [(each["name"], str(each["type"]), each["comment"]) for each in columns] == [
        ("id", "INTEGER", "the id"),
        ("name", "VARCHAR", None),
    ]
    assert inspector.has_table("people", DB)
    assert not inspector.has_table("nobody", DB)
    assert "upper(name)" in inspector.get_view_definition("names", DB)
    assert inspector.get_table_options("people", DB)["awsathena_location"] == f"s3://{BUCKET}/people/"
    people = sa.Table("people", sa.MetaData(schema=DB), autoload_with=engine)
    with engine.connect() as asked:
        wanted = sa.select(people.c.name, sa.func.count()).where(people.c.id < 3).group_by(people.c.name)
        assert sorted(asked.execute(wanted).fetchall()) == [("ann", 1), ("bob", 1)]
        assert (
            asked.execute(sa.text(f"select id from {DB}.people where name = :n"), {"n": "bob"}).scalar() == 2
        )


def check_sqlalchemy_makes_tables():
    made = sa.Table(
        "made",
        sa.MetaData(schema=DB),
        sa.Column("id", sa.Integer),
        sa.Column("name", sa.String),
        sa.Column("y", sa.Integer, awsathena_partition=True),
        awsathena_location=f"s3://{BUCKET}/made/",
        awsathena_file_format="PARQUET",
        awsathena_compression="SNAPPY",
    )
    with engine.connect() as asked:
        made.create(asked)
        asked.execute(made.insert().values(id=1, name="ann", y=2026))
        assert asked.execute(sa.select(made)).fetchall() == [(1, "ann", 2026)]
        made.drop(asked)
        assert not sa.inspect(asked).has_table("made", DB)


def check_pandas_reads_and_writes_through_sqlalchemy():
    frame = pd.read_sql(f"select * from {DB}.people order by id", engine)
    assert frame["name"].tolist()[:2] == ["ann", "bob"]
    wanted = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None], "c": [1.5, 2.5, 3.5]})
    url = sa.make_url(str(Path("sqlalchemy.txt").read_text().split()[-1]))
    place = sa.create_engine(url.update_query_dict({"location": f"s3://{BUCKET}/written/"}))
    wanted.to_sql("written", place, schema=DB, index=False, if_exists="replace", method="multi")
    found = pd.read_sql(f"select * from {DB}.written order by a", engine)
    assert found["a"].tolist() == [1, 2, 3]
    assert found["b"].tolist()[:2] == ["x", "y"]
    assert found["b"].isna().tolist() == [False, False, True]
    assert found["c"].tolist() == [1.5, 2.5, 3.5]
