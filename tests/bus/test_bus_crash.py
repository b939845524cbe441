"""Kills while events go through rules into two deliveries and a stream: each is in each of them exactly once.

boto3 puts events with ids of their own, and retries as it always does, so each call that was answered is on disk once.
Whatever was acknowledged must be where its rules say, once; what was not, at most once.
"""

from __future__ import annotations

import collections
import json
import random
import threading
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped, unused-ignore]
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.conftest import Running
from tests.harness import System
from tests.projects import project

PROJECT = """\
name: storm
bus:
  storm:
    rules:
      even: {when: {detail: {kind: [even]}}, to: [{delivery.even: {input: $.detail}}, {streams.copies: {input: $.detail}}]}
      odd: {when: {detail: {kind: [odd]}}, to: [{delivery.odd: {input: $.detail}}, {streams.copies: {input: $.detail}}]}
streams:
  copies: {}
delivery:
  even: {to: lake.storm/even/, buffer: {seconds: 1}, table: evens, columns: {id: string, kind: string}}
  odd: {to: lake.storm/odd/, buffer: {seconds: 1}, table: odds, columns: {id: string, kind: string}}
"""
VICTIMS = ("flow", "front", "flow", "everything", "front", "flow")
BATCH = 10


class Producer(threading.Thread):
    """Puts batches until `stopped`: half even, half odd, and one in ten that no rule matches."""

    def __init__(self, system: System) -> None:
        super().__init__(daemon=True)
        self.stopped = threading.Event()
        self.acknowledged: set[str] = set()
        self.unanswered: set[str] = set()
        self._client: Any = boto3.client(
            "events",
            endpoint_url=system.urls["aws"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 4}, connect_timeout=20, read_timeout=20),
        )

    def run(self) -> None:
        number = 0
        while not self.stopped.is_set():
            ids = [f"{number + at}" for at in range(BATCH)]
            number += BATCH
            entries = [
                {
                    "EventBusName": "storm",
                    "Source": "storm",
                    "DetailType": "n",
                    "Detail": json.dumps({"id": id, "kind": kind(id)}),
                }
                for id in ids
            ]
            try:
                answer = self._client.put_events(Entries=entries)
            except (ClientError, BotoCoreError):
                self.unanswered |= set(ids)
                continue
            failed = {id for id, entry in zip(ids, answer["Entries"], strict=True) if "ErrorCode" in entry}
            self.acknowledged |= set(ids) - failed
            self.unanswered |= failed
        self._client.close()


def kind(id: str) -> str:
    return "none" if id.endswith("7") else "even" if int(id) % 2 == 0 else "odd"


@pytest.mark.parametrize("seed", [1])
def test_each_event_is_once_wherever_its_rules_lead_whatever_is_killed(
    running: Running, tmp_path: Path, seed: int
) -> None:
    system = running(project(tmp_path / "p", PROJECT))
    chance = random.Random(seed)
    producer = Producer(system)
    producer.start()
    for victim in VICTIMS:
        goal = len(producer.acknowledged) + chance.randrange(20, 80)
        system.until(lambda: len(producer.acknowledged) > goal)  # noqa: B023 - asked at once
        if victim == "everything":
            system.kill_all()
            system.start(sql=False)
        else:
            system.kill(victim)
    enough = len(producer.acknowledged) + 50
    system.until(lambda: len(producer.acknowledged) > enough)
    producer.stopped.set()
    producer.join(60)
    assert not producer.is_alive()

    def settled() -> bool:
        ledger = system.status()["ledger"]
        return all(
            line["lag"] == 0 for name, line in ledger.items() if name != "total" and "parked" not in line
        )

    system.until(settled)
    system.until(lambda: system.query("select 1") == [[1]])
    copies: list[str] = []
    position = 0
    while records := (read := system.call("front", "log_read", log="streams.copies", position=position))[
        "records"
    ]:
        copies += [json.loads(record["data"])["id"] for record in records]
        position = read["next"]
    found = {
        "even": [row[0] for row in system.query("select id from evens")],
        "odd": [row[0] for row in system.query("select id from odds")],
        "copies": copies,
    }
    for name, ids in found.items():
        twice = [id for id, count in collections.Counter(ids).items() if count > 1]
        assert not twice, f"{name} has {len(twice)} twice"
        wanted = {id for id in producer.acknowledged if kind(id) != "none" and name in (kind(id), "copies")}
        assert wanted <= set(ids), f"{name} lacks {len(wanted - set(ids))} of {len(wanted)}"
        extra = set(ids) - wanted
        assert extra <= producer.unanswered, (
            f"{name} has {len(extra - producer.unanswered)} that are not its own"
        )
    ledger = system.status()["ledger"]
    assert ledger["total"]["adds_up"], ledger
    assert ledger["bus.storm/streams.copies"]["delivered"] == len(copies)
    counts = system.call("flow", "bus", name="counts", args={"bus": "storm"})
    accepted = ledger["delivery.even"]["accepted"]
    assert counts["position"] == accepted
    assert counts["unmatched"] == accepted - len(copies)
