"""The crawlers of the project and of the wire: when each runs, and what became of its runs.

A crawler runs on demand, at the times of its schedule, or when the objects under its places have changed
and then been still for a moment. A run is a row of `crawls` from before it begins; one that was running
when the process died is recorded as failed at the next start, and begun again unless it was asked for by
somebody.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import apsw

from forebay.catalog.crawl import runs
from forebay.catalog.crawl.crawl import Cancelled, Crawl
from forebay.catalog.crawl.stream import StreamTable, crawl_stream
from forebay.catalog.schedule import crawl_times
from forebay.catalog.section import CrawlerSpec
from forebay.catalog.store import Store
from forebay.errors import ForebayError, NotFound, UsageError
from forebay.layout import Layout
from forebay.ports import LogReader
from forebay.project.model import Project

log = logging.getLogger(__name__)

Doc = dict[str, Any]
OpenLog = Callable[[str], LogReader]
TICK = 0.25
AT_ONCE = 2
LOOK_LEAST, LOOK_MOST, LOOK_SHARE = 1.0, 30.0, 20.0
"""Places are looked at every second, or less often where looking costs more than a twentieth of the time."""
SHOWN = 1.0
"""A run that was asked for counts as running until somebody has seen that, but no longer than this: who
starts a crawler and waits for its end must see that it began."""

WATCHED = 0.3
"""Who looks at the runs of a crawler that is running waits so long for its end."""


@dataclass(slots=True)
class _Arrivals:
    """What is known of the objects under a crawler's places: crawled, seen last, and when to look again."""

    crawled: str | None = None
    last: str | None = None
    look_at: float = 0.0


@dataclass(slots=True)
class _Run:
    id: str
    trigger: str
    began: float
    cancel: threading.Event = field(default_factory=threading.Event)
    stopping: bool = False
    done: threading.Event = field(default_factory=threading.Event)
    seen: threading.Event = field(default_factory=threading.Event)


