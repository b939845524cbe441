"""What Athena's clients read besides rows: SHOW and DESCRIBE, kinds of statements, where results lie, Glue's errors."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.harness import until
from tests.wire.sdk import refused, serving, speaking

system = serving("name: shop\nlake: {data: {}, results: {}}\n", sql=True)
athena = speaking("athena")
s3 = speaking("s3")
glue = speaking("glue")

PEOPLE = (
    "CREATE EXTERNAL TABLE shop.people (id int COMMENT 'the id', a_name_of_more_than_twenty string)"
    " PARTITIONED BY (y string) ROW FORMAT DELIMITED FIELDS TERMINATED BY ','"
    " LOCATION 's3://data/people/' TBLPROPERTIES ('a'='b')"
)


def finished(athena: Any, sql: str, **more: Any) -> Any:
    given = {"ResultConfiguration": {"OutputLocation": "s3://results/here/"}, **more}
    id = athena.start_query_execution(QueryString=sql, **given)["QueryExecutionId"]

    def ended() -> Any:
        execution = athena.get_query_execution(QueryExecutionId=id)["QueryExecution"]
        return None if execution["Status"]["State"] in ("QUEUED", "RUNNING") else execution

    execution = until(ended)
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    return execution


def results(athena: Any, sql: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = athena.get_query_results(
        QueryExecutionId=finished(athena, sql, **more)["QueryExecutionId"]
    )
    return found


def lines(found: dict[str, Any]) -> list[str]:
    """Each row's one cell."""
    cells = [row["Data"] for row in found["ResultSet"]["Rows"]]
    assert all(len(row) == 1 for row in cells), cells
    return [row[0].get("VarCharValue", "") for row in cells]


