"""The functions of a running flow: called at once, kept to be called, and called by what happens.

    Functions   holds the invoker (calls with an answer) and the queue (calls without), and what calls them:
                streams   `functions/stream.py`, at a position of its own in each shard
                buckets   the lake's notices, each kept as a call in the commit that takes it from the notices
                the clock each time kept as a call in the commit that sets the next

Beside `flow.py` as it needs several nouns: the functions themselves, the catalog where calls are kept, the
lake where what was given up is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from forebay.arn import ACCOUNT, REGION, arn
from forebay.beat import Beat
from forebay.bus.pattern import compile_pattern
from forebay.catalog.store import Store
from forebay.errors import Unavailable
from forebay.functions.invoke import Host, Invoker
from forebay.functions.package import sweep
from forebay.functions.queue import Queue, enqueue
from forebay.functions.section import FunctionSpec, TriggerSpec
from forebay.functions.stream import StreamTrigger
from forebay.functions.stream_parts import Parts
from forebay.lake.files import Files
from forebay.lake.lake import Lake
from forebay.lake.objects import Change
from forebay.lake.objects import put as put_object
from forebay.lake.section import errors_bucket
from forebay.layout import Layout
from forebay.project.model import Location, Project
from forebay.running.function_times import FunctionTimes
from forebay.running.shards import Place, Put, Shards, dated
from forebay.streams.section import StreamSpec

log = logging.getLogger(__name__)

CALLERS = 512
"""Calls with an answer that may be under way or waiting, of all functions together."""

REAP_EVERY = 30.0
NOTICES = 100
NOTICE_EVERY = 0.25
STOP_SECONDS = 1.5


def plain_host(layout: Layout) -> Host:
    """A host for a flow that is part of nothing larger: no secrets, no endpoint."""

    def none(_: Path) -> Callable[[str], str]:
        def missing(name: str) -> str:
            raise Unavailable("UnknownSecret", f"no secret is named {name}")

        return missing

    return Host(
        logs=layout.logs / "functions",
        code=layout.code,
        secrets=none,
        environment=lambda _name, _spec: {},
    )


class Functions:
    """Every function of the flow, between `start` and `stop`."""

    def __init__(self, layout: Layout, store: Store, lake: Lake, files: Files, host: Host) -> None:
        self._store = store
        self._lake = lake
        self._files = files
        self.invoker = Invoker(host)
        self.queue = Queue(store, self.invoker, self._keep)
        self._host = host
        self._layout = layout
        self._streams: dict[tuple[str, str], StreamTrigger] = {}
        self._project: Project | None = None
        self._callers = ThreadPoolExecutor(CALLERS, "invoke")
        self._times = FunctionTimes(store, self.queue)
        self._beats = [
            Beat("idle workers", self._reap),
            Beat("notices for functions", self._notices, retry=NOTICE_EVERY),
        ]

    def start(self) -> None:
        """Begin with the calls that are kept."""
        sweep(self._host.code, [spec.code for spec in self._functions().values() if spec.code is not None])
        self.queue.start()
        self._times.start()
        for beat in self._beats:
            beat.start()

    def _functions(self) -> dict[str, FunctionSpec]:
        return {} if self._project is None else self._project.of(FunctionSpec)

    def apply(self, project: Project) -> None:
        """The functions there are from now on, and what calls them."""
        old, self._project = self._functions(), project
        functions = project.of(FunctionSpec)
        self.invoker.apply(functions, Path(project.root))
        self._lake.world.settings.declared = _bucket_rules(functions)
        self._make_folders(functions)
        self._times.apply(functions)
        wanted = {
            (name, on.stream): on
            for name, spec in functions.items()
            for on in spec.on
            if on.stream is not None and on.enabled and on.stream in project.of(StreamSpec)
        }
        for (name, stream), running in list(self._streams.items()):
            kept = wanted.get((name, stream)) == running.spec and old[name].workers == functions[name].workers
            if not kept:
                running.stop(STOP_SECONDS)
                del self._streams[name, stream]
        for (name, stream), on in wanted.items():
            if (name, stream) not in self._streams:
                trigger = self._streams[name, stream] = self._stream(project, name, stream, on)
                trigger.start()

    def _make_folders(self, functions: Mapping[str, FunctionSpec]) -> None:
        """Where files are dropped by hand that call a function, there is a folder to drop them into."""
        for spec in functions.values():
            for on in spec.on:
                if on.bucket is not None:
                    path = self._files.lake / on.bucket.bucket / on.bucket.prefix
                    with contextlib.suppress(OSError):
                        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _stream(self, project: Project, name: str, stream: str, on: TriggerSpec) -> StreamTrigger:
        spec = project.of(FunctionSpec)[name]
        base, _, version = name.partition(":")
        parts = Parts(
            open_log=lambda: Shards(self._layout.log(f"streams.{stream}"), f"streams.{stream}"),
            progress=Place(self, name, stream, on),
            matches=None if on.filter is None else compile_pattern(on.filter).matches,
            call=lambda event, request: self.invoker.invoke(name, event, request_id=request),
            function_arn=arn("lambda", f"function:{base}:{version or '$LATEST'}"),
            role=f"arn:aws:iam::{ACCOUNT}:role/{base}",
            stream_arn=arn("kinesis", f"stream/{stream}"),
            region=REGION,
            retention=project.of(StreamSpec)[stream].retention,
            workers=max(1, spec.workers),
            reports=spec.kind == "function",
        )
        return StreamTrigger(name, stream, on, parts)

    def positions(self) -> list[tuple[str, str, int]]:
        """(consumer, log, position) of whoever reads a stream here, so that its log may let go of what is done."""
        return [
            (trigger.consumer, trigger.log_name, trigger.position)
            for trigger in list(self._streams.values())
            if trigger.begun
        ]

    def stop(self) -> None:
        """End the workers; what is under way is done again after the next start."""
        for beat in self._beats:
            beat.stop()
        self._times.stop()
        self.queue.stop()
        for trigger in self._streams.values():
            trigger.stop(0)
        self.invoker.close()
        for trigger in self._streams.values():
            trigger.stop(STOP_SECONDS)
        self.queue.join()
        self._callers.shutdown(wait=True, cancel_futures=True)

    def status(self) -> dict[str, Any]:
        """Per function: its workers' counts, calls that wait or were given up."""
        found = self.invoker.status()
        for name, counts in self.queue.status().items():
            found.setdefault(name, {})["calls"] = counts
        for (name, _), trigger in list(self._streams.items()):
            found.setdefault(name, {}).setdefault("on", []).append(trigger.status())
        return found

    def operations(self) -> dict[str, Callable[[dict[str, Any]], Awaitable[Any]]]:
        """The operation of flow.sock:

        invoke {function, payload: bytes, wait?: bool, request_id?, client_context?: {}}
            wait (the default): {payload, error, log, request_id, seconds}; see `functions.invoke.Result`
            else: {request_id}, once the call is on disk
        """
        return {"invoke": self._invoke}

    async def _invoke(self, args: dict[str, Any]) -> Any:
        name, payload = str(args["function"]), bytes(args["payload"])
        if not args.get("wait", True):
            put = self.queue.put(name, payload, args.get("request_id"))
            return {"request_id": await asyncio.wrap_future(put)}
        result = await asyncio.get_running_loop().run_in_executor(
            self._callers,
            lambda: self.invoker.invoke(
                name,
                payload,
                request_id=args.get("request_id"),
                client_context=args.get("client_context"),
            ),
        )
        return {
            "payload": result.payload,
            "error": result.error,
            "log": result.log,
            "request_id": result.request_id,
            "seconds": result.seconds,
        }

    def keep_call(self, name: str, payload: bytes, request_id: str) -> None:
        """Have a function called without waiting for it, at least once; the call is on disk when this returns.

        Raises NotFound.
        """
        self.queue.put(name, payload, request_id).result()
        self.queue.wake()

    def _keep(self, spec: FunctionSpec, name: str, record: bytes) -> None:
        assert spec.errors is not None
        key = f"{spec.errors.prefix}aws/lambda/async/{name}/{dated()}"
        put = self.prepare(spec.errors.bucket, key, record, f"functions.{name}")
        self._store.write(put)

    def prepare(self, bucket: str, key: str, data: bytes, source: str) -> Put:
        """Write an object's bytes, and give what makes it an object in a transaction of the catalog."""
        path, relative = self._files.fresh()
        with self._files.create(path) as file:
            file.write(data)
            self._files.sync(file)
        self._files.sync_folders(path)
        given = {
            "bucket": bucket,
            "key": key,
            "path": relative,
            "size": len(data),
            "etag": hashlib.md5(data, usedforsecurity=False).hexdigest(),
            "source": source,
            "meta": {"type": "application/json"},
        }

        def put(db: apsw.Connection) -> None:
            put_object(Change(db, self._lake.world, given))

        return put

    def errors(self, on: TriggerSpec) -> Location:
        """Where a trigger's batches are kept that were given up."""
        assert self._project is not None
        return on.errors or Location(errors_bucket(self._project), "functions/")

    @property
    def store(self) -> Store:
        """The catalog."""
        return self._store

    @property
    def layout(self) -> Layout:
        """The state folder's."""
        return self._layout

    def told(self) -> None:
        """Calls or objects were made."""
        self.queue.wake()

    def _reap(self) -> float:
        self.invoker.reap()
        return REAP_EVERY

    def _notices(self) -> float:
        """Keep what the lake has to tell functions as calls of them."""
        told = self._lake.notices.read("function", most=NOTICES)
        if not told:
            return NOTICE_EVERY
        self._store.write(partial(_take, told=told))
        self.queue.wake()
        return 0.0


def _take(db: apsw.Connection, told: list[dict[str, Any]]) -> None:
    for notice in told:
        db.execute("DELETE FROM lake_notices WHERE id = ?", (notice["id"],))
        if db.changes():
            name = notice["target"].partition(":function:")[2].removesuffix(":$LATEST")
            payload = json.dumps(notice["event"], separators=(",", ":")).encode()
            enqueue(db, name, payload)


def _bucket_rules(functions: Mapping[str, FunctionSpec]) -> dict[str, list[dict[str, Any]]]:
    """What the project's buckets tell functions, as `lake.notifications` has it."""
    rules: dict[str, list[dict[str, Any]]] = {}
    for name, spec in functions.items():
        for on in spec.on:
            if on.bucket is not None and on.enabled:
                rule = {
                    "id": f"functions.{name}",
                    "kind": "function",
                    "target": arn("lambda", f"function:{name}"),
                    "events": ["s3:ObjectCreated:*"],
                    "prefix": on.bucket.prefix + (on.prefix or ""),
                    "suffix": on.suffix or "",
                }
                rules.setdefault(on.bucket.bucket, []).append(rule)
    return rules
