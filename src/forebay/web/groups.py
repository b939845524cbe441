"""The log groups that the system itself writes: access logs of routes, and what the flow hands over.

Opened when there is a first line, or where the project says how long lines are kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import math
from collections.abc import Sequence
from typing import Any

from forebay.errors import ForebayError, NotFound
from forebay.functions.section import FunctionSpec
from forebay.layout import Layout
from forebay.project.model import Project
from forebay.telemetry.groups import PREFIX, Exists, Group, Groups
from forebay.telemetry.meter import Meter, incoming
from forebay.telemetry.section import TelemetrySpec
from forebay.web.access_log import GROUP, AccessLog, access_logs

logger = logging.getLogger("forebay.front")

DAY = 86_400.0


class LogGroups:
    """The groups as the front has them; `access` takes the lines of routes."""

    def __init__(self, layout: Layout, meter: Meter | None = None) -> None:
        self._layout = layout
        self._meter = meter or Meter()
        self._groups: Groups | None = None
        self._opening = asyncio.Lock()
        self.access = AccessLog(self._keep_access)

    async def put(self, args: dict[str, Any]) -> None:
        """Keep lines, (UTC milliseconds, text) each, in a stream of a log group. Raises NotFound."""
        groups = await self._open()
        await asyncio.to_thread(_put, groups, args["group"], args["stream"], args["events"])
        incoming(self._meter, args["group"], args["events"])

    async def listed(self) -> list[Group]:
        """Every group, functions' too; none where nothing was ever written."""
        if not self._written():
            return []
        groups = await self._open()
        return await asyncio.to_thread(groups.all)

    async def take_in(self, names: Sequence[str]) -> None:
        """Have in the groups what functions have written by now."""
        groups = await self._open()
        for name in names:
            await asyncio.to_thread(groups.take_in, name)

    def _written(self) -> bool:
        functions = self._layout.logs / "functions"
        return self._layout.log_groups.exists() or any(functions.glob("*.log"))

    async def conform(self, project: Project) -> None:
        """Have the groups that `project` says something of, for as long as it says."""
        wanted = retentions(project)
        if not wanted:
            return
        try:
            groups = await self._open()
            await asyncio.to_thread(_conform, groups, wanted)
        except ForebayError as error:  # events are taken all the same
            logger.warning("log groups are not as the project says: %s", error)

    async def close(self) -> None:
        """Keep what is waiting, and close."""
        await self.access.close()
        if self._groups is not None:
            self._groups.close()

    async def _open(self) -> Groups:
        async with self._opening:
            if self._groups is None:
                layout = self._layout
                make = functools.partial(Groups, layout.log_groups, layout.logs / "functions")
                self._groups = await asyncio.to_thread(make)
            return self._groups

    async def _keep_access(self, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        groups = await self._open()
        await asyncio.to_thread(_put_made, groups, group, stream, events)
        incoming(self._meter, group, events)


def retentions(project: Project) -> dict[str, int | None]:
    """The groups of routes with an access log, and of functions of which something is said: days, None for ever."""
    telemetry = project.one(TelemetrySpec)

    def days(resource: str) -> int | None:
        own = telemetry.groups.get(resource)
        seconds = (own.retention if own is not None else None) or telemetry.log_retention
        return None if seconds is None else math.ceil(seconds / DAY)

    found = {GROUP + name: days(f"ingest.{name}") for name in access_logs(project)}
    if telemetry.log_retention is not None or telemetry.groups:
        for name in project.of(FunctionSpec):
            resource = f"functions.{name}"
            if telemetry.log_retention is not None or resource in telemetry.groups:
                found[PREFIX + name] = days(resource)
    return found


def _conform(groups: Groups, wanted: dict[str, int | None]) -> None:
    for name, days in wanted.items():
        if _made(groups, name).retention != days:
            groups.retain(name, days)


def _made(groups: Groups, name: str) -> Any:
    try:
        return groups.group(name)
    except NotFound:
        pass
    with contextlib.suppress(Exists):  # somebody else was first
        groups.create(name, {}, {})
    return groups.group(name)


def _put_made(groups: Groups, name: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
    _made(groups, name)
    _put(groups, name, stream, events)


def _put(groups: Groups, name: str, stream: str, events: Sequence[Sequence[Any]]) -> None:
    group = groups.group(name)
    try:
        found = groups.stream(group, stream)
    except NotFound:
        groups.create_stream(name, stream)
        found = groups.stream(group, stream)
    groups.put(group, found, [(at, text) for at, text in events])
