"""Logs Insights in the query process, so that the front, which has the log groups, goes on taking events.

insights {id, groups, text, start, end, limit?}   results once they are there: see `telemetry.insights.run`
insights_stop {id}                                end it
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from forebay.layout import Layout
from forebay.telemetry.insights.run import run

AT_ONCE = 2

Answer = Coroutine[Any, Any, Any]


class Insights:
    """Runs a few queries at a time; more wait."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._pool = ThreadPoolExecutor(AT_ONCE, "insights")
        self._stops: dict[str, threading.Event] = {}

    def operations(self) -> dict[str, Callable[[dict[str, Any]], Answer]]:
        """By name."""
        return {"insights": self._ask, "insights_stop": self._stop}

    async def _ask(self, args: dict[str, Any]) -> Any:
        id = str(args["id"])
        stop = self._stops[id] = threading.Event()

        def work() -> dict[str, Any]:
            return run(
                self._layout.log_groups,
                args["groups"],
                args["text"],
                start=args["start"],
                end=args["end"],
                limit=args.get("limit"),
                stop=stop,
            )

        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            del self._stops[id]

    async def _stop(self, args: dict[str, Any]) -> Any:
        stop = self._stops.get(str(args["id"]))
        if stop is not None:
            stop.set()
        return {"stopped": stop is not None}
