"""What tests of SNS share: an endpoint that is told, and topics of a test's own."""

from __future__ import annotations

import contextlib
import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.harness import request, until


@dataclass
class Post:
    """One POST that came."""

    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Endpoint:
    """An HTTP server; `answers` has, by path, the statuses that the next requests get (200 when there are none)."""

    url: str
    posts: list[Post] = field(default_factory=list)
    answers: dict[str, list[int]] = field(default_factory=dict)
    hanging: set[str] = field(default_factory=set)
    gone: threading.Event = field(default_factory=threading.Event)

    def of(self, path: str, kind: str | None = None) -> list[Post]:
        """What came at a path, of a kind."""
        return [
            post
            for post in list(self.posts)
            if post.path == path and (kind is None or post.headers.get("x-amz-sns-message-type") == kind)
        ]

    def messages(self, path: str) -> list[str]:
        """The messages that came at a path."""
        return [post.json()["Message"] for post in self.of(path, "Notification")]


@contextlib.contextmanager
def listening() -> Iterator[Endpoint]:
    """An endpoint on a free port."""
    endpoint = Endpoint("")
    taking = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length)
            if len(body) < length:  # whoever sent it was killed meanwhile
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            with taking:  # the first that came has the first status
                endpoint.posts.append(Post(self.path, headers, body))
                statuses = endpoint.answers.get(self.path)
                status = statuses.pop(0) if statuses else 200
            if self.path in endpoint.hanging:
                endpoint.gone.wait(120)
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.gone.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    """An endpoint of the module's."""
    with listening() as found:
        yield found


@pytest.fixture
def topic(sns: Any) -> str:
    """The ARN of a topic of the test's own."""
    arn: str = sns.create_topic(Name=f"topic-{uuid.uuid4().hex[:8]}")["TopicArn"]
    return arn


def subscribed(sns: Any, topic: str, endpoint: Endpoint, path: str, **attributes: str) -> str:
    """Subscribe a path of the endpoint and confirm it as it was asked; the subscription's ARN."""
    arn: str = sns.subscribe(
        TopicArn=topic,
        Protocol="http",
        Endpoint=endpoint.url + path,
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    asked = until(lambda: endpoint.of(path, "SubscriptionConfirmation"))[-1].json()
    answer = request(asked["SubscribeURL"])
    assert answer.status == 200, answer
    assert arn.encode() in answer.body
    return arn
