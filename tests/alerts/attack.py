"""The whole path: events with times → windows of stream SQL → an alarm over what they found → a topic → a hook."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from tests.harness import System

PROJECT = """\
name: guard
streams:
  activity: {{}}
  suspicious: {{}}
streamsql:
  bots:
    sql: |
      CREATE TABLE activity (user_id VARCHAR(30), at TIMESTAMP(3),
        WATERMARK FOR at AS at - INTERVAL '10' SECOND)
        WITH ('connector' = 'kinesis', 'stream' = 'activity', 'format' = 'json');
      CREATE TABLE suspicious (user_id VARCHAR(30), n BIGINT, until TIMESTAMP(3))
        WITH ('connector' = 'kinesis', 'stream' = 'suspicious', 'format' = 'json');
      INSERT INTO suspicious
      SELECT user_id, COUNT(*), TUMBLE_END(at, INTERVAL '10' SECOND) FROM activity
      GROUP BY user_id, TUMBLE(at, INTERVAL '10' SECOND) HAVING COUNT(*) > 5;
topics:
  ops: {{webhook: "{hook}"}}
alerts:
  burst:
    sql: >-
      select max(n), max_by(user_id, n) as who from suspicious
      where until = (select max(until) from suspicious)
    when: "> 10"
    notify: topics.ops
    quiet: 1s
    missing: not_breaching
    description: Somebody does more than a person can
"""
BEGIN = dt.datetime(2026, 1, 1, 12, 0, tzinfo=dt.UTC)


def make(folder: Path, hook: str) -> Path:
    """The project's folder."""
    folder.mkdir(parents=True)
    (folder / "forebay.yaml").write_text(PROJECT.format(hook=hook))
    return folder


def event(user: str, second: float) -> bytes:
    """An action of a user, so many seconds after the beginning."""
    at = (BEGIN + dt.timedelta(seconds=second)).replace(tzinfo=None)
    return json.dumps({"user_id": user, "at": at.isoformat(sep=" ", timespec="milliseconds")}).encode()


def send(system: System, *events: bytes) -> None:
    """Onto the stream, acknowledged."""
    system.call("front", "append", target="streams.activity", records=list(events))


def burst(user: str, second: float, count: int = 30) -> list[bytes]:
    """Many actions within a second."""
    return [event(user, second + n / 100) for n in range(count)]
