"""A project's own functions: called by routes, streams, buckets and the clock, and through kills."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Running
from tests.harness import request, until
from tests.wire.sdk import client

PROJECT = """
name: calls
ingest:
  shop: {route: "GET /shops/{shop}", to: functions.shop}
  order: {route: POST /orders, to: functions.shop, payload: "1.0"}
  events: {route: POST /events, to: streams.events}
  broken: {route: POST /broken, to: functions.broken}
  rows: {route: POST /rows, to: delivery.rows}
delivery:
  rows: {to: lake.files/delivered/, buffer: {seconds: 60}}
streams:
  events: {shards: 2}
functions:
  shop: functions/shop.handler
  broken: functions/shop.broken
  watch:
    handler: functions/watch.handler
    environment: {PLACE: "%(place)s/watch"}
    on:
      - {bucket: lake.files/raw/, suffix: .csv}
      - {bucket: lake.files/delivered/}
      - {schedule: rate(1 hour)}
  count:
    handler: functions/watch.py:each
    environment: {PLACE: "%(place)s/count"}
    on: {stream: events, batch: 10, retries: 1}
"""
SHOP = """
import json

def handler(event, context):
    if event.get("version") == "2.0":
        return {"shop": event["pathParameters"]["shop"], "method": event["requestContext"]["http"]["method"]}
    return {"statusCode": 201, "headers": {"X-Made": "yes"}, "body": json.dumps({"got": json.loads(event["body"])})}

def broken(event, context):
    raise RuntimeError("always")
"""
WATCH = """
import json, os

def handler(event, context):
    with open(os.environ["PLACE"], "a") as file:
        file.write(json.dumps(event) + "\\n")

def each(event):
    if event.get("bad"):
        raise ValueError("bad")
    with open(os.environ["PLACE"], "a") as file:
        file.write(json.dumps(event) + "\\n")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "calls"
    (made / "functions").mkdir(parents=True)
    (made / "forebay.yaml").write_text(PROJECT % {"place": tmp_path})
    (made / "functions" / "shop.py").write_text(SHOP)
    (made / "functions" / "watch.py").write_text(WATCH)
    return made


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_what_happens_calls_the_projects_functions(running: Running, folder: Path, tmp_path: Path) -> None:
    system = running(folder, sql=False)
    until(lambda: request(system.ingest + "/shops/7?x=1").status == 200)
    got = request(system.ingest + "/shops/7?x=1")
    assert got.json() == {"shop": "7", "method": "GET"}
    made = system.post("/orders", {"n": 1})
    assert (made.status, made.headers["x-made"], made.json()) == (201, "yes", {"got": {"n": 1}})
    assert system.post("/broken", {}).status == 500
    assert request(system.ingest + "/orders").status == 405

    s3 = client(system, "s3")
    s3.put_object(Bucket="files", Key="raw/a.csv", Body=b"x")
    s3.put_object(Bucket="files", Key="raw/a.txt", Body=b"x")
    dropped = system.layout.lake / "files" / "raw" / "by-hand.csv"
    dropped.write_text("y")
    until(lambda: len(lines(tmp_path / "watch")) == 2)
    keys = [event["Records"][0]["s3"]["object"]["key"] for event in lines(tmp_path / "watch")]
    assert sorted(keys) == ["raw/a.csv", "raw/by-hand.csv"]

    system.post("/rows", {"n": 1})
    (written,) = system.flush("rows")
    until(lambda: len(lines(tmp_path / "watch")) == 3)
    told = lines(tmp_path / "watch")[-1]["Records"][0]["s3"]["object"]
    assert (told["key"], told["size"]) == (written["key"], written["bytes"])

    for n in range(20):
        system.post("/events", {"n": n, "bad": n == 7})
        if n == 10:
            system.kill("flow")
    line = until(
        lambda: (
            (entry := system.status()["ledger"].get("functions.count"))
            and entry["delivered"] + entry["rejected"] == 20
            and entry
        )
    )
    assert (line["delivered"], line["rejected"], line["adds_up"]) == (19, 1, True)
    stream = system.status()["streams"]["events"]
    assert (stream["accepted"], stream["kept"]) == (20, 20)
    assert {event["n"] for event in lines(tmp_path / "count")} == set(range(20)) - {7}
    (entry,) = s3.list_objects_v2(Bucket="calls-errors")["Contents"]
    record = json.loads(s3.get_object(Bucket="calls-errors", Key=entry["Key"])["Body"].read())
    assert record["KinesisBatchInfo"]["batchSize"] == 1
