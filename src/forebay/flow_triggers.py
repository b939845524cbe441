"""The functions of a running flow: called at once, kept to be called, and called by what happens.

    Functions   holds the invoker (calls with an answer) and the queue (calls without)

Beside `flow.py` as it needs several nouns: the functions themselves, the catalog where calls are kept, the
lake where what was given up is written.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from forebay.catalog.store import Store
from forebay.errors import Unavailable
from forebay.functions.invoke import Host, Invoker
from forebay.functions.queue import Queue
from forebay.functions.section import FunctionSpec
from forebay.lake.files import Files
from forebay.lake.lake import Lake
from forebay.lake.objects import Change
from forebay.lake.objects import put as put_object
from forebay.layout import Layout
from forebay.project.model import Project

log = logging.getLogger(__name__)

CALLERS = 512
"""Calls with an answer that may be under way or waiting, of all functions together."""

REAP_EVERY = 30.0


def plain_host(layout: Layout) -> Host:
    """A host for a flow that is part of nothing larger: no secrets, no endpoint."""

    def none(_: Path) -> Callable[[str], str]:
        def missing(name: str) -> str:
            raise Unavailable("UnknownSecret", f"no secret is named {name}")

        return missing

    return Host(
        logs=layout.logs / "functions",
        code=layout.code,
        venvs=layout.venvs,
        secrets=none,
        environment=lambda _: {},
    )


class Functions:
    """Every function of the flow, between `start` and `stop`."""

    def __init__(self, store: Store, lake: Lake, files: Files, host: Host) -> None:
        self._store = store
        self._lake = lake
        self._files = files
        self.invoker = Invoker(host)
        self.queue = Queue(store, self.invoker, self._keep)
        self._callers = ThreadPoolExecutor(CALLERS, "invoke")
        self._stopping = threading.Event()
        self._reaper = threading.Thread(target=self._reap, name="reaper", daemon=True)

    def start(self) -> None:
        """Begin with the calls that are kept."""
        self.queue.start()
        self._reaper.start()

    def apply(self, project: Project) -> None:
        """The functions there are from now on."""
        self.invoker.apply(project.of(FunctionSpec), Path(project.root))

    def stop(self) -> None:
        """End the workers; calls without an answer are made again after the next start."""
        self._stopping.set()
        self.queue.stop()
        self.invoker.close()
        self.queue.join()
        self._callers.shutdown(wait=True, cancel_futures=True)
        if self._reaper.is_alive():
            self._reaper.join()

    def status(self) -> dict[str, Any]:
        """Per function: its workers' counts, calls that wait or were given up."""
        found = self.invoker.status()
        for name, counts in self.queue.status().items():
            found.setdefault(name, {})["calls"] = counts
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

    def _keep(self, spec: FunctionSpec, name: str, record: bytes) -> None:
        assert spec.errors is not None
        now = datetime.now(UTC)
        key = f"{spec.errors.prefix}aws/lambda/async/{name}/{now:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
        self.keep(spec.errors.bucket, key, record, f"functions.{name}")

    def keep(self, bucket: str, key: str, data: bytes, source: str) -> None:
        """Put an object, as durable as any other."""
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
        self._store.write(lambda db: put_object(Change(db, self._lake.world, given)))
        self._lake.notices.changed.set()

    def _reap(self) -> None:
        while not self._stopping.wait(REAP_EVERY):
            self.invoker.reap()
