"""Athena asks with the rights of who asks: tables, files, results, views, DDL and what is written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import System, until
from tests.wire.access import allow, keyed, policy, refused, user
from tests.wire.sdk import ACCOUNT, client, serving

PROJECT = """\
name: walls
lake:
  shelf: {}
  vault: {}
  results: {}
"""
OUT = {"OutputLocation": "s3://results/"}
GLUE = f"arn:aws:glue:us-east-1:{ACCOUNT}"
TABLES = """\
CREATE EXTERNAL TABLE {name} (id int) {parts} ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION '{place}'
"""

system = serving(PROJECT, sql=True)


def deny(action: str, resource: str) -> dict[str, Any]:
    """A statement that denies."""
    return {"Effect": "Deny", "Action": action, "Resource": resource}


def run(athena: Any, sql: str) -> dict[str, Any]:
    """A statement's end: its execution."""
    id = athena.start_query_execution(
        QueryString=sql, QueryExecutionContext={"Database": "walls"}, ResultConfiguration=OUT
    )["QueryExecutionId"]

    def ended() -> Any:
        found = athena.get_query_execution(QueryExecutionId=id)["QueryExecution"]
        return found if found["Status"]["State"] not in ("QUEUED", "RUNNING") else None

    found: dict[str, Any] = until(ended)
    return found


def done(athena: Any, sql: str) -> list[list[str | None]]:
    """The rows of a statement that succeeds, without the header."""
    execution = run(athena, sql)
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    found = athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])["ResultSet"]["Rows"]
    return [[cell.get("VarCharValue") for cell in row["Data"]] for row in found][1:]


def fails(athena: Any, sql: str, action: str, resource: str) -> None:
    """A statement ends FAILED, and its reason names action and resource."""
    status = run(athena, sql)["Status"]
    assert status["State"] == "FAILED", status
    assert f"is not authorized to perform: {action} on resource: {resource}" in status["StateChangeReason"]


@pytest.fixture(scope="module")
def root(system: System) -> Iterator[Any]:
    """Root's Athena, with the tables that the others ask."""
    s3, athena = client(system, "s3"), client(system, "athena")
    for bucket, key, id in (
        ("shelf", "open/a.json", 1),
        ("shelf", "days/d=1/a.json", 1),
        ("shelf", "days/d=2/a.json", 2),
        ("vault", "secret/a.json", 42),
    ):
        s3.put_object(Bucket=bucket, Key=key, Body=b'{"id": %d}' % id)
    for name, place, parts in (
        ("open", "s3://shelf/open/", ""),
        ("secret", "s3://vault/secret/", ""),
        ("days", "s3://shelf/days/", "PARTITIONED BY (d int)"),
    ):
        done(athena, TABLES.format(name=name, place=place, parts=parts))
    done(athena, "MSCK REPAIR TABLE days")
    done(athena, "CREATE VIEW peep AS SELECT id FROM secret")
    yield athena
    athena.close()
    s3.close()


@contextlib.contextmanager
def asking(system: System, iam: Any, name: str, *statements: dict[str, Any]) -> Iterator[Any]:
    """The Athena of a user who may start queries and keep their results, and what is said beside."""
    base = [allow("athena:*"), allow(["s3:PutObject", "s3:GetObject"], "arn:aws:s3:::results/*")]
    with keyed(system, "athena", user(iam, name, *base, *statements)) as athena:
        yield athena


def reading(bucket: str, *tables: str) -> list[dict[str, Any]]:
    """What reading some tables takes."""
    named = [f"{GLUE}:table/walls/{table}" for table in tables]
    return [
        allow(
            ["glue:GetDatabase", "glue:GetTable", "glue:GetPartitions"],
            [f"{GLUE}:catalog", f"{GLUE}:database/walls", *named],
        ),
        allow("s3:ListBucket", f"arn:aws:s3:::{bucket}"),
        allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"),
    ]


def test_a_table_is_read_with_rights_to_it_and_to_its_files(system: System, iam: Any, root: Any) -> None:
    with asking(system, iam, "ann", *reading("shelf", "open")) as athena:
        assert done(athena, "SELECT id FROM open") == [["1"]]
        fails(athena, "SELECT id FROM secret", "glue:GetTable", f"{GLUE}:table/walls/secret")
        fails(
            athena, "SELECT o.id FROM open o, walls.secret s", "glue:GetTable", f"{GLUE}:table/walls/secret"
        )
        fails(athena, "DESCRIBE secret", "glue:GetTable", f"{GLUE}:table/walls/secret")
        fails(athena, "SHOW TABLES", "glue:GetTables", f"{GLUE}:catalog")
        fails(athena, "SELECT * FROM information_schema.tables", "glue:GetDatabases", f"{GLUE}:catalog")
    with asking(system, iam, "bob", *reading("shelf", "*")) as athena:
        fails(athena, "SELECT id FROM secret", "s3:ListBucket", "arn:aws:s3:::vault")
        assert done(athena, "SELECT id FROM open") == [["1"]]


