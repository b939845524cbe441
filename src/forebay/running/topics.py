"""The topics of a running flow: who is told what was published, and who is asked whether they want to be.

    Topics      watches the topics' logs and has a `topics.subscriber.Subscriber` for each confirmed subscription
    Ways        reach them (flow_topic_ways.py)

Beside `flow.py` as it needs several nouns: the topics, the catalog where positions are, the functions, the lake
where what was given up is written.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import apsw

from forebay.arn import arn
from forebay.beat import Beat
from forebay.bus.operators import InvalidPattern
from forebay.bus.pattern import compile_pattern
from forebay.catalog import consumers
from forebay.catalog.store import Store
from forebay.errors import ForebayError
from forebay.layout import Layout
from forebay.project.model import Project
from forebay.running.topic_ways import Running, Wanted, Ways
from forebay.running.triggers import Functions
from forebay.streams.reader import Reader
from forebay.topics.asking import Asker, Asking
from forebay.topics.message import Message, filtered_by, rounded
from forebay.topics.patience import OWN, chosen, pauses
from forebay.topics.section import (
    SubscriptionSpec,
    TopicSpec,
    default_errors,
    mail_of,
    triggered,
)
from forebay.topics.subscriber import Item, Parts, Put, Subscriber

log = logging.getLogger(__name__)

LOOK_EVERY = 0.1
STOP_SECONDS = 1.5
FUNCTION_PAUSES = (0.5, 1.0, 2.0)
"""Before a function that is not there is given up."""


class Topics:
    """Every topic's subscribers, between `start` and `stop`. `url` gives the AWS port's address, once it is known."""

    def __init__(self, layout: Layout, store: Store, functions: Functions) -> None:
        self._layout = layout
        self._store = store
        self._functions = functions
        self.ways = Ways(layout, functions)
        self._lock = threading.RLock()
        self._project: Project | None = None
        self._running: dict[str, Running] = {}
        self._heads: dict[str, tuple[Reader, int]] = {}
        self._asking = Asking(store)
        self._beat = Beat("topics", self._look, retry=LOOK_EVERY)

    def start(self) -> None:
        """Begin to tell."""
        self._beat.start()

    def apply(self, project: Project) -> None:
        """The topics and subscriptions there are from now on."""
        with self._lock:
            self._project = project
            self.ways.root = project.root
            wanted = {each.consumer: each for each in _wanted(project)}
            gone = [
                self._running.pop(name)
                for name, running in list(self._running.items())
                if wanted.get(name) != running.wanted
            ]
        _stop(gone)
        with self._lock:
            for name, each in wanted.items():
                if name not in self._running:
                    self._running[name] = self._open(each, project)
            self._asking.apply(
                {
                    each.id: self._asker(topic, spec, each, project)
                    for topic, spec in project.of(TopicSpec).items()
                    for each in spec.subscriptions.values()
                    if each.pending is not None
                }
            )
        self._beat.wake()

    def _open(self, wanted: Wanted, project: Project) -> Running:
        topic, own = wanted.topic, wanted.subscription
        name = f"topics.{topic}"
        running: Running

        def begin() -> int | None:
            reader = Reader(self._layout.log(name), name)
            try:
                return reader.subscribed(wanted.consumer)
            finally:
                reader.close()

        policy = json.loads(wanted.policy)
        throttle = ((own.policy or {}).get("throttlePolicy") or {}).get("maxReceivesPerSecond")
        parts = Parts(
            consumer=wanted.consumer,
            log_name=name,
            open_log=lambda: Reader(self._layout.log(name), name),
            begin=begin,
            attach=lambda start: self._store.write(
                lambda db: consumers.attach(db, wanted.consumer, name, start)
            ),
            commit=lambda before, after, items: self._commit(running, before, after, items),
            deliver=lambda message, offset, arrival: self.ways.deliver(running, message, offset, arrival),
            matches=_matcher(own),
            pauses=_pauses(own, policy),
            ordered=wanted.ordered,
            gap=1.0 / throttle if throttle else 0.0,
        )
        running = Running(wanted, Subscriber(parts))
        return running

    # --- what came of it ---

    def _commit(self, running: Running, before: int, after: int, items: Sequence[Item]) -> None:
        wanted = running.wanted
        ends = {end: sum(item.end == end for item in items) for end in ("delivered", "dropped", "rejected")}
        puts = [item.put for item in items if item.put is not None]
        calls = bool(puts)
        puts += [self._bury(wanted, item) for item in items if item.end == "rejected"]

        def work(db: apsw.Connection) -> None:
            consumers.move(db, wanted.consumer, f"topics.{wanted.topic}", before, after, **ends)
            for put in puts:
                put(db)

        self._store.write(work)
        if calls:
            self._functions.queue.wake()

    def _bury(self, wanted: Wanted, item: Item) -> Put:
        """Keep what a subscriber did not take, with the reason and the original bytes."""
        assert self._project is not None
        own, message = wanted.subscription, item.message
        topic = self._project.of(TopicSpec).get(wanted.topic)
        place = own.errors or (topic.errors if topic is not None else None) or default_errors(self._project)
        now = dt.datetime.now(dt.UTC)
        record = {
            "topic": wanted.topic,
            "subscription": own.id,
            "protocol": own.protocol,
            "endpoint": own.endpoint,
            "errorCode": item.reason[0],
            "errorMessage": item.reason[1],
            "attempts": item.tries,
            "lastAttempt": now.isoformat(),
            "messageId": message.id,
            "subject": message.subject,
            "message": message.message,
            "attributes": dict(message.attributes),
            "rawData": base64.b64encode(item.record).decode(),
        }
        label = own.label.replace(":", "-")
        key = f"{place.prefix}{wanted.topic}/{label}/{now:%Y/%m/%d}/{message.id}-{item.offset}.json"
        return self._functions.prepare(place.bucket, key, json.dumps(record).encode(), wanted.consumer)

    # --- asking ---

    def _asker(self, topic: str, spec: TopicSpec, own: SubscriptionSpec, project: Project) -> Asker:
        return Asker(
            topic=topic,
            topic_arn=arn("sns", topic, region=spec.region),
            subscription=own,
            url=self.ways.address,
            signer=self.ways.signer,
            mail=lambda subject, text: self.ways.mail(
                mail_of(project, topic), own.endpoint, subject, text, f"{own.pending}.{own.id}"
            ),
            pauses=pauses(chosen(own.policy, spec.policy)),
            version=spec.signature,
        )

    # --- its thread ---

    def _look(self) -> float:
        now = time.monotonic()
        with self._lock:
            by_topic: dict[str, list[Running]] = {}
            for running in self._running.values():
                by_topic.setdefault(running.wanted.topic, []).append(running)
        for topic in [topic for topic in self._heads if topic not in by_topic]:
            self._heads.pop(topic)[0].close()
        for topic, all_running in by_topic.items():
            name = f"topics.{topic}"
            reader, seen = self._heads.get(topic) or (Reader(self._layout.log(name), name), -1)
            try:
                head = reader.head()
            except ForebayError as error:
                log.debug("%s cannot be read now: %s", name, error)
                continue
            finally:
                self._heads[topic] = (reader, seen)
            self._heads[topic] = (reader, head)
            for running in all_running:
                if running.poster is not None:
                    running.poster.expire(now)
                subscriber = running.subscriber
                if head > seen or subscriber.position < 0:
                    subscriber.head = head
                    subscriber.kick()
        self._asking.look(now)
        return LOOK_EVERY

    def positions(self) -> list[tuple[str, str, int]]:
        """(consumer, log, position) of whoever reads a topic, so that its log may let go of what is done."""
        return [
            (name, f"topics.{running.wanted.topic}", running.subscriber.position)
            for name, running in list(self._running.items())
            if running.subscriber.position >= 0
        ]

    def status(self) -> dict[str, Any]:
        """Per subscription how far it is and what ails it; those that wait to be confirmed too."""
        found: dict[str, Any] = {}
        for name, running in list(self._running.items()):
            subscriber = running.subscriber
            counts = subscriber.counts
            found[name] = {
                "log": f"topics.{running.wanted.topic}",
                "subscription": running.wanted.subscription.id,
                "position": max(0, subscriber.position),
                "lag": max(0, subscriber.head - max(0, subscriber.position)),
                "delivered": counts.delivered,
                "rejected": counts.rejected,
                "failed": counts.failed,
                "retrying": subscriber.waiting,
                "told": counts.told or None,
                "last_error": subscriber.trouble or counts.reason,
            }
        return {**found, **self._asking.status()}

    def stop(self) -> None:
        """Finish what is under way."""
        self._beat.stop()
        self._asking.stop()
        _stop(list(self._running.values()))
        for reader, _ in self._heads.values():
            reader.close()
        self.ways.close()


def _stop(all_running: Sequence[Running]) -> None:
    """Have them finish what is under way, for a moment."""
    for running in all_running:
        running.subscriber.stop(0)
    deadline = time.monotonic() + STOP_SECONDS
    for running in all_running:
        if running.subscriber.stop(max(0.0, deadline - time.monotonic())) and running.poster is not None:
            running.poster.close()


def _wanted(project: Project) -> list[Wanted]:
    return [
        Wanted(
            topic,
            spec.region,
            each,
            spec.fifo,
            spec.signature,
            json.dumps(chosen(each.policy, spec.policy)),
            mail_of(project, topic) if each.protocol.startswith("email") else None,
        )
        for topic, spec in project.of(TopicSpec).items()
        for each in spec.subscribers(topic, triggered(project, topic))
        if each.pending is None
    ]


def _pauses(own: SubscriptionSpec, policy: Mapping[str, Any]) -> tuple[float, ...]:
    if own.protocol in ("http", "https"):
        return pauses(policy)
    return FUNCTION_PAUSES if own.protocol == "lambda" else OWN


def _matcher(own: SubscriptionSpec) -> Callable[[Message], bool]:
    """Whether a message is for a subscriber. A filter that is wrong, which is refused where it is made, lets nothing by."""
    if own.filter is None:
        return lambda _: True
    try:
        pattern = compile_pattern(rounded(own.filter)) if own.filter else None
    except InvalidPattern as error:
        log.error("a filter of subscription %s cannot be read: %s", own.id, error)
        return lambda _: False

    def matches(message: Message) -> bool:
        if pattern is None:
            return True
        event = filtered_by(message, own.scope)
        return event is not None and pattern.matches(event)

    return matches