def columns(found: dict[str, Any]) -> list[tuple[str, str]]:
    info = found["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert all((each["Precision"], each["CaseSensitive"]) == (0, False) for each in info)
    return [(each["Name"], each["Type"]) for each in info]


TO_DROP = {
    "DROP_VIEW": "CREATE OR REPLACE VIEW shop.v AS SELECT 1 AS one",
    "DROP_DATABASE": "CREATE SCHEMA IF NOT EXISTS other",
}


@pytest.fixture(scope="module", autouse=True)
def people(athena: Any) -> None:
    finished(athena, PEOPLE)
    finished(athena, "ALTER TABLE shop.people ADD PARTITION (y='1') PARTITION (y='2')")
    finished(
        athena, "CREATE VIEW shop.names AS SELECT id, a_name_of_more_than_twenty AS name FROM shop.people"
    )


def test_describe_answers_one_padded_string_a_row_under_three_columns(athena: Any) -> None:
    found = results(athena, "DESCRIBE shop.people")
    assert columns(found) == [("col_name", "string"), ("data_type", "string"), ("comment", "string")]
    assert "UpdateCount" not in found
    key = f"{'y':<20}\t{'string':<20}\t{'':<20}"
    assert lines(found) == [
        f"{'id':<20}\t{'int':<20}\t{'the id':<20}",
        f"a_name_of_more_than_twenty\t{'string':<20}\t{'':<20}",
        key,
        "\t \t ",
        "# Partition Information\t \t ",
        f"{'# col_name':<20}\t{'data_type':<20}\t{'comment':<20}",
        "\t \t ",
        key,
    ]
    assert results(athena, "DESC `shop`.`people`")["ResultSet"] == found["ResultSet"]


def test_the_text_file_of_what_is_shown_is_its_rows_without_a_last_newline(athena: Any, s3: Any) -> None:
    execution = finished(athena, "SHOW PARTITIONS shop.people")
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://results/here/{execution['QueryExecutionId']}.txt"
    body = s3.get_object(Bucket="results", Key=location.removeprefix("s3://results/"))["Body"].read()
    assert body == b"y=1\ny=2"


@pytest.mark.parametrize(
    ("sql", "kind", "named", "shown"),
    [
        ("SHOW TABLES IN shop", "SHOW_TABLES", [("tab_name", "string")], ["names", "people"]),
        ("SHOW VIEWS IN shop", "SHOW_VIEWS", [("views", "varchar")], ["names"]),
        ("SHOW DATABASES", "SHOW_DATABASES", [("database_name", "string")], ["shop"]),
        ("SHOW PARTITIONS shop.people", "SHOW_PARTITIONS", [("partition", "string")], ["y=1", "y=2"]),
        (
            "SHOW COLUMNS IN shop.people",
            "SHOW_COLUMNS",
            [("field", "string")],
            [f"{'id':<20}", "a_name_of_more_than_twenty", f"{'y':<20}"],
        ),
        (
            "/* of what */ SHOW TBLPROPERTIES shop.people",
            "SHOW_TABLE_PROPERTIES",
            [("prpt_name", "string"), ("prpt_value", "string")],
            ["external\tTRUE", "a\tb"],
        ),
        (
            "SHOW CREATE VIEW shop.names",
            "SHOW_CREATE_VIEW",
            [("create view", "varchar")],
            ["CREATE VIEW names AS", "SELECT id, a_name_of_more_than_twenty AS name FROM shop.people"],
        ),
        (
            "DESCRIBE shop.names",
            "DESC_VIEW",
            [("column", "varchar"), ("type", "varchar")],
            ["id\tinteger", "name\tvarchar"],
        ),
    ],
)
def test_what_is_shown_has_athenas_columns_and_kind(
    athena: Any, sql: str, kind: str, named: list[tuple[str, str]], shown: list[str]
) -> None:
    execution = finished(athena, sql)
    assert (execution["StatementType"], execution["SubstatementType"]) == ("UTILITY", kind)
    found = athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
    assert columns(found) == named
    assert found["UpdateCount"] == 0
    assert sorted(lines(found)) == sorted(shown)


def test_show_create_table_makes_the_table_again(athena: Any) -> None:
    found = results(athena, "SHOW CREATE TABLE shop.people")
    assert columns(found) == [("createtab_stmt", "string")]
    shown = "\n".join(lines(found))
    assert shown.startswith("CREATE EXTERNAL TABLE `shop.people`(")
    assert lines(results(athena, "SHOW CREATE TABLE people"))[0] == "CREATE EXTERNAL TABLE `people`("
    assert "ROW FORMAT DELIMITED \n  FIELDS TERMINATED BY ',' \nSTORED AS INPUTFORMAT" in shown
    finished(athena, shown.replace("`shop.people`", "shop.again"))
    again = "\n".join(lines(results(athena, "SHOW CREATE TABLE shop.again")))
    assert again == shown.replace("shop.people", "shop.again")


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("ALTER TABLE shop.kinds ADD COLUMNS (m int COMMENT 'new')", "ALTER_TABLE_ADD_COLUMN"),
        ("ALTER TABLE shop.kinds SET TBLPROPERTIES ('c'='add columns')", "ALTER_TABLE_PROPERTIES"),
        ("ALTER TABLE shop.kinds REPLACE COLUMNS (m int)", "ALTER_TABLE_REPLACE_COLUMN"),
        ("ALTER TABLE shop.kinds ADD IF NOT EXISTS PARTITION (y='3')", "ALTER_TABLE_ADD_PARTITION"),
        ("ALTER TABLE shop.kinds DROP PARTITION (y='3')", "ALTER_TABLE_DROP_PARTITION"),
        ("MSCK REPAIR TABLE `kinds`;", "MSCK_REPAIR"),
        ("CREATE OR REPLACE VIEW shop.v AS SELECT 1 AS one", "CREATE_VIEW"),
        ("-- away\nDROP VIEW shop.v", "DROP_VIEW"),
        ("DROP TABLE shop.kinds", "DROP_TABLE"),
        ("CREATE SCHEMA other", "CREATE_DATABASE"),
        ("DROP DATABASE other", "DROP_DATABASE"),
    ],
)
def test_statements_that_change_have_athenas_kind_and_no_count(athena: Any, sql: str, kind: str) -> None:
    finished(athena, PEOPLE.replace("EXTERNAL TABLE shop.people", "EXTERNAL TABLE IF NOT EXISTS shop.kinds"))
    if kind in TO_DROP:
        finished(athena, TO_DROP[kind])
    # A database in backticks is what the catalog's clients give for MSCK and DESCRIBE.
    execution = finished(athena, sql, QueryExecutionContext={"Database": "`shop`"})
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DDL", kind)
    assert "UpdateCount" not in athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])


