"""An object that is overwritten again and again: who reads it has one version whole, and the others take no room for long."""

from __future__ import annotations

import io
import itertools
import json
import threading
import time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from forebay.readers import Readers
from tests.harness import System, until
from tests.wire.s3 import read
from tests.wire.sdk import client, serving

system = serving("name: overwriting\nlake: {pool: {}, results: {}}\n", sql=True)
SERDES = {
    "json": "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'",
    "parquet": "STORED AS PARQUET",
}
ROWS = 30_000
TIMES = 30


def kept(system: System) -> int:
    """How many files with an object's bytes there are."""
    return sum(path.is_file() for path in (system.layout.lake / ".objects").rglob("*") if path.stat().st_size)


def lines(n: int) -> bytes:
    return (json.dumps({"n": n}).encode() + b"\n") * ROWS


def parquet(n: int) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"n": [n] * ROWS}), sink)
    return sink.getvalue()


@pytest.mark.parametrize("size", [1000, 2 << 20])
def test_what_is_overwritten_takes_no_room_for_long(system: System, s3: Any, size: int) -> None:
    before = kept(system)
    for n in range(20):
        s3.put_object(Bucket="pool", Key=f"room/{size}", Body=b"%d" % n * size)
    assert read(s3, "pool", f"room/{size}") == b"19" * size  # all files are made by now
    until(lambda: kept(system) == before + 1)


def test_nothing_is_removed_while_a_process_reads_that_may_have_seen_it(system: System, s3: Any) -> None:
    s3.put_object(Bucket="pool", Key="seen", Body=b"1" * (1 << 20))
    readers, before = Readers(system.layout.lake), kept(system)
    with readers.one():
        for n in range(5):
            s3.put_object(Bucket="pool", Key="seen", Body=b"%d" % n * (1 << 20))
        time.sleep(4)  # several times as long as it takes
        assert kept(system) == before + 5
    until(lambda: kept(system) == before)


def test_who_reads_meanwhile_has_one_version_whole(system: System, s3: Any, athena: Any) -> None:
    for table, form in SERDES.items():
        athena.start_query_execution(
            QueryString=f"CREATE EXTERNAL TABLE overwriting.{table} (n bigint) {form} LOCATION 's3://pool/{table}/'",
            ResultConfiguration={"OutputLocation": "s3://results/"},
        )
    s3.put_object(Bucket="pool", Key="json/a.json", Body=lines(0))
    s3.put_object(Bucket="pool", Key="parquet/a.parquet", Body=parquet(0))
    tables = client(system, "glue")
    until(lambda: len(tables.get_tables(DatabaseName="overwriting")["TableList"]) == len(SERDES))
    trouble: list[BaseException] = []
    read_all = threading.Event()

    def again(work: Any, times: range | itertools.count[int]) -> threading.Thread:
        def run() -> None:
            try:
                for n in times:
                    work(n)
                    if read_all.is_set():
                        return
            except BaseException as error:
                trouble.append(error)

        return threading.Thread(target=run)

    def write(n: int) -> None:
        writer.put_object(Bucket="pool", Key="json/a.json", Body=lines(n))
        writer.put_object(Bucket="pool", Key="parquet/a.parquet", Body=parquet(n))

    def get(_: int) -> None:
        assert len(set(read(getter, "pool", "json/a.json").splitlines())) == 1

    def select(_: int) -> None:
        answer = selector.select_object_content(
            Bucket="pool",
            Key="json/a.json",
            Expression="SELECT COUNT(*) AS c, MIN(s.n) AS low, MAX(s.n) AS high FROM S3Object s",
            ExpressionType="SQL",
            InputSerialization={"JSON": {"Type": "LINES"}},
            OutputSerialization={"JSON": {}},
        )
        row = json.loads(b"".join(e["Records"]["Payload"] for e in answer["Payload"] if "Records" in e))
        assert row["c"] == ROWS
        assert row["low"] == row["high"]

    def query(_: int) -> None:
        for table in SERDES:
            assert system.query(f"SELECT count(*), count(DISTINCT n) FROM {table}") == [[ROWS, 1]]

    writer, getter, selector = (client(system, "s3") for _ in range(3))
    writing = again(write, itertools.count(1))
    reading = [again(work, range(TIMES)) for work in (get, select, query)]
    for thread in (writing, *reading):
        thread.start()
    for thread in reading:
        thread.join()
    read_all.set()
    writing.join()
    assert not trouble
    until(lambda: len(list((system.layout.lake / "pool").rglob("a.*"))) == 2)