def test_a_plan_that_another_left_behind_does_not_let_in(system: System, iam: Any, root: Any) -> None:
    assert done(root, "SELECT max(id) FROM secret") == [["42"]]
    with asking(system, iam, "cat") as athena:
        fails(athena, "SELECT max(id) FROM secret", "glue:GetDatabase", f"{GLUE}:catalog")


def test_a_view_is_no_way_around_its_tables(system: System, iam: Any, root: Any) -> None:
    with asking(system, iam, "dan", *reading("vault", "peep")) as athena:
        fails(athena, "SELECT * FROM peep", "glue:GetTable", f"{GLUE}:table/walls/secret")
    with asking(system, iam, "eve", *reading("vault", "peep", "secret")) as athena:
        assert done(athena, "SELECT * FROM peep") == [["42"]]


def test_objects_are_decided_one_by_one_after_partitions_were_chosen(
    system: System, iam: Any, root: Any
) -> None:
    one = reading("shelf", "days")
    one[2] = allow("s3:GetObject", "arn:aws:s3:::shelf/days/d=1/*")
    with asking(system, iam, "fay", *one) as athena:
        assert done(athena, "SELECT id FROM days WHERE d = 1") == [["1"]]
        fails(athena, "SELECT id FROM days", "s3:GetObject", "arn:aws:s3:::shelf/days/d=2/a.json")
    hidden = deny("s3:GetObject", "arn:aws:s3:::shelf/days/d=2/*")
    with asking(system, iam, "gus", *reading("shelf", "days"), hidden) as athena:
        status = run(athena, "SELECT id FROM days")["Status"]
        assert "explicit deny" in status["StateChangeReason"]
        assert done(athena, "SELECT id FROM days WHERE d = 1") == [["1"]]


def test_a_buckets_policy_counts(system: System, iam: Any, root: Any) -> None:
    s3, hal = client(system, "s3"), f"arn:aws:iam::{ACCOUNT}:user/hal"
    with asking(system, iam, "hal", *reading("shelf", "open")) as athena:
        hidden = {**deny("s3:GetObject", "arn:aws:s3:::shelf/*"), "Principal": {"AWS": hal}}
        s3.put_bucket_policy(Bucket="shelf", Policy=policy(hidden))
        try:
            fails(athena, "SELECT id FROM open", "s3:GetObject", "arn:aws:s3:::shelf/open/a.json")
        finally:
            s3.delete_bucket_policy(Bucket="shelf")
            s3.close()


def test_tags_of_objects_count(system: System, iam: Any, root: Any) -> None:
    tagged = {"StringEquals": {"s3:ExistingObjectTag/class": "secret"}}
    hidden = {**deny("s3:GetObject", "*"), "Condition": tagged}
    s3 = client(system, "s3")
    s3.put_object_tagging(
        Bucket="shelf", Key="days/d=2/a.json", Tagging={"TagSet": [{"Key": "class", "Value": "secret"}]}
    )
    with asking(system, iam, "hob", *reading("shelf", "days"), hidden) as athena:
        fails(athena, "SELECT id FROM days", "s3:GetObject", "arn:aws:s3:::shelf/days/d=2/a.json")
        assert done(athena, "SELECT id FROM days WHERE d = 1") == [["1"]]
    s3.delete_object_tagging(Bucket="shelf", Key="days/d=2/a.json")
    s3.close()


def test_a_result_is_put_and_read_with_the_callers_rights(system: System, iam: Any, root: Any) -> None:
    keys = user(iam, "ida", allow("athena:*"), *reading("shelf", "open"))
    with keyed(system, "athena", keys) as athena:
        fails(athena, "SELECT id FROM open", "s3:PutObject", "arn:aws:s3:::results/")
    theirs = run(root, "SELECT id FROM secret")["QueryExecutionId"]
    with keyed(system, "athena", keys) as athena:
        code, _, message = refused(athena.get_query_results, QueryExecutionId=theirs)
        assert (code, "s3:GetObject" in message) == ("AccessDeniedException", True)


