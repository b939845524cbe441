"""The topics as the console shows them: who is told, how far each is and what ails it; a message to try it with.

GET  /api/topics               {topics: [{name, published, subscriptions: [...]}]}
POST /api/topics/NAME/test     {message?, subject?}: publishes one message; {id}
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from forebay.errors import ForebayError, NotFound
from forebay.project.model import Project
from forebay.streams.writer import Log
from forebay.topics.message import encode
from forebay.topics.section import SubscriptionSpec, TopicSpec, triggered
from forebay.web.live import Asks

ENDS = ("accepted", "delivered", "buffered", "dropped", "rejected", "lag")


class Trial(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a test."""

    message: str = "This is a test of the topic. Whoever reads this is told what is published here."
    subject: str = "Test"


async def topics_listed(
    project: Project, logs: Mapping[str, Log], flow: Asks, ledger: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Every topic with its subscriptions, each with its counts and its state."""
    known: Mapping[str, Any] = {}
    with contextlib.suppress(ForebayError):  # the page says by itself that the flow does not answer
        known = (await flow.call("status", timeout=2.0)).get("topics") or {}
    found = []
    for name, spec in sorted(project.of(TopicSpec).items()):
        log = logs.get(f"topics.{name}")
        found.append(
            {
                "name": name,
                "published": log.head if log is not None else 0,
                "fifo": spec.fifo,
                "subscriptions": [
                    _subscription(name, each, known, ledger)
                    for each in spec.subscribers(name, triggered(project, name))
                ],
            }
        )
    return found


def _subscription(
    topic: str, each: SubscriptionSpec, known: Mapping[str, Any], ledger: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    name = f"topics.{topic}/{each.label}"
    now = known.get(name) or {}
    terms = ledger.get(name) or {}
    state = "ready"
    if each.pending is not None:
        state = "asked" if now.get("asked") else "to be asked"
    elif now.get("last_error"):
        state = "failing"
    elif terms.get("lag"):
        state = "telling"
    return {
        "name": name,
        "id": each.id,
        "protocol": each.protocol,
        "endpoint": each.endpoint,
        "filter": each.filter,
        "pending": each.pending is not None,
        "state": state,
        "told": now.get("told"),
        "retrying": now.get("retrying") or 0,
        "last_error": now.get("last_error"),
        "counts": {end: terms.get(end, 0) for end in ENDS} if each.pending is None else None,
    }


async def publish_test(logs: Mapping[str, Log], name: str, asked: Trial) -> dict[str, Any]:
    """Publish one message. Raises NotFound `NoSuchTopic`, and what the log raises."""
    log = logs.get(f"topics.{name}")
    if log is None:
        raise NotFound("NoSuchTopic", f"there is no topic {name}")
    id = str(uuid.uuid4())
    await log.submit([encode(asked.message, subject=asked.subject, attributes={"test": "true"}, id=id)])
    return {"id": id}
