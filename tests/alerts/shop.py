"""A shop with alarms, and a function that writes down what it is told."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tests.harness import System

PROJECT = """\
name: shop
timezone: Europe/Berlin
ingest:
  clicks: {route: POST /clicks, to: delivery.clicks}
functions:
  told:
    handler: told.lambda_handler
    environment: {TOLD: "%(told)s"}
delivery:
  clicks: {to: lake.shop/clicks/, format: json, table: clicks, columns: {user: string, n: int}}
alerts:
  busy:
    sql: select max(n), max(user) as who from clicks
    when: "> 3"
    notify: functions.told
    description: Somebody clicks too fast
  broken: {sql: select n from nowhere, when: "> 3", notify: functions.told}
  both: {rule: ALARM(busy) AND NOT ALARM(broken), notify: functions.told}
  orders: {metric: shop orders, statistic: sum, period: 1s, when: "> 10", notify: functions.told, group: attack}
  refunds: {metric: shop refunds, statistic: sum, period: 1s, when: "> 10", notify: functions.told, group: attack}
"""
HANDLER = """\
import json, os

def lambda_handler(event, context):
    with open(os.environ["TOLD"], "a") as file:
        file.write(json.dumps(event) + "\\n")
"""


def make(folder: Path) -> Path:
    """The project's folder."""
    folder.mkdir(parents=True)
    (folder / "forebay.yaml").write_text(PROJECT % {"told": folder / "told.ndjson"})
    (folder / "told.py").write_text(HANDLER)
    return folder


def told(system: System, name: str | None = None) -> list[dict[str, Any]]:
    """The events that the function was called with, of one alarm or of all."""
    path = system.folder / "told.ndjson"
    if not path.exists():
        return []
    whole, _, _ = path.read_text().rpartition("\n")  # the line behind it is being written
    events = [json.loads(line) for line in whole.splitlines()]
    return [each for each in events if name in (None, each["alarmData"]["alarmName"])]


def alarm(system: System, name: str) -> dict[str, Any]:
    """An alarm as the flow tells of it."""
    (found,) = system.call("flow", "alarms", names=[name])["alarms"]
    return dict(found)


def done(system: System) -> bool:
    """Whether nothing more is to be told of what was told: after a kill now, nobody is told again."""
    waiting = system.call("flow", "status")["functions"].get("told", {}).get("calls")
    actions = system.call("flow", "alarm_history", item="Action")["history"]
    return not waiting and len(actions) == len(told(system))


def put(system: System, name: str, value: float) -> None:
    """A value of a metric of the namespace `shop`, now."""
    point = {"namespace": "shop", "name": name, "at": time.time(), "value": value, "resolution": 1}
    system.call("front", "metrics_put", data=[point])