def test_statements_that_change_need_the_catalogs_write_actions(system: System, iam: Any, root: Any) -> None:
    made = TABLES.format(name="mine", place="s3://shelf/open/", parts="")
    with asking(system, iam, "jon", *reading("shelf", "open")) as athena:
        for sql, action, resource in (
            ("CREATE DATABASE other", "glue:CreateDatabase", f"{GLUE}:catalog"),
            ("DROP DATABASE walls CASCADE", "glue:DeleteDatabase", f"{GLUE}:catalog"),
            (made, "glue:CreateTable", f"{GLUE}:catalog"),
            ("CREATE VIEW v AS SELECT 1 AS x", "glue:CreateTable", f"{GLUE}:catalog"),
            ("DROP TABLE open", "glue:DeleteTable", f"{GLUE}:catalog"),
            ("ALTER TABLE open SET LOCATION 's3://vault/secret/'", "glue:UpdateTable", f"{GLUE}:catalog"),
            ("CREATE TABLE t AS SELECT id FROM open", "glue:CreateTable", f"{GLUE}:catalog"),
            ("INSERT INTO open SELECT 2", "s3:PutObject", "arn:aws:s3:::shelf/open/"),
            (
                "UNLOAD (SELECT id FROM open) TO 's3://vault/out/' WITH (format = 'JSON')",
                "s3:ListBucket",
                "arn:aws:s3:::vault",
            ),
        ):
            fails(athena, sql, action, resource)
    change = allow("glue:*", [f"{GLUE}:catalog", f"{GLUE}:database/walls", f"{GLUE}:table/walls/made"])
    with asking(system, iam, "kim", *reading("shelf", "open"), change) as athena:
        fails(athena, made, "glue:CreateTable", f"{GLUE}:table/walls/mine")
        fails(
            athena,
            "CREATE TABLE made WITH (external_location = 's3://shelf/made/') AS SELECT id FROM open",
            "s3:PutObject",
            "arn:aws:s3:::shelf/made/",
        )
    put = allow("s3:PutObject", "arn:aws:s3:::shelf/made/*")
    with asking(system, iam, "lea", *reading("shelf", "open", "made"), change, put) as athena:
        done(athena, "CREATE TABLE made WITH (external_location = 's3://shelf/made/') AS SELECT id FROM open")
        done(athena, "INSERT INTO made SELECT 7")
        assert done(athena, "SELECT id FROM made ORDER BY id") == [["1"], ["7"]]
        done(athena, "DROP TABLE made")


def test_a_partition_elsewhere_is_no_way_into_a_bucket(system: System, iam: Any, root: Any) -> None:
    change = allow("glue:*", [f"{GLUE}:catalog", f"{GLUE}:database/walls", f"{GLUE}:table/walls/days"])
    with asking(system, iam, "max", *reading("shelf", "days"), change) as athena:
        done(athena, "ALTER TABLE days ADD PARTITION (d = 9) LOCATION 's3://vault/secret/'")
        fails(athena, "SELECT id FROM days WHERE d = 9", "s3:GetObject", "arn:aws:s3:::vault/secret/a.json")
        assert done(athena, "SELECT id FROM days WHERE d = 1") == [["1"]]
        done(athena, "ALTER TABLE days DROP PARTITION (d = 9)")


def test_athenas_lists_are_bounded_too(system: System, iam: Any, root: Any) -> None:
    with asking(system, iam, "ned", *reading("shelf", "open")) as athena:
        named = {"CatalogName": "AwsDataCatalog", "DatabaseName": "walls"}
        assert athena.get_table_metadata(**named, TableName="open")["TableMetadata"]["Name"] == "open"
        for call, given in (
            (athena.get_table_metadata, {**named, "TableName": "secret"}),
            (athena.list_table_metadata, named),
            (athena.list_databases, {"CatalogName": "AwsDataCatalog"}),
        ):
            code, _, message = refused(call, **given)
            assert code == "MetadataException"
            assert "is not authorized to perform: glue:Get" in message


def test_a_condition_on_the_callers_address_does_not_hold_for_what_athena_does(
    system: System, iam: Any, root: Any
) -> None:
    """As on AWS, where Athena calls from addresses of its own; `aws:CalledVia` is how it is told."""
    here = {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}
    via = {"ForAnyValue:StringEquals": {"aws:CalledVia": "athena.amazonaws.com"}}
    for name, condition, works in (("oda", here, False), ("pat", via, True)):
        statements = [{**each, "Condition": condition} for each in reading("shelf", "open")]
        with asking(system, iam, name, *statements) as athena:
            state = run(athena, "SELECT id FROM open")["Status"]["State"]
            assert state == ("SUCCEEDED" if works else "FAILED")
