"""Chats, pagers and phones: whatever the notification library (Apprise) knows, by its addresses."""

from __future__ import annotations

import logging
import threading
from typing import Any

from forebay.errors import Unavailable
from forebay.topics.errors import Refused


class _Heard(logging.Handler):
    """What the library says in one thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the last line."""
        if record.thread == self._thread:
            self.last = record.getMessage()


def knows(address: str) -> Any:
    """The library's teller for an address. Raises Refused for one that it does not know."""
    import apprise  # noqa: PLC0415 - it is large, and only who tells services needs it

    teller = apprise.Apprise()
    if not teller.add(address):
        scheme = address.partition("://")[0]
        raise Refused("UnknownService", f"the notification library does not know this address of {scheme}://")
    return teller


def send(address: str, subject: str | None, text: str) -> None:
    """Tell one service. Raises Refused for an address that the library does not know, Unavailable."""
    teller = knows(address)
    heard = _Heard()
    logger = logging.getLogger("apprise")
    logger.addHandler(heard)
    try:
        told = teller.notify(body=text, title=subject or "")
    finally:
        logger.removeHandler(heard)
    if not told:
        raise Unavailable("ServiceFailed", heard.last or "the service did not take the message")
