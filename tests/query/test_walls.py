"""No text of a query reads, writes or loads anything but the rows of its tables, through either wall."""

from __future__ import annotations

import contextlib
from pathlib import Path

import duckdb
import pytest

from forebay.errors import QueryFailed
from forebay.query.connection import connect
from tests.query.world import World, line

SECRET = "the canary's song"

ESCAPES = [
    # statements of another kind
    "COPY (SELECT 1) TO '{out}'",
    "COPY t TO '{out}' (FORMAT csv)",
    "COPY t FROM '{secret}'",
    "EXPORT DATABASE '{out}'",
    "IMPORT DATABASE '{out}'",
    "ATTACH '{out}' AS x",
    "ATTACH ':memory:' AS x",
    "DETACH memory",
    "USE information_schema",
    "INSTALL httpfs",
    "LOAD httpfs",
    "FORCE INSTALL spatial",
    "SET enable_external_access = true",
    "SET SESSION memory_limit = '100GB'",
    "RESET lock_configuration",
    "PRAGMA database_list",
    "PRAGMA enable_external_access",
    "CALL pragma_version()",
    "CHECKPOINT",
    "VACUUM",
    "CREATE TABLE x (a int)",
    "CREATE TABLE x AS SELECT 1",
    "CREATE VIEW x AS SELECT 1",
    "CREATE MACRO x() AS 1",
    "CREATE SECRET x (TYPE s3)",
    "CREATE TEMP TABLE x AS SELECT 1",
    "INSERT INTO t VALUES (1)",
    "UPDATE t SET a = 2",
    "DELETE FROM t",
    "DROP TABLE t",
    "ALTER TABLE t ADD COLUMN b int",
    "TRUNCATE TABLE t",
    "MERGE INTO t USING t s ON t.a = s.a WHEN MATCHED THEN DELETE",
    "BEGIN",
    "PREPARE x AS SELECT 1",
    "EXECUTE x",
    "EXPLAIN COPY t TO '{out}'",
    "EXPLAIN ANALYZE INSERT INTO t VALUES (1)",
    "DESCRIBE SELECT * FROM read_text('{secret}')",
    "SUMMARIZE t",
    "SHOW ALL TABLES",
    "FROM t",
    "FROM read_text('{secret}')",
    "PIVOT t ON a",
    "UNPIVOT t ON a INTO NAME n VALUE v",
    # files as tables
    "SELECT * FROM '{secret}'",
    'SELECT * FROM "{secret}"',
    "SELECT * FROM '/etc/passwd'",
    'SELECT * FROM "/etc/passwd"',
    'SELECT * FROM "shop"."/etc/passwd"',
    'SELECT * FROM "{other}"',
    "SELECT * FROM '{other}'",
    "SELECT * FROM `{other}`",
    # table functions
    "SELECT * FROM read_text('{secret}')",
    "SELECT * FROM read_blob('{secret}')",
    "SELECT * FROM read_csv('{secret}')",
    "SELECT * FROM read_csv_auto('{secret}')",
    "SELECT * FROM read_json('{secret}')",
    "SELECT * FROM read_json_auto('{secret}')",
    "SELECT * FROM read_ndjson_objects('{secret}')",
    "SELECT * FROM read_parquet('{other}')",
    "SELECT * FROM parquet_scan('{other}')",
    "SELECT * FROM parquet_metadata('{other}')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM glob('{lake}/**')",
    "SELECT * FROM sniff_csv('{secret}')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_extensions()",
    "SELECT * FROM pragma_database_list()",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('t')",
    "SELECT * FROM range(10)",
    "SELECT * FROM generate_series(1, 10)",
    "SELECT * FROM TABLE(read_text('{secret}'))",
    "SELECT * FROM LATERAL read_text('{secret}')",
    "SELECT * FROM t, read_text('{secret}')",
    "SELECT * FROM t JOIN read_text('{secret}') ON true",
    "SELECT * FROM (SELECT * FROM read_text('{secret}'))",
    "WITH x AS (SELECT * FROM read_text('{secret}')) SELECT * FROM x",
    "WITH read_text AS (SELECT 1 a) SELECT * FROM read_text('{secret}')",
    "SELECT (SELECT content FROM read_text('{secret}'))",
    "SELECT a FROM t WHERE EXISTS (SELECT * FROM read_text('{secret}'))",
    "SELECT a FROM t WHERE a IN (SELECT 1 FROM glob('/etc/*'))",
    "SELECT 1 UNION ALL SELECT length(content) FROM read_text('{secret}')",
    "VALUES ((SELECT content FROM read_text('{secret}')))",
    # scalar functions
    "SELECT getenv('HOME')",
    "SELECT current_setting('memory_limit')",
    "SELECT getvariable('x')",
    "SELECT * FROM t WHERE getenv('HOME') = 'x'",
    "SELECT read_text('{secret}')",
    "SELECT content('{secret}')",
    "SELECT parse_path('{secret}')",
    "SELECT error('x')",
    "SELECT query('SELECT 1')",
    "SELECT nextval('x')",
    "SELECT write_log('x')",
    "SELECT pg_sleep(1)",
    "SELECT version()",
    "SELECT current_database()",
    "SELECT current_user",
    "SELECT \"getenv\"('HOME')",
    "SELECT \"read_text\"('{secret}')",
    "SELECT system.main.getenv('HOME')",
    "SELECT main.getenv('HOME')",
    "SELECT fb_now()",
    "SELECT athena__getenv('HOME')",
    "SELECT a.getenv('HOME') FROM t a",
    "SELECT transform(ARRAY[1], x -> getenv('HOME'))",
    "SELECT reduce(ARRAY[1], 0, (s, x) -> length(getenv('HOME')), s -> s)",
    "SELECT count(*) FILTER (WHERE getenv('HOME') = 'x') FROM t",
    "SELECT sum(a) OVER (ORDER BY getenv('HOME')) FROM t",
    "SELECT a FROM t ORDER BY getenv('HOME')",
    "SELECT a FROM t GROUP BY a HAVING getenv('HOME') = 'x'",
    "SELECT a FROM t LIMIT (SELECT length(getenv('HOME')))",
    "SELECT CASE WHEN getenv('HOME') = 'x' THEN 1 END",
    "SELECT CAST(getenv('HOME') AS varchar)",
    "SELECT * FROM UNNEST(ARRAY[getenv('HOME')]) AS t(x)",
    # several statements, and tricks with comments
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY t TO '{out}'",
    "SELECT 1;; DROP TABLE t",
    "SELECT 1 /* */; /* */ ATTACH '{out}' AS x",
    "SELECT 1 -- x\n; COPY t TO '{out}'",
    "/* SELECT */ COPY t TO '{out}'",
    "SELECT/**/getenv/**/('HOME')",
    "SELECT getenv/* sqlglot.anonymous */('HOME')",
    "SELECT getenv('HOME') /* sqlglot.anonymous */",
    "SELECT * FROM/**/read_text/**/('{secret}')",
    "SELECT * INTO x FROM t",
    "SELECT * FROM t FOR UPDATE",
    # names that only DuckDB knows
    "SELECT * FROM duckdb_tables",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM pg_catalog.pg_class",
    "SELECT * FROM pg_class",
    "SELECT * FROM information_schema.character_sets",
    "SELECT * FROM memory.main.t",
    "SELECT * FROM system.information_schema.tables",
    "SELECT * FROM __t0",
    'SELECT * FROM "__t0_rows"',
    "SELECT * FROM t, __t0",
    "SELECT * FROM lines",
    "SELECT * EXCLUDE (a) FROM t",
    "SELECT * REPLACE (getenv('HOME') AS a) FROM t",
    "SELECT COLUMNS('a') FROM t",
    "SELECT COLUMNS(*) FROM t",
    "SELECT a FROM t QUALIFY row_number() OVER () = 1",
    "SELECT a FROM t USING SAMPLE 10",
    "SELECT DISTINCT ON (a) a FROM t",
    "SELECT $1",
    "SELECT ?",
    "SELECT :x",
    "SELECT @x",
    "SELECT a::blob FROM t",
    "SELECT [x FOR x IN [1]]",
]


