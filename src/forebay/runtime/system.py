"""The running system, as those who serve it over a wire see it: what to ask, and how to change it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from forebay.ipc import AsyncClient
from forebay.keyvalue.store import Tables
from forebay.lake.puts import Puts
from forebay.layout import Layout
from forebay.project.model import Project
from forebay.runtime.documents import Documents
from forebay.streams.writer import Log
from forebay.telemetry.meter import Meter
from forebay.telemetry.metrics import Metrics


@dataclass(slots=True)
class System:
    """Handles on the front's own parts and on the other processes.

    `declared` is the project as its files say, `project` that with the resources made over the wire.
    `apply` makes a change of those real: logs are opened at once, flow is told, and it returns when both
    have it. `loopback` says that only this machine can ask.
    """

    layout: Layout
    documents: Documents
    logs: Mapping[str, Log]
    flow: AsyncClient
    query: AsyncClient
    tables: Tables
    metrics: Metrics
    meter: Meter
    puts: Puts
    declared: Callable[[], Project]
    project: Callable[[], Project]
    apply: Callable[[], Awaitable[None]]
    loopback: bool = True
