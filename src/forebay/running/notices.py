"""What the lake tells the bus `default` and topics: that objects were made, removed or tagged.

Notices wait in the catalog, where they commit with what they tell of. Each becomes an event of the bus once:
how far they were told commits in the bus's log, with the events. Each becomes a message of its topic once, too, by its id.
"""

from __future__ import annotations

import logging
import uuid
from typing import Any

import orjson

from forebay import ipc
from forebay.beat import Beat
from forebay.bus.envelope import envelope, head
from forebay.errors import NotFound
from forebay.lake.notifications import Notices
from forebay.layout import Layout
from forebay.topics.message import encode

log = logging.getLogger(__name__)

EVERY = 0.2
RETRY = 1.0
MOST = 500
SUBJECT = "Amazon S3 Notification"
TARGET, CONSUMER, SOURCE = "bus.default", "lake:notices", "lake"


class BusNotices:
    """Tells the bus and topics, between `start` and `stop`."""

    def __init__(self, layout: Layout, notices: Notices) -> None:
        self._notices = notices
        self._front = ipc.Client(layout.socket("front"), "front")
        self._beat = Beat("notices for the bus", self._look, retry=RETRY)
        self._topics = Beat("notices for topics", self._look_at_topics, retry=RETRY)

    def start(self) -> None:
        """Begin to tell."""
        self._beat.start()
        self._topics.start()

    def stop(self) -> None:
        """Tell no more; what is not told waits."""
        self._beat.stop()
        self._topics.stop()
        self._front.close()

    def _look(self) -> float:
        while not self._beat.stopping and self._tell():
            pass
        return EVERY

    def _look_at_topics(self) -> float:
        while not self._topics.stopping and (waiting := self._notices.read("topic", most=MOST)):
            for notice in waiting:
                self._publish(notice)
                self._notices.done([notice["id"]]).result()
        return EVERY

    def _publish(self, notice: dict[str, Any]) -> None:
        target = f"topics.{notice['target'].rpartition(':')[2]}"
        once = f"{SOURCE} {notice['id']}"
        text = orjson.dumps(notice["event"]).decode()
        record = encode(text, subject=SUBJECT, id=str(uuid.uuid5(uuid.NAMESPACE_OID, once)))
        try:
            self._front.call("append", target=target, records=[record], once=once, same=True)
        except NotFound as error:
            log.warning("nobody is told of an object in %s: %s", notice["bucket"], error.message)

    def _tell(self) -> bool:
        """Tell a bounded number; whether there were any."""
        waiting = self._notices.read("bus", most=MOST)
        if not waiting:
            return False
        answer = self._front.call("attach", target=TARGET, consumer=CONSUMER, log=SOURCE, start=0)
        position = int(answer["position"])
        fresh = [notice for notice in waiting if notice["id"] > position]
        if fresh:
            last = fresh[-1]["id"]
            moved = {
                "consumer": CONSUMER,
                "log": SOURCE,
                "before": position,
                "after": last,
                "delivered": len(fresh),
            }
            records = [_event(notice["event"]) for notice in fresh]
            self._front.call("append", target=TARGET, records=records, moved=moved)
        self._notices.done([notice["id"] for notice in waiting]).result()
        return True


def _event(given: dict[str, Any]) -> bytes:
    shared = head(
        given["source"],
        given["detail-type"],
        account=given["account"],
        region=given["region"],
        resources=given["resources"],
    )
    return envelope(shared, given["id"], given["time"], orjson.dumps(given["detail"]))
