"""The query's process on its socket, and `forebay query` through it or without it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from pyarrow import parquet

from forebay.cli.query import command
from forebay.errors import ForebayError, QueryFailed
from forebay.ipc import AsyncClient, Client
from forebay.query.engine import QueryEngine
from forebay.runtime import query_process
from forebay.runtime.options import Options
from forebay.streams.reader import opener
from tests.query.world import World, line

Talk = Callable[[AsyncClient], Awaitable[Any]]


def served(world: World, talk: Talk) -> Any:
    """What `talk` returns, with a process over the world's state at the other end."""

    async def main() -> Any:
        stop = asyncio.Event()
        serving = asyncio.create_task(query_process.serve(world.layout, stop, Options()))
        client = AsyncClient(world.layout.socket("query"), "query")
        try:
            while True:
                try:
                    await client.call("status")
                    break
                except ForebayError:
                    await asyncio.sleep(0.01)
            return await talk(client)
        finally:
            await client.close()
            stop.set()
            await serving

    return asyncio.run(main())


def test_rows_cross_the_socket_as_arrow(world: World) -> None:
    world.table("t", [("a", "int"), ("b", "string")])
    world.object("t/1.json", line(a=1, b="x"))

    async def talk(client: AsyncClient) -> Any:
        return await client.call("query", sql="SELECT a, b, a + 0.5 FROM t", database="shop")

    said = served(world, talk)
    assert said["columns"] == [["a", "integer"], ["b", "varchar"], ["_col2", "decimal(12,1)"]]
    assert pa.ipc.open_stream(said["arrow"]).read_all().num_rows == said["rows"] == 1
    assert said["truncated"] is False
    assert said["stats"]["tables"] == ["shop.t"]


def test_a_refusal_crosses_with_its_place(world: World) -> None:
    world.table("t", [("amount", "int")])

    async def talk(client: AsyncClient) -> Any:
        with pytest.raises(QueryFailed) as refused:
            await client.call("query", sql="SELECT\n  amont FROM t", database="shop")
        return refused.value

    error = served(world, talk)
    assert error.code == "COLUMN_NOT_FOUND"
    assert error.extra == {"line": 2, "column": 3, "hint": "did you mean amount?"}


def test_the_default_database_is_the_project_s(world: World) -> None:
    world.layout.applied.write_text(json.dumps({"name": "shop"}))
    world.table("t", [("a", "int")])

    async def talk(client: AsyncClient) -> Any:
        before = (await client.call("stamp", sql="SELECT * FROM t"))["stamp"]
        world.object("t/1.json", line(a=1))
        return (
            before,
            (await client.call("stamp", sql="SELECT * FROM t"))["stamp"],
            await client.call("status"),
        )

    before, after, status = served(world, talk)
    assert before != after
    assert status["running"] == 0


def test_a_table_of_a_project_that_was_just_applied_is_waited_for(world: World) -> None:
    world.table("old", [("a", "int")])
    world.layout.applied.write_text(json.dumps({"name": "shop", "revision": "next"}))

    async def talk(client: AsyncClient) -> Any:
        asked = asyncio.create_task(client.call("query", sql="SELECT a FROM new"))
        assert (await client.call("query", sql="SELECT a FROM old"))["rows"] == 0
        assert not asked.done()
        world.table("new", [("a", "int")])
        world.declared("next")
        first = await asked
        with pytest.raises(QueryFailed, match="newer"):
            await client.call("query", sql="SELECT a FROM newer", timeout=query_process.DECLARED / 2)
        return first["rows"]

    assert served(world, talk) == 0


def test_a_slow_query_ends_in_time_and_others_run_meanwhile(world: World) -> None:
    slow = "SELECT count(*) FROM UNNEST(sequence(1, 9000)) a(x), UNNEST(sequence(1, 9000)) b(y), UNNEST(sequence(1, 9000)) c(z) WHERE x * y % 7 = z % 5"

    async def talk(client: AsyncClient) -> Any:
        waiting = asyncio.create_task(client.call("query", sql=slow, database="shop", seconds=1.0))
        quick = await client.call("query", sql="SELECT 1", database="shop")
        with pytest.raises(QueryFailed) as refused:
            await waiting
        again = await client.call("query", sql="SELECT 1", database="shop")
        return quick["rows"], refused.value.code, again["rows"]

    assert served(world, talk) == (1, "QUERY_TIMEOUT", 1)


def test_a_cancelled_query_says_so(world: World) -> None:
    slow = "SELECT count(*) FROM UNNEST(sequence(1, 9000)) a(x), UNNEST(sequence(1, 9000)) b(y), UNNEST(sequence(1, 9000)) c(z) WHERE x * y % 7 = z % 5"

    async def talk(client: AsyncClient) -> Any:
        waiting = asyncio.create_task(client.call("query", sql=slow, database="shop", id="q1"))
        while not (await client.call("cancel", id="q1"))["cancelled"]:
            await asyncio.sleep(0.01)
        with pytest.raises(QueryFailed) as refused:
            await waiting
        return refused.value.code

    assert served(world, talk) == "QUERY_CANCELLED"


def test_a_query_that_needs_too_much_memory_is_refused_and_the_next_one_runs(world: World) -> None:
    greedy = "SELECT max(cardinality(a)) FROM (SELECT x % 3 AS k, array_agg(repeat('x', 1000)) AS a FROM UNNEST(sequence(1, 100000)) AS s(x) GROUP BY 1)"
    engine = QueryEngine(world.layout, memory_bytes=48 << 20, open_log=opener(world.layout))
    try:
        with pytest.raises(QueryFailed) as refused:
            engine.query(greedy, "shop")
        assert refused.value.code == "EXCEEDED_LOCAL_MEMORY_LIMIT"
        assert list(engine.query("SELECT 1", "shop").cells()) == [["1"]]
    finally:
        engine.close()


