"""What was to be told when the flow was killed is told after it, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.shop import alarm
from tests.harness import System, until

PROJECT = """\
name: shop
topics: {ops: {}}
bus: {default: {}}
alerts:
  orders: {metric: shop orders, when: "> 10", notify: topics.ops}
"""
ROUNDS = 3


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder: Path = tmp_path_factory.mktemp("kills")
    (folder / "p").mkdir()
    (folder / "p" / "forebay.yaml").write_text(PROJECT)
    system = System(folder / "p", folder / "state", [], {})
    yield system.start(sql=False)
    system.end()


def read(system: System, log: str) -> list[dict[str, Any]]:
    """What is in a log."""
    records = system.call("front", "log_read", log=log, position=0, max=1000)["records"]
    return [json.loads(each["data"]) for each in records]


def test_every_change_is_told_once_whatever_is_killed(shop: System) -> None:
    wanted = []
    for _ in range(ROUNDS):
        for state in ("ALARM", "OK"):
            shop.call("flow", "alarm_set", name="orders", state=state, reason="a rehearsal")
            shop.kill("flow")
            wanted.append(state)
            until(lambda state=state: alarm(shop, "orders")["state"] == state)  # type: ignore[misc]
    until(lambda: len(read(shop, "topics.ops")) >= 2 * ROUNDS)
    until(lambda: len(read(shop, "bus.default")) >= 2 * ROUNDS)
    messages = read(shop, "topics.ops")
    assert [each["subject"] for each in messages] == [f"{state}: orders" for state in wanted]
    assert len({each["id"] for each in messages}) == 2 * ROUNDS
    assert [each["detail"]["state"]["value"] for each in read(shop, "bus.default")] == wanted
