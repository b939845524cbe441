"""The console's live socket, as a browser has it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.harness import until
from tests.web.evening import Talk
from tests.web.fake_system import Site, project


def clicks(value: int) -> Callable[[dict[str, Any]], object]:
    def seen(message: dict[str, Any]) -> object:
        shown = message.get("data", {}).get("shown", {})
        return (
            message.get("data", {}).get("tile") == "clicks" and shown.get("number", {}).get("value") == value
        )

    return seen


def test_a_change_reaches_the_browser(site: Site, talk: Talk) -> None:
    talk.say(type="subscribe", view=3, dashboard="evening", range="all", filters={})
    first = talk.until(clicks(3))
    assert (first["type"], first["view"]) == ("tile", 3)
    site.query.run("insert into clicks values ('bar', '2026-01-03')")
    second = talk.until(clicks(4))
    assert second["data"]["rev"] > first["data"]["rev"]
    assert second["data"]["changed_at"] is not None


def test_a_filter_reaches_the_query(talk: Talk) -> None:
    talk.say(type="subscribe", view=1, dashboard="evening", range="all", filters={"menu": "bar"})
    talk.until(clicks(2))


def test_nothing_comes_to_a_browser_that_paused_until_it_goes_on(site: Site, talk: Talk) -> None:
    talk.say(type="subscribe", view=1, dashboard="evening", range="all", filters={})
    talk.until(clicks(3))
    talk.say(type="pause")
    until(lambda: not site.console.hub.watched)
    asked = len(site.query.asked)
    site.query.run("insert into clicks values ('bar', '2026-01-03')")
    time.sleep(0.6)
    assert len(site.query.asked) == asked
    talk.say(type="resume")
    talk.until(clicks(4))


def test_a_browser_that_hangs_up_is_forgotten(site: Site, talk: Talk) -> None:
    talk.say(type="subscribe", view=1, dashboard="evening", range="all", filters={})
    talk.until(clicks(3))
    talk.socket.close()
    until(lambda: not (site.console.hub.watched or site.console._browsers))
    assert (site.console.hub.watched, site.console._browsers) == ([], set())


def test_browsers_that_hang_up_in_the_middle_of_a_message_are_forgotten(site: Site) -> None:
    """A cancellation that met the end of a send was lost once, and the browser stayed for good."""
    for _ in range(25):
        with connect(site.url.replace("http", "ws") + "/api/live") as socket:
            Talk(socket).say(type="subscribe", view=1, dashboard="evening", range="all", filters={})
            socket.recv(30)
            socket.socket.close()
    until(lambda: not (site.console.hub.watched or site.console._browsers))
    assert (site.console.hub.watched, site.console._browsers) == ([], set())


def test_the_status_is_pushed_to_who_asks_for_it(site: Site, talk: Talk) -> None:
    talk.say(type="status")
    talk.until(lambda message: message["type"] == "status" and message["data"]["name"] == "restaurant")
    site.status["name"] = "another"
    talk.until(lambda message: message["type"] == "status" and message["data"]["name"] == "another")


def test_a_changed_project_makes_every_page_ask_again(site: Site, talk: Talk) -> None:
    talk.say(type="subscribe", view=1, dashboard="evening", range="all", filters={})
    talk.until(clicks(3))
    site.on_loop(
        lambda: site.console.reloaded(project(Path(site.console.ctx.project.root), name="restaurant"))
    )
    talk.until(lambda message: message["type"] == "changed")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("not json", "BadMessage"),
        ('{"type": "nope"}', "BadMessage"),
        ('{"type": "subscribe", "filters": {"menu": 5}}', "BadMessage"),
        ('{"type": "subscribe", "dashboard": "nope"}', "NoSuchDashboard"),
        ('{"type": "subscribe", "dashboard": "evening", "range": "nope"}', "BadRange"),
        ('{"type": "subscribe", "dashboard": "' + "x" * 20_000 + '"}', "BadMessage"),
    ],
)
def test_a_message_that_makes_no_sense_is_answered_and_the_socket_lives(
    talk: Talk, message: str, code: str
) -> None:
    talk.socket.send(message)
    assert talk.until(lambda found: found["type"] == "error")["error"]["code"] == code
    talk.say(type="subscribe", view=1, dashboard="evening", range="all", filters={})
    talk.until(clicks(3))


def test_a_socket_of_no_console_address_is_no_page(site: Site) -> None:
    with pytest.raises(InvalidStatus), connect(site.url.replace("http", "ws") + "/api/other"):
        pass
