"""The status of a system: who runs, where, what was accepted and what became of it.

{name, version, started, processes: [{role, pid, restarts}], urls: {ingest, aws, console},
 ledger: {total: {...}, "delivery.clicks": {accepted, delivered, dropped, rejected, expired, erased,
          buffered, log, lag, adds_up}},
 doors: {"ingest.clicks": {accepted, duplicate, refused}},
 rates: {...}, resources: [{noun, name, ...}], flow: {...} | {error},
 streams: {"clicks": {accepted, kept, shards, retention_seconds}}, problems: [...]}
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from forebay import __version__
from forebay.errors import ForebayError
from forebay.ipc import AsyncClient
from forebay.layout import Layout
from forebay.project.graph import subscriptions
from forebay.project.model import Project
from forebay.runtime import endpoints
from forebay.runtime.lock import holder
from forebay.sections import SECTIONS
from forebay.streams.section import StreamSpec
from forebay.web.ledger import CatalogFacts, Delivered, ledger
from forebay.web.logs import Logs, read_facts, read_source_rows
from forebay.web.state import Doors, read_doors_at

FLOW_PATIENCE = 1.0


class Status:
    """Puts the status of a running system together, in the front."""

    def __init__(
        self,
        layout: Layout,
        logs: Logs,
        flow: AsyncClient,
        *,
        project: Callable[[], Project],
        doors: Callable[[], Doors],
        rates: Callable[[], dict[str, float]],
    ) -> None:
        self._layout = layout
        self._logs = logs
        self._flow = flow
        self._project = project
        self._doors = doors
        self._rates = rates
        self._catalog = CatalogFacts(layout.catalog)
        self._reading = asyncio.Lock()

    async def __call__(self) -> dict[str, Any]:
        """The status now. Never waits long for a process that is down."""
        problems: list[dict[str, Any]] = [
            {"about": name, **log.problem.to_dict()}
            for name, log in self._logs.items()
            if log.problem is not None
        ]
        flow = await self.ask_flow()
        async with self._reading:  # one connection, one thread at a time
            consumers = await asyncio.to_thread(self._catalog.read) | self._logs.sources()
        project = self._project()
        return {
            **_head(self._layout, project),
            "ledger": ledger(self._logs.readers, consumers, self._logs.facts),
            "doors": self._doors(),
            "rates": self._rates(),
            "resources": resources(project),
            "flow": flow,
            "streams": self._streams(project),
            "problems": problems,
        }

    def _streams(self, project: Project) -> dict[str, dict[str, Any]]:
        """Of each declared stream: what was ever accepted, and what is still in it."""
        found: dict[str, dict[str, Any]] = {}
        for name, spec in project.of(StreamSpec).items():
            if (key := f"streams.{name}") in self._logs:
                facts = self._logs.facts(key)
                found[name] = {
                    "accepted": facts.head,
                    "kept": facts.head - facts.start,
                    "shards": spec.shards,
                    "retention_seconds": spec.retention,
                }
        return found

    async def ledger(self) -> dict[str, dict[str, Any]]:
        """The ledger alone, not held against the objects."""
        async with self._reading:
            rows = await asyncio.to_thread(lambda: self._catalog.read(checked=False))
        return ledger(self._logs.readers, rows | self._logs.sources(), self._logs.facts)

    async def deliveries(self) -> dict[str, Delivered]:
        """What deliveries wrote since the start, and what waits."""
        async with self._reading:
            return await asyncio.to_thread(self._catalog.deliveries)

    async def ask_flow(self) -> dict[str, Any]:
        """The flow's status, or its `error`. Never waits long."""
        try:
            found: dict[str, Any] = await self._flow.call("status", timeout=FLOW_PATIENCE)
        except ForebayError as error:
            return {"error": error.to_dict()}
        return found

    def close(self) -> None:
        """Let go of the catalog."""
        self._catalog.close()


def offline(layout: Layout, project: Project) -> dict[str, Any]:
    """The status read from the files, with no system running: ledger and doors, no process."""
    catalog = CatalogFacts(layout.catalog)
    try:
        consumers = catalog.read()
    finally:
        catalog.close()
    logs = subscriptions(project, SECTIONS)
    for name in logs:
        consumers |= read_source_rows(layout.log(name))
    found = ledger(logs, consumers, lambda name: read_facts(layout.log(name), name))
    return {
        **_head(layout, project),
        "ledger": found,
        "doors": read_doors_at(layout.state),
        "rates": {},
        "resources": resources(project),
        "flow": {},
        "problems": [],
    }


def _head(layout: Layout, project: Project) -> dict[str, Any]:
    running = endpoints.read(layout) if holder(layout) is not None else None
    return {
        "name": project.name,
        "version": running.version if running else __version__,
        "started": running.started if running else None,
        "processes": msgspec.to_builtins(running.processes) if running else [],
        "urls": running.urls if running else {},
    }


def resources(project: Project) -> list[dict[str, Any]]:
    """What the project declares, in the order in which events meet it."""
    found: list[dict[str, Any]] = []
    for noun, entries in project.sections.items():
        for name, spec in entries.items():
            entry: dict[str, Any] = {"noun": noun, "name": name}
            entry |= _more(spec)
            found.append(entry)
    return found


def _more(spec: object) -> Mapping[str, Any]:
    """What tells one resource from another at a glance; never a secret, so only these."""
    return {
        key: str(value)
        for key in ("route", "to", "from_", "location", "format")
        if (value := getattr(spec, key, None)) is not None
    }