def test_many_queries_at_once_each_get_their_own_answer(world: World) -> None:
    world.table("t", [("a", "int")])
    world.object("t/1.json", b"\n".join(line(a=i) for i in range(1000)))
    wrong: list[Any] = []

    def ask(n: int) -> None:
        for i in range(10):
            got = world.one(f"SELECT count(*) + {n * 100 + i} FROM t")
            if got != str(1000 + n * 100 + i):
                wrong.append((n, i, got))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_hot_rows_are_decoded_before_they_are_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what was hot need not be decoded again once it is an object."""
    world.table("t", [("a", "int")])
    assert world.one("SELECT count(*) FROM t") == "0"
    buffer = world.buffer("t/")
    world.segment(buffer, [line(a=1), line(a=2)])
    world.db.execute(
        "INSERT INTO intents(buffer, bucket, key, created) VALUES (?, 'lake', 't/f.json', 0)", (buffer,)
    )
    world.engine.warm()
    data = line(a=1) + b"\n" + line(a=2) + b"\n"
    world.file("t/f.json", data)
    with world.db:
        world.register("t/f.json", data, rows=2)
        world.db.execute("DELETE FROM segments")
        world.db.execute("DELETE FROM intents")
        world.db.execute("DELETE FROM buffers")
    monkeypatch.setattr(
        "forebay.query.reading.decompress", lambda data, key: pytest.fail(f"{key} is decoded again")
    )
    assert world.one("SELECT sum(a) FROM t") == "3"


# ── forebay query ───────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def asked(world: World) -> Callable[..., Result]:
    world.table("t", [("id", "int"), ("name", "string"), ("score", "double")])
    world.object("t/1.json", line(id=1, name='a "quoted", one', score=1e10) + b"\n" + line(id=2) + b"\n")

    def ask(*arguments: str, fails: bool = False) -> Result:
        found = CliRunner().invoke(
            command,
            [*arguments, "--state", str(world.layout.root), "--database", "shop"],
            standalone_mode=False,
        )
        if not fails and found.exception is not None:
            raise found.exception
        return found

    return ask


def test_without_a_terminal_a_table_is_plain(asked: Callable[..., Result]) -> None:
    assert asked("SELECT * FROM t ORDER BY id").stdout.splitlines() == [
        "id  name              score",
        "--  ---------------  ------",
        ' 1  a "quoted", one  1.0E10',
        " 2",
    ]


def test_a_table_whose_columns_are_still_to_come_says_so(world: World, asked: Callable[..., Result]) -> None:
    world.table("new", [], format="parquet")
    found = asked("SELECT * FROM new")
    assert (found.stdout.strip(), found.stderr.strip()) == (
        "",
        "the table has no columns yet: they come with its first event",
    )


def test_csv_is_as_athena_writes_it(asked: Callable[..., Result]) -> None:
    text = asked("SELECT * FROM t ORDER BY id", "--format", "csv").stdout
    assert text.splitlines()[:2] == ['"id","name","score"', '"1","a ""quoted"", one","1.0E10"']
    assert text.splitlines()[2] == '"2",,'
    assert next(iter(csv.DictReader(io.StringIO(text))))["name"] == 'a "quoted", one'


def test_json_lines_and_one_document(asked: Callable[..., Result]) -> None:
    lines = asked("SELECT id, name FROM t ORDER BY id", "--format", "json").stdout.splitlines()
    assert [json.loads(text) for text in lines] == [
        {"id": 1, "name": 'a "quoted", one'},
        {"id": 2, "name": None},
    ]
    document = json.loads(asked("SELECT id FROM t ORDER BY id", "--json").stdout)
    assert document["columns"] == [{"name": "id", "type": "integer"}]
    assert document["rows"] == [[1], [2]]


def test_parquet_needs_a_file(asked: Callable[..., Result], tmp_path: Path) -> None:
    refused = asked("SELECT * FROM t", "--format", "parquet", fails=True).exception
    assert isinstance(refused, ForebayError)
    assert refused.code == "NoOutput"
    out = tmp_path / "rows.parquet"
    asked("SELECT id, id FROM t", "--output", str(out))
    assert parquet.read_table(out).column_names == ["id", "id_1"]


def test_a_file_of_sql_and_a_name_that_is_none(asked: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "q.sql"
    path.write_text("SELECT count(*) AS n FROM t")
    assert asked(str(path), "--format", "csv").stdout == '"n"\n"2"\n'
    refused = asked("nosuch", fails=True).exception
    assert isinstance(refused, ForebayError)
    assert refused.code == "UnknownQuery"


def test_a_mistake_is_shown_with_its_line(asked: Callable[..., Result]) -> None:
    refused = asked("SELECT id,\n  nmae FROM t", fails=True).exception
    assert isinstance(refused, QueryFailed)
    assert refused.extra["source"] == "  nmae FROM t"
    assert (refused.extra["column"], refused.extra["hint"]) == (3, "did you mean name?")


def test_what_is_not_built_says_so(asked: Callable[..., Result]) -> None:
    refused = asked("SELECT 1", "--target", "aws", fails=True).exception
    assert isinstance(refused, ForebayError)
    assert refused.code == "NotBuilt"


def test_a_client_without_a_loop_asks_too(world: World) -> None:
    world.table("t", [("a", "int")])

    async def talk(_: AsyncClient) -> Any:
        def ask() -> Any:
            client = Client(world.layout.socket("query"), "query")
            try:
                return client.call("query", sql="SELECT count(*) FROM t", database="shop", max_rows=10)
            finally:
                client.close()

        return await asyncio.to_thread(ask)

    assert served(world, talk)["rows"] == 1