def test_what_writes_tables_has_no_result_but_files_beside_its_place(athena: Any, s3: Any) -> None:
    made = finished(athena, "CREATE TABLE shop.made AS SELECT 1 AS n, 'x' AS s")
    id = made["QueryExecutionId"]
    assert made["ResultConfiguration"]["OutputLocation"] == f"s3://results/here/tables/{id}"
    assert made["SubstatementType"] == "CREATE_TABLE_AS_SELECT"
    manifest = made["Statistics"]["DataManifestLocation"]
    assert manifest == f"s3://results/here/tables/{id}-manifest.csv"
    listed = s3.get_object(Bucket="results", Key=manifest.removeprefix("s3://results/"))["Body"].read()
    assert listed.decode().startswith(f"s3://results/here/tables/{id}/")
    inserted = finished(athena, "INSERT INTO shop.made VALUES (2, 'y'), (3, 'z')")
    place = inserted["ResultConfiguration"]["OutputLocation"]
    assert place == f"s3://results/here/{inserted['QueryExecutionId']}"
    assert athena.get_query_results(QueryExecutionId=inserted["QueryExecutionId"])["UpdateCount"] == 2
    unloaded = finished(athena, "UNLOAD (SELECT * FROM shop.made) TO 's3://data/un/' WITH (format='PARQUET')")
    place = unloaded["ResultConfiguration"]["OutputLocation"]
    assert place == f"s3://results/here/{unloaded['QueryExecutionId']}"


@pytest.mark.parametrize(
    "form",
    [
        "",
        "ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\'",
        "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'",
        "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe'"
        " WITH SERDEPROPERTIES ('serialization.format'='1')",
        "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'",
        "STORED AS PARQUET",
    ],
)
def test_what_was_inserted_is_read_by_the_tables_own_serde(athena: Any, form: str) -> None:
    name = f"shop.t{abs(hash(form))}"
    finished(
        athena,
        f"CREATE EXTERNAL TABLE {name} (n int, s string, d double) {form} LOCATION 's3://data/{name}/'",
    )
    finished(athena, f"INSERT INTO {name} VALUES (1, 'a,\"b\"\\c', 1.5), (2, NULL, NULL)")
    found = results(athena, f"SELECT s, n, d FROM {name} ORDER BY n")["ResultSet"]["Rows"][1:]
    cells = [[cell.get("VarCharValue") for cell in row["Data"]] for row in found]
    nothing = "" if "OpenCSV" in form else None
    assert cells == [['a,"b"\\c', "1", "1.5"], [nothing, "2", None]]


def test_what_is_prepared_takes_its_parameters_from_the_call_too(athena: Any) -> None:
    athena.create_prepared_statement(
        StatementName="pair", WorkGroup="primary", QueryStatement="SELECT ? AS a, ? AS b"
    )
    for sql, given in (('EXECUTE "pair"', ["1", "'x'"]), ("EXECUTE pair USING 1, 'x'", [])):
        more = {"ExecutionParameters": given} if given else {}
        rows = results(athena, sql, **more)["ResultSet"]["Rows"]
        assert [cell["VarCharValue"] for cell in rows[1]["Data"]] == ["1", "x"]


def test_what_is_not_in_the_catalog_is_glues_error_passed_on(athena: Any) -> None:
    given = {"CatalogName": "AwsDataCatalog", "DatabaseName": "shop"}
    for call, more in (
        (athena.get_table_metadata, {**given, "TableName": "nope"}),
        (athena.get_database, {**given, "DatabaseName": "nope"}),
        (athena.list_table_metadata, {**given, "DatabaseName": "nope"}),
    ):
        error = refused("MetadataException", "Error Code: EntityNotFoundException", call, **more)
        assert re.search(
            r"\(Service: AmazonDataCatalog; Status Code: 400; .*; Proxy: null\)$", error["Message"]
        )


def test_a_tables_metadata_says_how_its_files_are_read(athena: Any, glue: Any) -> None:
    given = {"CatalogName": "AwsDataCatalog", "DatabaseName": "shop"}
    found = athena.get_table_metadata(**given, TableName="people")["TableMetadata"]
    assert found["Columns"][0] == {"Name": "id", "Type": "int", "Comment": "the id"}
    assert found["Parameters"]["serde.param.field.delim"] == ","
    assert found["Parameters"]["inputformat"] == "org.apache.hadoop.mapred.TextInputFormat"
    storage = {"Columns": [{"Name": "n", "Type": "int", "Comment": "a number"}], "Location": "s3://data/g/"}
    glue.create_table(DatabaseName="shop", TableInput={"Name": "glued", "StorageDescriptor": storage})
    found = athena.get_table_metadata(**given, TableName="glued")["TableMetadata"]
    assert found["Columns"] == [{"Name": "n", "Type": "int", "Comment": "a number"}]


def test_the_bucket_of_results_is_a_bucket_like_others(athena: Any, s3: Any) -> None:
    """It is made when first needed, and listing the buckets stays possible."""
    id = athena.start_query_execution(QueryString="SELECT 1")["QueryExecutionId"]
    until(
        lambda: (
            athena.get_query_execution(QueryExecutionId=id)["QueryExecution"]["Status"]["State"]
            == "SUCCEEDED"
        )
    )
    assert "athena-results" in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
