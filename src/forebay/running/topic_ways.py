"""How each kind of subscriber is reached: POSTs, mails, services, calls of functions, records of deliveries.

Beside `topics.py`, which decides who is told what.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import apsw

from forebay import ipc
from forebay.errors import Unavailable
from forebay.functions.queue import enqueue
from forebay.layout import Layout
from forebay.project.secrets import reveal, secrets_of
from forebay.running.triggers import Functions
from forebay.topics import mail, services
from forebay.topics.message import Message
from forebay.topics.post import Poster
from forebay.topics.section import LOCAL, MailSpec, SubscriptionSpec, function_of
from forebay.topics.shapes import Notice
from forebay.topics.signing import Signer
from forebay.topics.subscriber import Put, Subscriber


@dataclass(frozen=True, slots=True)
class Wanted:
    """A subscription with all that its work depends on: where one differs, it begins anew at its position."""

    topic: str
    region: str
    subscription: SubscriptionSpec
    ordered: bool
    version: str
    policy: str
    mail: MailSpec | None

    @property
    def consumer(self) -> str:
        """Its name in the ledger."""
        return f"topics.{self.topic}/{self.subscription.label}"


@dataclass(slots=True)
class Running:
    """A subscription at work."""

    wanted: Wanted
    subscriber: Subscriber
    poster: Poster | None = None


class Ways:
    """Reaches subscribers. `url` gives the AWS port's address, once it is known; `root` is the project's folder."""

    def __init__(self, layout: Layout, functions: Functions) -> None:
        self._layout = layout
        self._functions = functions
        self._front = ipc.Client(layout.socket("front"), "front")
        self._appending = threading.Lock()
        self._signing = threading.Lock()
        self._signer: Signer | None = None
        self.url: Callable[[], str | None] = lambda: None
        self.root = ""

    def deliver(self, running: Running, message: Message, offset: int, arrival: int) -> Put | None:
        """Tell one subscriber. Raises Refused, and what its way raises."""
        wanted = running.wanted
        own = wanted.subscription
        notice = Notice(
            wanted.topic,
            wanted.region,
            own,
            message,
            arrival,
            self.address(),
            self.signer(),
            wanted.version,
        )
        match own.protocol:
            case "http" | "https":
                self._poster(running).post(*notice.http())
            case "webhook":
                self._poster(running).post(notice.chat(), {"content-type": "application/json"})
            case "email" | "email-json":
                subject, text = notice.mail()
                self.mail(wanted.mail or LOCAL, self._endpoint(own), subject, text, f"{message.id}.{own.id}")
            case "service":
                services.send(self._endpoint(own), message.subject, notice.text)
            case "lambda":
                return self._call(function_of(own.endpoint), notice.function())
            case "firehose":
                name = own.endpoint.rpartition("/")[2]
                self._append(f"delivery.{name}", notice.firehose(), f"{wanted.consumer}/{offset}")
            case other:
                raise Unavailable("UnknownProtocol", f"forebay does not know the protocol {other}")
        return None

    def _call(self, function: str, payload: bytes) -> Put:
        if self._functions.invoker.spec(function) is None:
            raise Unavailable("NoSuchFunction", f"there is no function {function}")

        def put(db: apsw.Connection) -> None:
            enqueue(db, function, payload)

        return put

    def _append(self, target: str, record: bytes, once: str) -> None:
        with self._appending:
            self._front.call("append", target=target, records=[record], once=once)

    def _poster(self, running: Running) -> Poster:
        if running.poster is None:
            running.poster = Poster(self._endpoint(running.wanted.subscription))
        return running.poster

    def _endpoint(self, own: SubscriptionSpec) -> str:
        return reveal(own.endpoint, self._secrets)

    def mail(self, server: MailSpec, to: str, subject: str, text: str, id: str) -> None:
        """Send a mail. Raises Refused, Unavailable."""
        mail.send(server, lambda each: reveal(each, self._secrets), to=to, subject=subject, text=text, id=id)

    def _secrets(self, name: str) -> str:
        return secrets_of(Path(self.root))(name)

    def address(self) -> str:
        """The AWS port's address. Raises Unavailable while it is not known."""
        url = self.url()
        if url is None:
            raise Unavailable("NotReady", "the AWS port's address is not known yet")
        return url.rstrip("/")

    def signer(self) -> Signer:
        """Who signs; the key is made when it is first needed."""
        with self._signing:
            if self._signer is None:
                self._signer = Signer(self._layout.root)
            return self._signer

    def close(self) -> None:
        """Hang up."""
        self._front.close()
