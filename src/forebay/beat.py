"""Looking after something again and again, in a thread that goes on whatever goes wrong meanwhile."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

from forebay.errors import ForebayError, NoServer, Throttled, Unavailable, code_of

log = logging.getLogger(__name__)

RETRY_FIRST, RETRY_MOST = 0.1, 5.0


class Beat:
    """Calls `look`, which answers how many seconds there may be until the next time, between `start` and `stop`.

    What `look` raises is logged, and it is called again after `retry` seconds; a ForebayError is something
    that waits for another process, and no fault. The first look is after `first` seconds.
    """

    def __init__(
        self, name: str, look: Callable[[], float], *, retry: float = 0.5, first: float = 0.0
    ) -> None:
        self._look = look
        self._retry = retry
        self._first = first
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Have it look now."""
        self._wake.set()

    @property
    def stopping(self) -> bool:
        """Whether a long look should come to an end."""
        return self._stopping.is_set()

    def rest(self, seconds: float) -> bool:
        """Within a look: wait, unless it should come to an end. Whether it should."""
        return self._stopping.wait(seconds)

    def cease(self) -> None:
        """Look no more; a look that is under way goes on to its end."""
        self._stopping.set()
        self._wake.set()

    def stop(self) -> None:
        """Look no more, and wait for a look that is under way."""
        self.cease()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        self._wake.wait(self._first)
        while not self.stopping:
            self._wake.clear()
            try:
                pause = self._look()
            except ForebayError as error:
                log.debug("%s: waits: %s", self._thread.name, error)
                pause = self._retry
            except Exception:
                log.exception("%s: it failed; trying again", self._thread.name)
                pause = self._retry
            if not self.stopping:
                self._wake.wait(pause)


class Attempts(ABC):
    """Makes one attempt after another, between `start` and `stop`; after one that fails it waits longer each time.

    `trouble` is what ails it, None while nothing does.
    """

    def __init__(self, name: str) -> None:
        self.trouble: str | None = None
        self.stopping = threading.Event()
        self._delay = RETRY_FIRST
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @abstractmethod
    def attempt(self) -> None:
        """Work until `stopping` is set. Whatever it raises has it called again."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Finish what is under way; whether that was done in `timeout` seconds."""
        self.stopping.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def works(self) -> None:
        """Within an attempt: it works, so that the next failure is a first one again."""
        self._delay = RETRY_FIRST

    def say(self, text: str, *, exc_info: bool = False) -> None:
        """Log what ails it, once."""
        if text != self.trouble:
            log.warning("%s: %s", self._thread.name, text, exc_info=exc_info)
        self.trouble = text

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                self.attempt()
            except Exception as error:  # whatever it was, the others go on and this one tries again
                expected = isinstance(error, Unavailable | Throttled | NoServer)
                self.say(f"{code_of(error)}: {error}", exc_info=not expected)
                self.stopping.wait(self._delay)
                self._delay = min(self._delay * 2, RETRY_MOST)
