"""The front is killed while items are written: what was acknowledged is there, tables and indexes agree."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.conftest import Running
from tests.harness import until
from tests.projects import project
from tests.wire.dynamodb import made
from tests.wire.sdk import client

KILLS = 4
SESSIONS = """\
name: kills
keyvalue:
  sessions: {partition_key: pk, sort_key: {name: sk, type: number}, indexes: {by_team: {partition_key: team}}}
"""


class Writer(threading.Thread):
    """Puts items, and counts in one; knows what was acknowledged, and what may have been done."""

    def __init__(self, dynamodb: Any, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.dynamodb = dynamodb
        self.stop = stop
        self.kept: set[int] = set()
        self.tried = 0
        self.counted = self.may_count = 0

    def run(self) -> None:
        while not self.stop.is_set():
            n = self.tried
            self.tried += 1
            try:
                item = {"pk": {"S": f"p{n % 5}"}, "sk": {"N": str(n)}, "team": {"S": "red"}}
                self.dynamodb.put_item(TableName="sessions", Item=item)
                self.kept.add(n)
                self.may_count += 1
                self.dynamodb.update_item(
                    TableName="sessions",
                    Key={"pk": {"S": "count"}, "sk": {"N": "-1"}},
                    UpdateExpression="ADD n :one",
                    ExpressionAttributeValues={":one": {"N": "1"}},
                )
                self.counted += 1
            except (ClientError, BotoCoreError):
                self.stop.wait(0.05)


def numbers(dynamodb: Any, **asked: Any) -> list[int]:
    pages = dynamodb.get_paginator("query" if "IndexName" in asked else "scan").paginate(
        TableName="sessions", **asked
    )
    return sorted(int(item["sk"]["N"]) for page in pages for item in page["Items"])


def test_kills_lose_no_item_that_was_acknowledged(running: Running, tmp_path: Path) -> None:
    system = running(project(tmp_path / "p", SESSIONS), sql=False)
    dynamodb = client(system, "dynamodb", retries=0, connect_timeout=5, read_timeout=20)
    other = made(client(system, "dynamodb"))
    stop = threading.Event()
    writer = Writer(dynamodb, stop)
    writer.start()
    draw = random.Random(7)
    for _ in range(KILLS):
        before = len(writer.kept)
        until(lambda before=before: len(writer.kept) > before + draw.randrange(3, 20))  # type: ignore[misc]
        system.kill("front")
    before = len(writer.kept)
    until(lambda: len(writer.kept) > before)
    stop.set()
    writer.join()

    patient = client(system, "dynamodb")
    there = [n for n in numbers(patient) if n >= 0]
    assert writer.kept <= set(there) <= set(range(writer.tried))
    by_team = numbers(
        patient,
        IndexName="by_team",
        KeyConditionExpression="team = :t",
        ExpressionAttributeValues={":t": {"S": "red"}},
    )
    assert by_team == there
    count = patient.get_item(TableName="sessions", Key={"pk": {"S": "count"}, "sk": {"N": "-1"}})["Item"][
        "n"
    ]["N"]
    assert writer.counted <= int(count) <= writer.may_count
    assert patient.describe_table(TableName="sessions")["Table"]["ItemCount"] == len(there) + 1
    assert other in patient.list_tables()["TableNames"]
    for each in (dynamodb, patient):
        each.close()


def test_a_snapshot_has_the_items(running: Running, tmp_path: Path) -> None:
    system = running(project(tmp_path / "p", SESSIONS), sql=False)
    dynamodb = client(system, "dynamodb")
    dynamodb.put_item(TableName="sessions", Item={"pk": {"S": "a"}, "sk": {"N": "1"}})
    assert system.cli("snapshot", "one").code == 0
    dynamodb.put_item(TableName="sessions", Item={"pk": {"S": "a"}, "sk": {"N": "2"}})
    made(dynamodb, TableName="later")
    assert system.cli("reset", "--to", "one").code == 0
    assert numbers(dynamodb) == [1]
    assert dynamodb.list_tables()["TableNames"] == ["sessions"]
    dynamodb.close()


def test_a_table_that_the_project_no_longer_has_or_names_otherwise_keeps_its_items(
    running: Running, tmp_path: Path
) -> None:
    folder = project(tmp_path / "p", SESSIONS)
    system = running(folder, sql=False)
    dynamodb = client(system, "dynamodb")
    dynamodb.put_item(TableName="sessions", Item={"pk": {"S": "a"}, "sk": {"N": "1"}})
    renamed = SESSIONS.replace("sessions: {", "visits: {was: sessions, ")
    for text, tables in (("name: kills\n", []), (SESSIONS, ["sessions"]), (renamed, ["visits"])):
        system.stop()
        (folder / "forebay.yaml").write_text(text)
        system.start(sql=False)
        assert dynamodb.list_tables()["TableNames"] == tables
    assert dynamodb.scan(TableName="visits")["Items"] == [{"pk": {"S": "a"}, "sk": {"N": "1"}}]
    dynamodb.close()