@pytest.fixture(scope="module")
def walled(lake: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, dict[str, str]]:
    lake.table("t", [("a", "int")])
    lake.object("t/1.json", line(a=1))
    other = lake.file("private/data.parquet", b"", bucket="other")
    secret = tmp_path_factory.mktemp("secret") / "secret.txt"
    secret.write_text(SECRET)
    places = {
        "secret": str(secret),
        "out": str(secret.parent / "out"),
        "other": str(other),
        "lake": str(lake.layout.lake),
    }
    connection = duckdb.connect()
    connection.execute(
        f"COPY (SELECT '{SECRET.replace(chr(39), chr(39) * 2)}' AS content) TO '{other}' (FORMAT parquet)"
    )
    connection.close()
    return lake, places


@pytest.mark.parametrize("sql", ESCAPES)
def test_the_first_wall_refuses(walled: tuple[World, dict[str, str]], sql: str) -> None:
    world, places = walled
    for name, path in places.items():
        sql = sql.replace("{" + name + "}", path)
    with pytest.raises(QueryFailed) as refused:
        world.ask(sql)
    assert SECRET not in str(refused.value)
    assert not Path(places["out"]).exists()
    assert world.one("SELECT count(*) FROM t") == "1"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('{secret}')",
        "SELECT * FROM read_csv('{secret}')",
        "SELECT * FROM '{secret}'",
        "SELECT * FROM glob('/etc/*')",
        "COPY (SELECT 1) TO '{out}'",
        "ATTACH '{out}' AS x",
        "INSTALL httpfs",
        "LOAD '{secret}'",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "SET memory_limit = '100GB'",
        "SET lock_configuration = false",
        "EXPORT DATABASE '{out}'",
    ],
)
def test_the_second_wall_holds_alone(walled: tuple[World, dict[str, str]], sql: str) -> None:
    """What DuckDB itself refuses, should a text ever pass the first."""
    world, places = walled
    connection = connect(world.layout, memory_bytes=64 << 20, threads=1)
    for name, path in places.items():
        sql = sql.replace("{" + name + "}", path)
    try:
        with pytest.raises(duckdb.Error):
            connection.execute(sql).fetchall()
    finally:
        connection.close()
    assert not Path(places["out"]).exists()


