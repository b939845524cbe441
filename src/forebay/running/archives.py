"""What the buses count, and what is sent again: archives, events that met no rule, replays.

An archive is a part of its bus's log, kept longer: events are counted into it, not copied. A replay appends
events of the log to the log again, with the replay's name in them; its position commits with what it appends,
so that a kill sends nothing twice.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import orjson

from forebay import ipc
from forebay.bus.envelope import moment, new_id, replay_of, replayed
from forebay.bus.inputs import text_at
from forebay.bus.operators import InvalidPattern
from forebay.bus.pattern import Pattern, compile_pattern
from forebay.bus.reading import taken
from forebay.bus.router import ALL, ARCHIVE, Router
from forebay.bus.rules import RuleSet
from forebay.bus.section import BusSpec
from forebay.catalog import consumers
from forebay.catalog.store import Store
from forebay.clock import now_us
from forebay.errors import ForebayError, NotFound, UsageError
from forebay.layout import Layout
from forebay.streams.reader import Reader

log = logging.getLogger(__name__)

EVERY = 0.25
READ_BYTES = 4 << 20
RETRY = 0.5
RUNNING = ("STARTING", "RUNNING", "CANCELLING")

Json = dict[str, Any]

DDL = """
CREATE TABLE IF NOT EXISTS replays(name TEXT PRIMARY KEY, doc TEXT NOT NULL) WITHOUT ROWID;
"""

_time_of = text_at(("time",))


class Archives:
    """Counts, archives and replays of all buses, between `start` and `stop`."""

    def __init__(self, layout: Layout, store: Store, router: Callable[[str], Router | None]) -> None:
        self._layout = layout
        self._store = store
        self._router = router
        self._front = ipc.Client(layout.socket("front"), "front")
        self._lock = threading.Lock()
        self._buses: dict[str, BusSpec] = {}
        self._readers: dict[str, Reader] = {}
        self.noted: Callable[[str, Mapping[str, int]], None] | None = None
        self._stopping = threading.Event()
        self._replay = threading.Event()
        self._threads = [
            threading.Thread(target=self._count_all, name="bus counts", daemon=True),
            threading.Thread(target=self._replay_all, name="replays", daemon=True),
        ]
        store.write(lambda db: _void(db.execute(DDL)))

    def start(self) -> None:
        """Begin; replays that a restart interrupted go on."""
        self._replay.set()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish what is under way."""
        self._stopping.set()
        self._replay.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self._front.close()
        for reader in self._readers.values():
            reader.close()

    def apply(self, buses: Mapping[str, BusSpec]) -> None:
        """The buses there are from now on."""
        self._buses = dict(buses)

    def patterns(self, spec: BusSpec) -> dict[str, Pattern | None]:
        """A bus's archives, compiled; one whose pattern is wrong takes nothing."""
        found: dict[str, Pattern | None] = {}
        for name, archive in spec.archives.items():
            try:
                found[name] = None if archive.pattern is None else compile_pattern(archive.pattern)
            except InvalidPattern as error:
                log.error("archive %s takes nothing: %s", name, error.message)
        return found

    def allowed(self, bus: str) -> dict[str, frozenset[str]]:
        """The rules that a bus's replays are sent to, where that is not all of them."""
        rows: Any = self._store.reader.execute("SELECT doc FROM replays").fetchall()
        docs = [orjson.loads(text) for (text,) in rows]
        return {doc["name"]: frozenset(doc["rules"]) for doc in docs if doc["bus"] == bus and doc["rules"]}

    def ask(self, name: str, args: Json) -> Any:
        """counts {bus} → {unmatched, archives: {name: {events, bytes}}}, up to now
        forget {bus, archive?}: an archive, or a bus, is gone
        replay_start {doc}, replay_list {} → docs, replay_cancel {name}
        """
        match name:
            case "counts":
                with self._lock:
                    self._count(str(args["bus"]))
                return self.counts(str(args["bus"]))
            case "forget" if args.get("archive"):
                self._store.write(lambda db: consumers.forget_archive(db, args["bus"], args["archive"]))
            case "forget":
                self._store.write(lambda db: consumers.forget_bus(db, args["bus"]))
            case "replay_start":
                self._put(args["doc"])
                self._replay.set()
            case "replay_list":
                rows: Any = self._store.reader.execute("SELECT doc FROM replays ORDER BY name").fetchall()
                return [orjson.loads(row[0]) for row in rows]
            case "replay_cancel":
                return self._cancel(str(args["name"]))
            case _:
                raise UsageError("UnknownOperation", f"buses have no operation {name}")
        return {}

    def counts(self, bus: str) -> Json:
        """What is counted of a bus by now."""
        db = self._store.reader
        known = consumers.counted(db, bus)
        rows = db.execute("SELECT name, events, bytes FROM archives WHERE bus = ?", (bus,)).fetchall()
        return {
            "position": known[0] if known else 0,
            "unmatched": known[1] if known else 0,
            "archives": {name: {"events": events, "bytes": size} for name, events, size in rows},
        }

    # --- counting ---

    def _count_all(self) -> None:
        while not self._stopping.wait(EVERY):
            for bus in list(self._buses):
                try:
                    with self._lock:
                        self._count(bus)
                except Exception as error:  # it is tried again, and nothing but the counts waits
                    log.debug("the events of bus %s are not counted: %s", bus, error)

    def _count(self, bus: str) -> None:
        router, spec = self._router(bus), self._buses.get(bus)
        if router is None or spec is None:
            return
        reader = self._readers.get(bus)
        if reader is None:
            reader = self._readers[bus] = Reader(self._layout.log(f"bus.{bus}"), f"bus.{bus}", patience=0.0)
        known = consumers.counted(self._store.reader, bus)
        position = max(known[0] if known else 0, reader.start())
        while reader.head() > position and not self._stopping.is_set():
            batches = reader.read(position, max_bytes=READ_BYTES)
            if not batches:
                break
            records, _ = taken(reader.name, batches, position)
            end = position + len(records)
            unmatched = 0
            matched: dict[str, int] = {}
            archived: dict[str, tuple[int, int]] = {}
            for run in router.runs(records, position):
                low, high = max(run.start, position), min(run.end, end)
                unmatched += run.met[low - run.start : high - run.start].count(0)
                for rule, offsets in run.found.items():
                    matched[rule] = matched.get(rule, 0) + sum(low <= at < high for at in offsets)
                    if rule.startswith(ARCHIVE):
                        name = rule.removeprefix(ARCHIVE)
                        since = spec.archives[name].since if name in spec.archives else end
                        mine = [at for at in offsets if low <= at < high and at >= since]
                        events, size = archived.get(name, (0, 0))
                        size += sum(len(records[at - position]) for at in mine)
                        archived[name] = (events + len(mine), size)
            position = end
            self._store.write(
                partial(consumers.count, bus=bus, position=end, unmatched=unmatched, archived=archived)
            )
            if self.noted is not None:
                self.noted(
                    bus, {rule: n for rule, n in matched.items() if n and not rule.startswith(ARCHIVE)}
                )

    # --- replays ---

    def _put(self, doc: Json) -> None:
        text = orjson.dumps(doc).decode()
        self._store.write(
            lambda db: _void(db.execute("INSERT OR REPLACE INTO replays VALUES (?, ?)", (doc["name"], text)))
        )

    def _get(self, name: str) -> Json:
        row: Any = self._store.reader.execute("SELECT doc FROM replays WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise NotFound("ResourceNotFoundException", f"Replay {name} does not exist.")
        doc: Json = orjson.loads(row[0])
        return doc

    def _cancel(self, name: str) -> Json:
        doc = self._get(name)
        if doc["state"] in ("STARTING", "RUNNING"):
            doc["state"] = "CANCELLING"
            self._put(doc)
            self._replay.set()
        return doc

    def _replay_all(self) -> None:
        while not self._stopping.is_set():
            self._replay.wait(EVERY * 8)
            self._replay.clear()
            for doc in self.ask("replay_list", {}):
                if doc["state"] in RUNNING and not self._stopping.is_set():
                    try:
                        self._go_on(doc["name"])
                    except ForebayError as error:
                        log.warning("replay %s waits: %s", doc["name"], error)
                        self._stopping.wait(RETRY)
                        self._replay.set()
                    except Exception:
                        log.exception("replay %s failed", doc["name"])
                        self._put(
                            {**doc, "state": "FAILED", "ended": now_us(), "reason": "it failed; see the log"}
                        )

    def _go_on(self, name: str) -> None:
        doc = self._get(name)
        bus = doc["bus"]
        target, consumer = f"bus.{bus}", f"replay:{name}"
        reader = Reader(self._layout.log(target), target)
        try:
            start = max(int(doc["from"]), reader.start())
            position = int(
                self._front.call("attach", target=target, consumer=consumer, log=target, start=start)[
                    "position"
                ]
            )
            rules = RuleSet({name: compile_pattern(doc["pattern"]) if doc["pattern"] else ALL})
            first, last = moment(doc["start"]), moment(doc["end"])
            while position < doc["until"] and not self._stopping.is_set():
                if self._get(name)["state"] == "CANCELLING":
                    break
                batches = reader.read(position, max_bytes=READ_BYTES)
                if not batches:
                    break
                records, _ = taken(target, batches, position)
                records = records[: doc["until"] - position]
                chosen = []
                for index in rules.match(records).get(name, ()):
                    time = _time_of(records[index]) or ""
                    if first <= time <= last and replay_of(records[index]) is None:
                        chosen.append(replayed(records[index], name, new_id()))
                        doc["last"] = max(doc.get("last") or "", time)
                after = position + len(records)
                moved = {
                    "consumer": consumer,
                    "log": target,
                    "before": position,
                    "after": after,
                    "delivered": len(chosen),
                    "copies": 0,
                }
                self._front.call("append", target=target, records=chosen, moved=moved)
                position = after
                if doc["state"] == "STARTING":
                    doc["state"] = "RUNNING"
                    self._keep(doc)
        finally:
            reader.close()
        if self._stopping.is_set() and position < doc["until"]:
            return
        cancelled = self._get(name)["state"] == "CANCELLING"
        self._put({**doc, "state": "CANCELLED" if cancelled else "COMPLETED", "ended": now_us()})

    def _keep(self, doc: Json) -> None:
        if self._get(doc["name"])["state"] != "CANCELLING":
            self._put(doc)


def _void(_: object) -> None:
    """Let a result go."""
