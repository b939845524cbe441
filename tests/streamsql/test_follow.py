"""Live questions: a SELECT in Flink SQL on the command line and over the console's socket, gone when its reader goes."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import boto3  # type: ignore[import-untyped, unused-ignore]
import pytest
from websockets.sync.client import connect

from forebay.errors import ForebayError, NotFound, UsageError
from tests.harness import FOREBAY, System, until
from tests.projects import project

SQL = """\
CREATE TABLE activity (user_id BIGINT, price DOUBLE, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
WITH ('connector' = 'kinesis', 'stream' = 'activity', 'format' = 'json');
CREATE TABLE dear (user_id BIGINT) WITH ('connector' = 'kinesis', 'stream' = 'dear', 'format' = 'json');
INSERT INTO dear SELECT user_id FROM activity WHERE price > 100;
"""
PROJECT = """\
name: shop
streams:
  activity: {}
  dear: {}
streamsql:
  dear: streams/dear.sql
"""
COUNTED = (
    "SELECT window_start, user_id, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE activity, DESCRIPTOR(ts), "
    "INTERVAL '10' SECOND)) GROUP BY window_start, window_end, user_id"
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("shop")
    system = System(project(folder / "p", PROJECT, **{"streams/dear.sql": SQL}), folder / "state", [], {})
    try:
        yield system.start()
    finally:
        system.end()


def put(system: System, *rows: tuple[int, float, int]) -> None:
    client: Any = boto3.client(
        "kinesis",
        endpoint_url=system.urls["aws"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    data = [
        {"user_id": user, "price": price, "ts": f"2026-03-01 12:{second // 60:02}:{second % 60:02}"}
        for user, price, second in rows
    ]
    records = [{"Data": json.dumps(each).encode(), "PartitionKey": "1"} for each in data]
    client.put_records(StreamName="activity", Records=records)
    client.close()


def test_rows_come_to_the_command_line_as_windows_close(shop: System) -> None:
    put(shop, (1, 2.0, 1), (1, 3.0, 2), (2, 1.0, 3), (9, 1.0, 30))
    done = shop.cli("query", "--follow", "--from", "earliest", "--limit", "2", "--format", "json", COUNTED)
    assert [json.loads(line) for line in done.out.splitlines()] == [
        {"window_start": "2026-03-01 12:00:00", "user_id": 1, "n": 2},
        {"window_start": "2026-03-01 12:00:00", "user_id": 2, "n": 1},
    ]
    plain = shop.cli(
        "query", "--follow", "--from", "earliest", "--limit", "1", "SELECT user_id, price FROM activity"
    )
    assert [line.split() for line in plain.out.splitlines()] == [["user_id", "price"], ["1", "2.0"]]


def test_what_does_not_run_is_said_with_its_place(shop: System) -> None:
    done = shop.cli("query", "--follow", "SELECT user_id,\n  UUID() FROM activity")
    assert done.code != 0
    assert "the function UUID does not run here" in done.err
    unknown = shop.cli("query", "--follow", "SELECT user_id FROM nothing")
    assert "there is no table nothing" in unknown.err


def test_a_question_that_is_closed_or_one_too_many_is_refused(shop: System) -> None:
    asked = [shop.call("flow", "follow_open", sql="SELECT user_id FROM activity")["id"] for _ in range(8)]
    with pytest.raises(UsageError, match="8 live questions are open"):
        shop.call("flow", "follow_open", sql="SELECT user_id FROM activity")
    for each in asked:
        shop.call("flow", "follow_close", id=each)
    with pytest.raises(NotFound, match="not read for too long, or is closed"):
        shop.call("flow", "follow_next", id=asked[0])


def test_the_console_is_sent_rows_from_now_on_until_it_hangs_up(shop: System) -> None:
    url = shop.urls["console"].replace("http", "ws") + "/api/follow"
    with connect(url) as socket:
        socket.send(json.dumps({"sql": "SELECT user_id, price FROM activity WHERE price > 50"}))
        opened = json.loads(socket.recv(timeout=30))
        assert opened["columns"] == [["user_id", "BIGINT"], ["price", "DOUBLE"]]
        putting = threading.Thread(target=put, args=(shop, (4, 60.5, 40), (5, 2.0, 41)))
        putting.start()
        found: list[Any] = []
        while not found:
            said = json.loads(socket.recv(timeout=30))
            assert said["type"] == "rows"
            found += said["rows"]
        putting.join()
        assert found == [{"user_id": 4, "price": 60.5}]

    def free() -> bool:
        asked: list[str] = []
        try:
            while len(asked) < 8:
                asked.append(shop.call("flow", "follow_open", sql="SELECT user_id FROM activity")["id"])
        except UsageError:
            return False
        finally:
            for each in asked:
                shop.call("flow", "follow_close", id=each)
        return True

    until(free)
    with connect(url) as socket:
        socket.send(json.dumps({"sql": "SELECT nobody FROM activity"}))
        said = json.loads(socket.recv(timeout=30))
        assert (said["type"], said["error"]["message"]) == ("error", "there is no column nobody")


CHANGING = (
    "SELECT user_id, COUNT(*) AS n, SUM(price) AS total FROM activity WHERE price > 700 GROUP BY user_id"
)


def test_rows_that_change_come_with_what_became_of_them(shop: System) -> None:
    put(shop, (7, 701.0, 50), (8, 702.0, 50), (7, 703.0, 51))
    done = shop.cli("query", "--follow", "--from", "earliest", "--limit", "2", "--format", "json", CHANGING)
    assert [json.loads(line) for line in done.out.splitlines()] == [
        {"op": "+I", "row": {"user_id": 7, "n": 2, "total": 1404.0}},
        {"op": "+I", "row": {"user_id": 8, "n": 1, "total": 702.0}},
    ]
    plain = shop.cli("query", "--follow", "--from", "earliest", "--limit", "1", "--format", "csv", CHANGING)
    assert plain.out.splitlines() == ["op,user_id,n,total", "+I,7,2,1404.0"]
    with connect(shop.urls["console"].replace("http", "ws") + "/api/follow") as socket:
        ordered = f"{CHANGING} ORDER BY total DESC LIMIT 1"
        socket.send(json.dumps({"sql": ordered, "begin": "earliest"}))
        assert json.loads(socket.recv(timeout=30))["changing"] is True
        while not (first := json.loads(socket.recv(timeout=30)))["rows"]:
            pass
        assert (first["ops"], first["groups"], first["order"]) == (["+I"], [0], [0])
        put(shop, (8, 800.0, 52))
        found: list[Any] = []
        while not found:
            said = json.loads(socket.recv(timeout=30))
            found += zip(said["ops"], said["groups"], said["rows"], strict=True)
        assert said["order"] == [1]
        assert found == [
            ("-D", 0, {"user_id": 7, "n": 2, "total": 1404.0}),
            ("+I", 1, {"user_id": 8, "n": 2, "total": 1502.0}),
        ]


def test_on_a_terminal_rows_change_in_their_places(shop: System) -> None:
    put(shop, (17, 901.0, 55))
    master, slave = pty.openpty()
    asked = f"{CHANGING} HAVING user_id = 17"
    command = [*FOREBAY, "query", "--follow", "--from", "earliest", "--state", str(shop.layout.root), asked]
    with subprocess.Popen(
        command, stdout=slave, env={**os.environ, "COLUMNS": "80", "LINES": "24"}
    ) as asking:
        os.close(slave)
        said = b""
        try:
            while b"901.0" not in said:
                said += os.read(master, 4096)
            put(shop, (17, 902.0, 56))
            while b"1803.0" not in said:
                said += os.read(master, 4096)
        finally:
            asking.send_signal(signal.SIGINT)
            asking.wait(30)
            os.close(master)
    drawn = re.split(r"\x1b\[\dF\x1b\[J", said.decode().replace("\r\n", "\n"))
    shown = [[line.split() for line in each.splitlines()] for each in drawn]
    assert [each for each in shown if len(each) > 1] == [  # the head may stand there before a row does
        [["user_id", "n", "total"], ["17", "1", "901.0"]],
        [["user_id", "n", "total"], ["17", "2", "1803.0"]],
    ]


WAIT = 50.0


def test_a_question_that_waits_for_rows_does_not_hold_up_the_end(shop: System) -> None:
    name = shop.call("flow", "follow_open", sql="SELECT user_id FROM activity WHERE price > 5000")["id"]

    def read() -> None:
        with contextlib.suppress(ForebayError):
            shop.call("flow", "follow_next", id=name, wait=WAIT)

    reading = threading.Thread(target=read)
    reading.start()
    try:
        flow = shop.kill("flow", signal.SIGTERM)
        until(lambda: shop.pid("flow") != flow, patience=WAIT / 2)
        assert "flow ended (exit code 0)" in shop.errors()
        assert shop.stop() == 0
    finally:
        reading.join()
        shop.start()
