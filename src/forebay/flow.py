"""Connects the nouns, top to bottom. Read this first.

What happens to an event, and where:

    ingest, wire    accept it                                        (process: front)
    streams         keep it: one fsynced log per stream and per delivery that is put to
      │
    bus             rules: which events go where                     running/bus.py, bus/router.py
    streamsql       windows and filters, into other logs             running/streamsql.py, streamsql/engine.py
    topics          what is published, to whom it concerns           running/topics.py, topics/subscriber.py
      │
      │  a delivery reads its log at a position of its own           (process: flow, this module)
      ▼
    delivery        take → transform → encode → buffer               delivery/consumer.py, batch.py
      functions     the user's code, in its own process
      │
      │  one transaction a tick for all deliveries: hot rows, positions, counts
      ▼
    catalog         catalog.db: segments that SQL sees at once       catalog/store.py, deliveries.py
      │
      │  seal → write, fsync, rename → register                      delivery/flush.py
      ▼
    lake            objects as plain files                           lake/files.py, running/upkeep.py
      │
      ▼
    query           SQL over objects and hot rows in one snapshot    (process: query)
    dashboards      tiles over queries, pushed live                  (process: front)
    alerts          conditions on metrics and SQL, who is told       running/alerts.py, alerts/evaluate.py

A position lives in the same commit as what came of the events before it, so there is nothing to
reconcile after a crash: open, finish or undo the intents, read the positions, go on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from forebay import ipc
from forebay.arn import arn
from forebay.beat import Beat
from forebay.catalog.crawl.crawlers import Crawlers
from forebay.catalog.deliveries import Deliveries
from forebay.catalog.store import Store
from forebay.delivery.buffers import Sealed, make_seal
from forebay.delivery.consumer import Delivery, Parts
from forebay.delivery.endpoint import Sender
from forebay.delivery.flush import recover
from forebay.delivery.section import DeliverySpec
from forebay.delivery.writer import Writer
from forebay.errors import ForebayError, UsageError
from forebay.functions.invoke import Host
from forebay.functions.section import FunctionSpec
from forebay.lake.files import Files
from forebay.lake.lake import Lake
from forebay.lake.section import buckets, versioned
from forebay.layout import Layout
from forebay.ports import LogReader, Transform
from forebay.project.model import Project
from forebay.project.secrets import reveal, secrets_of
from forebay.room import Room
from forebay.running.alerts import Alerts
from forebay.running.bus import Buses
from forebay.running.stream_tables import StreamTables
from forebay.running.streamsql import StreamSql
from forebay.running.tables import declare
from forebay.running.topics import Topics
from forebay.running.triggers import Functions, plain_host
from forebay.running.upkeep import Upkeep
from forebay.streams.reader import Reader
from forebay.streamsql.references import qualified

log = logging.getLogger(__name__)

HEARTBEAT = 0.1
TRIM_EVERY = 1.0
WRITERS = 2
STOP_SECONDS = 1.5

OpenTransform = Callable[[str, DeliverySpec, Project], Transform | None]


class Flow:
    """Everything that moves events from the logs into the lake, between `start` and `stop`."""

    def __init__(
        self, layout: Layout, project: Project, open_transform: OpenTransform, host: Host | None = None
    ) -> None:
        self.layout = layout
        self.project = project
        self._open_transform = open_transform
        self._store = Store(layout.catalog)
        self._catalog = Deliveries(self._store)
        self._files = Files(layout.lake)
        self.crawlers = Crawlers(self._store, layout, self._open_log)
        self.lake = Lake(self._store, self._files)
        self._catalog.on_object = self.lake.delivered
        self.functions = Functions(layout, self._store, self.lake, self._files, host or plain_host(layout))
        self.buses = Buses(layout, self._store, self.functions, self.lake.notices)
        self.buses.reading = self._positions
        self.streamsql = StreamSql(layout)
        self.topics = Topics(layout, self._store, self.functions)
        self.alerts = Alerts(layout, self.functions.keep_call)
        self._pool = ThreadPoolExecutor(WRITERS, thread_name_prefix="writer")
        self._changing = threading.Lock()
        self._deliveries: dict[str, Delivery] = {}
        self._writers: dict[str, Writer] = {}
        self._refused: dict[str, str] = {}
        self._stopping = False
        self._room = Room(layout.root)
        self._front = ipc.Client(layout.socket("front"), "front")
        self._told: dict[tuple[str, str], int] = {}
        self._upkeep = Upkeep(
            layout,
            self._store,
            self._files,
            self.lake,
            catalog=self._catalog,
            project=lambda: self.project,
            written=lambda name: self._writer(name).objects,
        )
        self._stream_tables = StreamTables(self._store, self._open_log, lambda: self.project)
        self._beats = [
            Beat("heartbeat", self._tick, retry=HEARTBEAT),
            Beat("trim", self._trim, retry=TRIM_EVERY, first=TRIM_EVERY),
            self._upkeep.beat,
            self._stream_tables.beat,
        ]

    # --- the project ---

    def start(self) -> None:
        """Undo what was half done, apply the project, and let the deliveries run."""
        recover(self._files, self._catalog.all_seals())
        self._catalog.forget_intents()
        self._files.clear_temporary()
        self.lake.recover(self.layout.puts)
        for name in self._catalog.owners():
            self._writer(name).add([Sealed(*sealed) for sealed in self._catalog.seals(name)])
        self.apply(self.project)
        self.crawlers.start()
        self.functions.start()
        self.buses.start()
        self.alerts.start()
        self.topics.start()
        for beat in self._beats:
            beat.start()
        self.lake.start()

    def apply(self, project: Project) -> None:
        """Make the running deliveries and the declared tables those of `project`.

        What is buffered under an old specification becomes objects under it. A delivery that cannot be
        built says so in its status; the others run.
        """
        with self._changing:
            wanted = project.of(DeliverySpec)
            self.functions.apply(project)  # before those who call them
            self.buses.apply(project)
            ran = set(self._deliveries)
            for name, delivery in list(self._deliveries.items()):
                if name not in wanted or self._differs(delivery, project):
                    self._remove(name)
                if name not in wanted:
                    self._connect(self._writer(name), None)
            for name in self._catalog.owners() - wanted.keys() - ran:  # those that ran seal their own
                self._retire(name)
            self.project = project
            self.lake.apply(buckets(project), versioned(project))
            self._store.write(lambda db: declare(db, project))
            for name, spec in wanted.items():
                if name not in self._deliveries:
                    self._add(name, spec)
            self.crawlers.apply(project)
            self.streamsql.apply(project)
            self.alerts.apply(project)
            self.topics.apply(project)

    def _differs(self, delivery: Delivery, project: Project) -> bool:
        spec = project.of(DeliverySpec)[delivery.name]
        code = spec.transform.function if spec.transform is not None else None
        buses = self.buses.feeding(delivery.name, project)
        if [feed.log for feed in delivery.feeds[1:]] != [f"bus.{bus}" for bus in buses]:
            return True
        return delivery.spec != spec or (
            code is not None and self.project.of(FunctionSpec).get(code) != project.of(FunctionSpec).get(code)
        )

    def _add(self, name: str, spec: DeliverySpec) -> None:
        log_name = str(spec.from_) if spec.from_ is not None else f"delivery.{name}"
        self._refused.pop(name, None)
        writer = self._writer(name)
        self._connect(writer, spec)
        try:
            parts = Parts(
                open_log=lambda: self._open_log(log_name),
                transform=self._open_transform(name, spec, self.project),
                store=self._catalog,
                files=self._files,
                writer=writer,
                room=self._room,
                table=None if spec.table is None else qualified(spec.table, self.project),
                feeds=self.buses.feeds(name),
            )
            delivery = Delivery(name, spec, parts)
        except ForebayError as error:
            log.error("delivery %s cannot run: %s", name, error)
            self._refused[name] = f"{error.code}: {error.message}"
            return
        self._deliveries[name] = delivery
        delivery.start()

    def _remove(self, name: str) -> None:
        delivery = self._deliveries[name]
        if not delivery.stop(STOP_SECONDS):
            delivery.abandon()
            delivery.close()  # its code hangs
            delivery.stop(STOP_SECONDS)
        delivery.seal_all()
        delivery.close()
        del self._deliveries[name]

    def _retire(self, name: str) -> None:
        sealed = [
            Sealed(row, make_seal(row, self._files), size)
            for row, size in self._catalog.buffers(name, "open")
        ]
        if sealed:
            self._writer(name).add(sealed, self._catalog.seal([one.seal for one in sealed]))

    def _writer(self, name: str) -> Writer:
        if name not in self._writers:
            self._writers[name] = Writer(name, self._catalog, self._files, self._enqueue)
            self._connect(self._writers[name], self.project.of(DeliverySpec).get(name))
        return self._writers[name]

    def _connect(self, writer: Writer, spec: DeliverySpec | None) -> None:
        """Give the writer of a delivery the endpoint that its events are posted to, if any, in place of an old one."""
        old = writer.sender
        endpoint = None if spec is None else spec.http_endpoint
        if endpoint is not None and old is not None and endpoint == old.spec:
            return
        writer.sender = None
        if endpoint is not None:
            secrets = secrets_of(Path(self.project.root))
            source = arn("firehose", f"deliverystream/{writer.name}")
            writer.sender = Sender(endpoint, source, lambda text: reveal(text, secrets), writer.ails)
        if old is not None:
            old.close()

    def _enqueue(self, job: Callable[[], None]) -> None:
        if not self._stopping:
            self._pool.submit(job)

    def _open_log(self, name: str) -> LogReader:
        return Reader(self.layout.log(name), name)

    # --- what is asked of it ---

    def flush(self, name: str | None = None, timeout: float = 60.0) -> list[dict[str, Any]]:
        """Make objects of what is accepted by now, of one delivery or of all; tells which."""
        chosen = self._chosen(name)
        with ThreadPoolExecutor(max(1, len(chosen)), thread_name_prefix="flush") as pool:
            asked = [pool.submit(delivery.flush, timeout) for delivery in chosen]
        if name is not None or all(answer.exception() for answer in asked):
            answers = [answer.result() for answer in asked]
        else:  # one that cannot be flushed now says so in its status; it does not hide the others'
            answers = [[] if answer.exception() else answer.result() for answer in asked]
        return [
            {
                "delivery": delivery.name,
                "bucket": row.bucket,
                "key": row.key,
                "rows": row.rows,
                "bytes": row.size,
                "kind": row.meta.get("kind", "data"),
            }
            for delivery, rows in zip(chosen, answers, strict=True)
            for row in rows
        ]

    def replay(self, name: str) -> dict[str, Any]:
        """Process again what a delivery rejected, after its cause is mended."""
        (delivery,) = self._chosen(name)
        return delivery.replay()

    @property
    def store(self) -> Store:
        """The catalog, for those who serve it."""
        return self._store

    def status(self) -> dict[str, Any]:
        """How every delivery does, and the catalog's own trouble."""
        running = {name: delivery.status() for name, delivery in list(self._deliveries.items())}
        refused = {name: {"last_error": reason} for name, reason in self._refused.items()}
        return {
            "deliveries": {**running, **refused},
            "crawlers": self.crawlers.status(),
            "buses": self.buses.status(),
            "streamsql": self.streamsql.status(),
            "topics": self.topics.status(),
            "functions": self.functions.status(),
            "alerts": self.alerts.status(),
            "trouble": self._store.trouble,
        }

    def _chosen(self, name: str | None) -> list[Delivery]:
        if name is None:
            return list(self._deliveries.values())
        name = name.removeprefix("delivery.")
        if name not in self._deliveries:
            raise UsageError("NoSuchDelivery", f"no delivery is named {name}", why=self._refused.get(name))
        return [self._deliveries[name]]

    def stop(self) -> None:
        """Finish the batches under way, commit, close. What is buffered stays buffered: it is on disk."""
        self._stopping = True
        for beat in self._beats:
            beat.cease()
        self.alerts.stop()
        self.functions.stop()
        deadline = time.monotonic() + STOP_SECONDS
        for delivery in self._deliveries.values():
            delivery.stop(0)
        for delivery in self._deliveries.values():
            if not delivery.stop(max(0.0, deadline - time.monotonic())):
                log.warning("delivery %s did not finish its batch; it will be read again", delivery.name)
            delivery.close()
        for beat in self._beats:
            beat.stop()
        self._stream_tables.close()
        for writer in list(self._writers.values()):
            if writer.sender is not None:
                writer.sender.close()
        self._front.close()
        self._pool.shutdown(cancel_futures=True)
        self.streamsql.stop()
        self.buses.stop()
        self.topics.stop()
        self.lake.stop()
        self.crawlers.stop()
        self._store.close()

    # --- its own threads ---

    def _tick(self) -> float:
        for delivery in list(self._deliveries.values()):
            delivery.tick()
        for writer in list(self._writers.values()):
            writer.tick()
        return HEARTBEAT

    def _positions(self) -> list[tuple[str, str, int]]:
        """(consumer, log, position) of whoever reads here."""
        return (
            [
                (delivery.consumer, log_name, position)
                for delivery in list(self._deliveries.values())
                for log_name, position in list(delivery.positions.items())
            ]
            + self.buses.positions()
            + self.streamsql.positions()
            + self.topics.positions()
            + self.functions.positions()
        )

    def _trim(self) -> float:
        """Tell front how far everybody is, so that logs may let go of what is done."""
        for consumer, log_name, position in self._positions():
            if self._told.get((consumer, log_name)) == position:
                continue
            try:
                self._front.call("trim", log=log_name, consumer=consumer, position=position)
                self._told[consumer, log_name] = position
            except ForebayError as error:
                log.debug("front was not told how far %s is: %s", consumer, error)
        return TRIM_EVERY
