"""What the lake tells the bus `default`: that objects were made, removed or tagged.

Notices wait in the catalog, where they commit with what they tell of. Each becomes an event of the bus once:
how far they were told commits in the bus's log, with the events.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

import orjson

from forebay import ipc
from forebay.bus.envelope import envelope, head
from forebay.errors import ForebayError
from forebay.lake.notifications import Notices
from forebay.layout import Layout

log = logging.getLogger(__name__)

EVERY = 0.2
RETRY = 1.0
MOST = 500
TARGET, CONSUMER, SOURCE = "bus.default", "lake:notices", "lake"


class BusNotices:
    """Tells the bus, between `start` and `stop`."""

    def __init__(self, layout: Layout, notices: Notices) -> None:
        self._notices = notices
        self._front = ipc.Client(layout.socket("front"), "front")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bus notices", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def stop(self) -> None:
        """Tell no more; what is not told waits."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._front.close()

    def _run(self) -> None:
        pause = EVERY
        while not self._stopping.wait(pause):
            pause = EVERY
            try:
                while self._tell():
                    pass
            except ForebayError as error:
                log.debug("the bus is not told of objects: %s", error)
                pause = RETRY
            except Exception:
                log.exception("the bus could not be told of objects; trying again")
                pause = RETRY

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
