"""An endpoint that is closed while buffers are sealed for it: nobody waits for it where they are sealed."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any, cast

from forebay.delivery.buffers import Sealed
from forebay.delivery.endpoint import Sender
from forebay.delivery.endpoint_section import EndpointSpec
from forebay.delivery.writer import Writer
from forebay.ports import BufferRow, DeliveryStore, LakeFiles, Seal
from tests.harness import until


class Store:
    """Has no segments, and says by which thread it was asked for them."""

    def __init__(self) -> None:
        self.by: list[str] = []

    def segments(self, buffer: int) -> list[Any]:
        self.by.append(threading.current_thread().name)
        return []


def sender() -> Sender:
    return Sender(EndpointSpec(url="http://127.0.0.1:9/"), "test", lambda text: text, lambda _: None)


def test_what_is_sealed_for_an_endpoint_that_was_just_closed_is_left_to_the_next() -> None:
    store = Store()
    writer = Writer("d", cast("DeliveryStore", store), cast("LakeFiles", None), lambda job: job())
    writer.sender = sender()
    writer.sender.close()
    row = BufferRow(1, "d", "data", "b", "", 0, 0, {"post": True, "format": "text"})
    sealed: Future[None] = Future()
    writer.add([Sealed(row, Seal(1, "b", "k", None), 10)], sealed)
    sealed.set_result(None)
    assert store.by == []
    assert writer.pending == 1
    writer.sender = sender()

    def taken() -> list[str]:
        writer.tick()
        return store.by

    until(taken)
    assert store.by == ["post test"]
    writer.sender.close()
