"""Subscriptions that wait to be confirmed: each endpoint is asked once per token, with the retries of its policy."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import apsw

from forebay.clock import now_us
from forebay.errors import code_of
from forebay.ports import Catalog
from forebay.topics.errors import Refused
from forebay.topics.post import Poster
from forebay.topics.section import SubscriptionSpec
from forebay.topics.shapes import confirm_url, confirmation
from forebay.topics.signing import Signer

log = logging.getLogger(__name__)

DDL = """
CREATE TABLE IF NOT EXISTS topics_asked(
  id TEXT PRIMARY KEY, token TEXT NOT NULL, at INTEGER NOT NULL, error TEXT
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Asker:
    """What it takes to ask one subscriber. `mail` sends (subject, text)."""

    topic: str
    topic_arn: str
    subscription: SubscriptionSpec
    url: Callable[[], str]
    signer: Callable[[], Signer]
    mail: Callable[[str, str], None]
    pauses: tuple[float, ...]
    version: str

    def ask(self, poster: Callable[[str], Poster]) -> None:
        """Ask. Raises what the way raises."""
        own = self.subscription
        token = own.pending or ""
        if own.protocol.startswith("email"):
            link = confirm_url(self.url(), self.topic_arn, token)
            self.mail(
                "AWS Notification - Subscription Confirmation",
                f"You have chosen to subscribe to the topic:\n{self.topic_arn}\n\n"
                f"To confirm this subscription, visit the link below (if this was in error no action is necessary):\n{link}\n",
            )
            return
        asked = confirmation(self.topic_arn, own, self.url(), self.signer(), self.version)
        poster(own.endpoint).post(*asked)


class _Thread:
    """Asks one, in a thread of its own, until it is asked or given up."""

    def __init__(self, asker: Asker, done: Callable[[str | None], None]) -> None:
        self.asker = asker
        self.trouble: str | None = None
        self.poster: Poster | None = None
        self.stopping = threading.Event()
        self._done = done
        self._thread = threading.Thread(target=self._run, name="confirmation", daemon=True)
        self._thread.start()

    def _open(self, url: str) -> Poster:
        self.poster = Poster(url)
        return self.poster

    def _run(self) -> None:
        for pause in (*self.asker.pauses, None):
            try:
                self.asker.ask(self._open)
            except Exception as error:
                self.trouble = f"{code_of(error)}: {error}"
                if pause is None or isinstance(error, Refused):
                    break
                if self.stopping.wait(pause):
                    return
            else:
                self.trouble = None
                break
            finally:
                if self.poster is not None:
                    self.poster.close()
        if not self.stopping.is_set():
            if self.trouble is not None:
                log.warning(
                    "a subscriber of topics.%s was not asked to confirm: %s", self.asker.topic, self.trouble
                )
            self._done(self.trouble)


class Asking:
    """Everybody who is to be asked; who was is remembered in the catalog."""

    def __init__(self, catalog: Catalog) -> None:
        catalog.write(_make)
        self._catalog = catalog
        self._threads: dict[str, _Thread] = {}
        self._done: dict[str, tuple[str, str | None]] = {
            str(id): (str(token), error)
            for id, token, error in catalog.reader.execute("SELECT id, token, error FROM topics_asked")
        }
        self._pending: dict[str, Asker] = {}

    def apply(self, askers: Mapping[str, Asker]) -> None:
        """Who is to be asked from now on."""
        self._pending = dict(askers)
        for id in [id for id in self._threads if id not in askers]:
            self._threads.pop(id).stopping.set()
        for id in [id for id in self._done if id not in askers]:
            del self._done[id]
            self._catalog.submit(lambda db, id=id: _forget(db, id))  # type: ignore[misc]
        for id, asker in askers.items():
            token = asker.subscription.pending or ""
            if self._done.get(id, ("", None))[0] == token:
                continue
            running = self._threads.get(id)
            if running is not None and running.asker.subscription.pending == token:
                continue
            if running is not None:
                running.stopping.set()
            self._threads[id] = _Thread(asker, self._finish(id, token))

    def _finish(self, id: str, token: str) -> Callable[[str | None], None]:
        def done(trouble: str | None) -> None:
            self._done[id] = (token, trouble)
            self._catalog.write(lambda db: _keep(db, id, token, trouble))

        return done

    def look(self, now: float) -> None:
        """End requests that are past their time."""
        for thread in list(self._threads.values()):
            if thread.poster is not None:
                thread.poster.expire(now)

    def status(self) -> dict[str, Any]:
        """Per subscription that waits: whether it was asked, and what went wrong."""
        found = {}
        for id, asker in list(self._pending.items()):
            thread, done = self._threads.get(id), self._done.get(id)
            trouble = done[1] if done is not None else thread.trouble if thread is not None else None
            found[f"topics.{asker.topic}/{asker.subscription.label}"] = {
                "log": f"topics.{asker.topic}",
                "subscription": id,
                "pending": True,
                "asked": done is not None and done[1] is None,
                "last_error": trouble,
            }
        return found

    def stop(self) -> None:
        """Ask no more."""
        for thread in self._threads.values():
            thread.stopping.set()
            if thread.poster is not None:
                thread.poster.expire(time.monotonic() + 3600)


def _make(db: apsw.Connection) -> None:
    db.execute(DDL)


def _keep(db: apsw.Connection, id: str, token: str, trouble: str | None) -> None:
    db.execute("INSERT OR REPLACE INTO topics_asked VALUES (?, ?, ?, ?)", (id, token, now_us(), trouble))


def _forget(db: apsw.Connection, id: str) -> None:
    db.execute("DELETE FROM topics_asked WHERE id = ?", (id,))