class Crawlers:
    """All crawlers, between `start` and `stop`. `open_log` opens the log of a stream that is crawled."""

    def __init__(self, store: Store, layout: Layout, open_log: OpenLog) -> None:
        self._store = store
        self._crawl = Crawl(store, layout.root)
        self._open_log = open_log
        self._specs: dict[str, CrawlerSpec] = {}
        self._database = ""
        self._running: dict[str, _Run] = {}
        self._arrivals: dict[str, _Arrivals] = {}
        self._due: dict[str, float] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="crawl")
        self._thread = threading.Thread(target=self._watch, name="crawlers", daemon=True)

    # --- its life ---

    def start(self) -> None:
        """Close the books on runs that a killed process left, and watch."""
        interrupted = self._store.write(runs.interrupt)
        self._thread.start()
        for name, trigger in interrupted:
            log.warning("crawler %s was interrupted", name)
            if trigger != "demand" and name in self._specs:
                self._begin(name, trigger)

    def apply(self, project: Project) -> None:
        """Let the crawlers be those of `project`."""
        specs = project.of(CrawlerSpec)
        with self._lock:
            for name in [name for name, spec in self._specs.items() if specs.get(name) != spec]:
                self._arrivals.pop(name, None)
                self._due.pop(name, None)
            self._specs = dict(specs)
            self._database = project.database

    def stop(self) -> None:
        """Cancel what runs; each is recorded as cancelled."""
        self._stopping.set()
        with self._lock:
            for run in self._running.values():
                run.cancel.set()
        self._pool.shutdown(cancel_futures=True)
        if self._thread.is_alive():
            self._thread.join()

    # --- what is asked of it ---

    def ask(self, name: str, args: Mapping[str, Any]) -> Any:
        """An operation of flow.sock: start, stop, states, runs."""
        match name:
            case "start":
                return self._start(str(args["crawler"]))
            case "stop":
                return self._stop(str(args["crawler"]))
            case "states":
                return {crawler: self._state(crawler) for crawler in args["crawlers"]}
            case "runs":
                return self._runs(str(args["crawler"]))
            case "forget":
                self._store.write(lambda db: runs.forget(db, str(args["crawler"])))
                return None
        raise UsageError("UnknownOperation", f"crawlers have no operation {name}")

    def status(self) -> Doc:
        """Every crawler: its state and last run."""
        return {name: self._state(name, seen=False) for name in list(self._specs)}

    def _state(self, name: str, *, seen: bool = True) -> Doc:
        with self._lock:
            run = self._running.get(name)
            state = "READY" if run is None else "STOPPING" if run.stopping else "RUNNING"
        elapsed = 0 if run is None else round((time.monotonic() - run.began) * 1000)
        last = runs.last(self._store.reader, name)
        if seen and run is not None:
            if last is not None and last["id"] == run.id:
                last = None
            self._saw(name, run)
        return {"state": state, "elapsed_ms": elapsed, "last": last}

    def _runs(self, name: str) -> list[Doc]:
        with self._lock:
            run = self._running.get(name)
        if run is not None:
            run.done.wait(WATCHED)
        found = runs.of(self._store.reader, name)
        if run is not None:
            found = [
                {**one, "state": "running", "ended": None} if one["id"] == run.id else one for one in found
            ]
            self._saw(name, run)
        return found

    def _saw(self, name: str, run: _Run) -> None:
        """Somebody has seen that it runs: if it does so no longer, it ends now."""
        with self._lock:
            if not run.done.is_set() or run.seen.is_set():
                return
            run.seen.set()
            self._running.pop(name, None)
        self._store.write(lambda db: runs.ended_now(db, run.id))

    def _start(self, name: str) -> str:
        if name not in self._specs:
            raise NotFound("NoSuchCrawler", f"Crawler {name} not found.")
        run = self._begin(name, "demand")
        if run is None:
            raise UsageError("CrawlerRunning", f"Crawler with name {name} has already started")
        return run

    def _stop(self, name: str) -> None:
        with self._lock:
            run = self._running.get(name)
            if run is None:
                if name not in self._specs:
                    raise NotFound("NoSuchCrawler", f"Crawler {name} not found.")
                raise UsageError("CrawlerNotRunning", f"Crawler with name {name} isn't running")
            if run.stopping:
                raise UsageError("CrawlerStopping", f"Crawler with name {name} is already stopping")
            run.stopping = True
            run.cancel.set()

    # --- runs ---

    def _begin(self, name: str, trigger: str) -> str | None:
        """Begin a run; its id, or None where one is under way."""
        with self._lock:
            if name in self._running or self._stopping.is_set() or name not in self._specs:
                return None
            run = _Run(str(uuid.uuid4()), trigger, time.monotonic())
            self._running[name] = run
            spec, database = self._specs[name], self._database
        try:
            self._store.write(lambda db: runs.begin(db, run.id, name, trigger))
            self._pool.submit(self._run, name, run, spec, spec.database or database)
        except BaseException:
            with self._lock:
                self._running.pop(name, None)
            raise
        return run.id

    def _run(self, name: str, run: _Run, spec: CrawlerSpec, database: str) -> None:
        state = "completed"
        doc: Doc = {"trigger": run.trigger}
        mark: str | None = None
        try:
            # Taken first: what arrives meanwhile is a change that is still to be crawled.
            mark = self._crawl.mark(spec)
            plan, count = self._crawl.run(name, spec, database, run.id, run.cancel.is_set)
            doc |= {"files": count, "mark": mark}
            streams: Doc = {}
            for target in spec.crawl:
                if target.startswith("streams."):
                    table = StreamTable(name, target, spec, database, run.id)
                    crawl_stream(self._store, self._open_log, table, streams)

            def commit(db: apsw.Connection) -> None:
                # The run ends in the commit of what it changed.
                doc["changes"] = _both(plan(db), streams)
                runs.end(db, run.id, "completed", doc)

            self._store.write(commit)
            for note in doc["changes"].get("notes", ()):
                log.warning("crawler %s: %s", name, note)
        except Cancelled:
            state = "cancelled"
        except (ForebayError, OSError) as error:
            state = "failed"
            doc |= {"error": getattr(error, "message", str(error)), "mark": mark}
            log.error("crawler %s failed: %s", name, doc["error"])
        except Exception as error:
            state = "failed"
            doc |= {"error": f"internal error: {error!r}", "mark": mark}
            log.exception("crawler %s failed", name)
        try:
            if state != "completed":
                self._store.write(lambda db: runs.end(db, run.id, state, doc))
        except ForebayError as error:
            log.error("the run of crawler %s could not be recorded: %s", name, error)
        with self._lock:
            run.done.set()
            if state != "cancelled":
                self._arrivals.setdefault(name, _Arrivals()).crawled = mark
        if run.trigger == "demand" and not self._stopping.is_set():
            run.seen.wait(SHOWN)
        with self._lock:
            if self._running.get(name) is run:
                del self._running[name]

    # --- when ---

    def _watch(self) -> None:
        while not self._stopping.wait(TICK):
            for name, spec in list(self._specs.items()):
                try:
                    self._due_now(name, spec)
                    if spec.arrives:
                        self._arrived(name, spec)
                except Exception:
                    log.exception("crawler %s could not be looked after", name)
                    self._arrivals.setdefault(name, _Arrivals()).look_at = time.monotonic() + LOOK_MOST
                if self._stopping.is_set():
                    return

    def _due_now(self, name: str, spec: CrawlerSpec) -> None:
        if spec.schedule is None and spec.every is None and not spec.also:
            return
        now = time.time()
        if name not in self._due:
            self._due[name] = self._next(name, spec, now)
        if now < self._due[name]:
            return
        self._due[name] = self._next(name, spec, now, begun=True)
        self._begin(name, "schedule")

    def _next(self, name: str, spec: CrawlerSpec, now: float, *, begun: bool = False) -> float:
        at = dt.datetime.fromtimestamp(now, dt.UTC)
        times = [crawl_times(text).next(at) for text in (spec.schedule, *spec.also) if text is not None]
        soonest = min((found.timestamp() for found in times if found is not None), default=float("inf"))
        if spec.schedule is not None or spec.every is None:
            return soonest
        if begun:
            return min(soonest, now + spec.every)
        last = runs.last(self._store.reader, name)
        return min(soonest, now if last is None else max(now, last["started"] / 1e6 + spec.every))

    def _arrived(self, name: str, spec: CrawlerSpec) -> None:
        begun = time.monotonic()
        arrivals = self._arrivals.get(name)
        if arrivals is None:
            arrivals = self._arrivals[name] = _Arrivals(crawled=runs.last_mark(self._store.reader, name))
        if begun < arrivals.look_at or name in self._running:
            return
        mark = self._crawl.mark(spec)
        cost = time.monotonic() - begun
        arrivals.look_at = begun + min(LOOK_MOST, max(LOOK_LEAST, LOOK_SHARE * cost))
        changed, still = mark != arrivals.crawled, mark == arrivals.last
        arrivals.last = mark
        if changed and not still:
            arrivals.look_at = begun + TICK * 2  # is it still being written?
        if changed and still:
            self._begin(name, "arrival")


def _both(changes: Doc, more: Doc) -> Doc:
    return {**changes, **{name: [*changes.get(name, []), *found] for name, found in more.items()}}