def test_a_python_variable_is_no_table(walled: tuple[World, dict[str, str]]) -> None:
    world, _ = walled
    here = duckdb.sql("SELECT 1")
    assert here is not None
    with pytest.raises(QueryFailed, match="TABLE_NOT_FOUND"):
        world.ask("SELECT * FROM here")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "(" * 3000 + "1" + ")" * 3000,
        "SELECT " + " + ".join(["1"] * 30_000),
        "SELECT * FROM " + "(SELECT * FROM " * 500 + "t" + ")" * 500,
        "SELECT '" + "x" * 300_000 + "'",
        "SELECT ARRAY" + "[" * 2000 + "1" + "]" * 2000,
        "SELECT " + "NOT " * 5000 + "true",
        "SELECT " + "-" * 5000 + "1",
        "SELECT 'unclosed",
        'SELECT "unclosed',
        "SELECT /* unclosed",
        "",
        ";",
        "   ",
        "SELECT",
        "\x00",
        "SELECT \ud83d\ude00",
        "🚀",
    ],
    ids=range(17),
)
def test_hostile_text_is_an_error_or_an_answer_and_never_a_crash(
    walled: tuple[World, dict[str, str]], sql: str
) -> None:
    world, _ = walled
    with contextlib.suppress(QueryFailed):
        world.ask(sql)
    assert world.one("SELECT count(*) FROM t") == "1"
