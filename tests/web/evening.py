"""A dashboard of an evening in the restaurant, and how the tests ask the console that shows it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from websockets.sync.client import ClientConnection

from tests.harness import request
from tests.web.fake_system import Site

EVENING = """\
title: Evening
range: all
filters:
  menu: {column: menu, sql: select distinct menu from clicks order by 1}
tiles:
  - title: Clicks
    kind: number
    query: select count(*) as n from clicks where ${where}
  - title: By menu
    kind: bar
    query: select menu, count(*) as n from clicks where ${where} group by 1 order by 1
  - kind: text
    text: hello
"""


def ask(site: Site, path: str, body: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
    """Status, body (decoded if it is JSON) and headers of an answer; with a body the request is a POST."""
    data = None if body is None else json.dumps(body).encode()
    if data is not None:
        headers.setdefault("Content-Type", "application/json")
    answer = request(site.url + path, "GET" if data is None else "POST", data, headers)
    text = answer.body.decode()
    is_json = "json" in answer.headers.get("content-type", "")
    return answer.status, json.loads(text) if is_json else text, answer.headers


class Talk:
    """A browser's end of `/api/live`."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def until(self, wanted: Callable[[dict[str, Any]], object], seconds: float = 30) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            message: dict[str, Any] = json.loads(self.socket.recv(left))
            if wanted(message):
                return message
        raise AssertionError("it did not come")
