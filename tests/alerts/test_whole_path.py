"""From a burst to a message: windows, an alarm over them, a topic, somebody's hook."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.alerts import attack
from tests.alerts.shop import alarm
from tests.harness import System, until
from tests.wire.sns import Endpoint, listening


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with listening() as found:
        yield found


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory, endpoint: Endpoint) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("attack")
    system = System(attack.make(folder / "guard", f"{endpoint.url}/ops"), folder / "state", [], {})
    yield system.start()
    system.end()


def test_a_burst_is_told_once_its_window_is_over(guard: System, endpoint: Endpoint) -> None:
    attack.send(guard, *[attack.event(f"u{n % 14}", n / 10) for n in range(100)])
    attack.send(guard, *attack.burst("bot", 12))
    until(lambda: alarm(guard, "burst")["state"] != "ALARM")
    attack.send(
        guard, attack.event("u1", 31)
    )  # ordinary traffic goes on: the watermark passes the window's end
    until(lambda: alarm(guard, "burst")["state"] == "ALARM")
    (post,) = until(lambda: endpoint.of("/ops"))
    told = post.json()
    assert told["subject"] == "ALARM: burst"
    assert "burst: the query's value is 30 (> 10): who bot" in told["text"]
    assert "Somebody does more than a person can" in told["text"]


def test_the_same_alarm_is_no_second_message(guard: System, endpoint: Endpoint) -> None:
    attack.send(guard, *attack.burst("bot", 42, 40), attack.event("u1", 62))
    until(lambda: alarm(guard, "burst")["value"] == 40)
    until(lambda: endpoint.of("/ops"))
    assert len(endpoint.of("/ops")) == 1
