"""S3 Select in the query process: the front, which takes events, waits for pieces and reckons nothing.

select {path, size, expression, input, output, seal?}   begin; its id and the first piece
select_next {id}                                        the next piece: {piece?, scanned, processed, returned}
select_close {id}                                       nobody wants the rest

An answer without `piece` is the last. Work is done while a piece is waited for, at no other time; a call that
nobody goes on with is dropped after a minute. The file is one of the lake's, and is opened once.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forebay.errors import QueryFailed, Unavailable
from forebay.lake.sealed import unsealed
from forebay.layout import Layout
from forebay.query.s3select import csvs, writing
from forebay.query.s3select.inputs import ObjectFile
from forebay.query.s3select.run import Input, Run

AT_ONCE = 2
MOST = 8
PATIENCE = 60.0
WAIT = 20.0
"""Seconds for which one more waits until one of so many is done."""
LONGEST = 600.0
"""Seconds of work that one call may be."""

Answer = Coroutine[Any, Any, Any]


@dataclass(slots=True)
class _Open:
    run: Run
    touched: float = field(default_factory=time.monotonic)
    worked: float = 0.0
    busy: bool = False


class Selects:
    """A few are worked on at a time, and some more are open."""

    def __init__(self, layout: Layout) -> None:
        self._lake = layout.lake.resolve()
        self._pool = ThreadPoolExecutor(AT_ONCE, "select")
        self._ids = itertools.count(1)
        self._open: dict[int, _Open] = {}
        self._beginning = 0

    def operations(self) -> dict[str, Callable[[dict[str, Any]], Answer]]:
        """By name."""
        return {"select": self._begin, "select_next": self._next, "select_close": self._close}

    async def _begin(self, args: dict[str, Any]) -> Any:
        deadline = time.monotonic() + WAIT
        while self._sweep() >= MOST:
            if time.monotonic() > deadline:
                raise Unavailable("Busy", f"{MOST} objects are being selected from; try again")
            await asyncio.sleep(0.05)
        self._beginning += 1
        try:
            id = next(self._ids)
            found = await self._work(lambda: self._opened(args))
            self._open[id] = found
        finally:
            self._beginning -= 1
        return {"id": id, **await self._piece(id, found)}

    async def _next(self, args: dict[str, Any]) -> Any:
        found = self._open.get(args["id"])
        if found is None or found.busy:
            raise Unavailable("Gone", "it was waited for too long; ask again")
        return await self._piece(args["id"], found)

    async def _close(self, args: dict[str, Any]) -> Any:
        found = self._open.get(args["id"])
        if found is not None and not found.busy:
            self._drop(args["id"])
        return {}

    async def _piece(self, id: int, found: _Open) -> dict[str, Any]:
        found.busy = True
        begun = time.monotonic()
        try:
            piece = await self._work(found.run.next)
        except BaseException:
            self._drop(id)
            raise
        found.busy = False
        found.touched = time.monotonic()
        found.worked += found.touched - begun
        run = found.run
        told = {"scanned": run.scanned, "processed": run.processed, "returned": run.returned}
        if piece is None:
            self._drop(id)
            return told
        if found.worked > LONGEST:
            self._drop(id)
            raise QueryFailed("InternalError", f"it took more than {LONGEST:g} s of work")
        return {**told, "piece": piece}

    async def _work(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _drop(self, id: int) -> None:
        self._open.pop(id).run.close()

    def _sweep(self) -> int:
        """Drop those that nobody goes on with; how many there are."""
        past = time.monotonic() - PATIENCE
        for id in [id for id, each in self._open.items() if not each.busy and each.touched < past]:
            self._drop(id)
        return len(self._open) + self._beginning

    def _opened(self, args: dict[str, Any]) -> _Open:
        path = Path(args["path"]).resolve()
        if not path.is_relative_to(self._lake):
            raise QueryFailed("AccessDenied", f"{path} is not in the lake")
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            raise _changed() from None
        turn = unsealed(args["seal"]) if args.get("seal") else None
        file = ObjectFile(fd, args["size"], turn)
        try:
            if os.fstat(fd).st_size != args["size"]:
                raise _changed()
            return _Open(Run(args["expression"], file, _input(args["input"]), _output(args["output"])))
        except BaseException:
            file.close()
            raise


def _changed() -> Unavailable:
    return Unavailable("Changed", "the object was replaced just now; try again")


def _input(given: dict[str, Any]) -> Input:
    csv = given.pop("csv", None)
    return Input(csv=None if csv is None else csvs.Form(**csv), **given)


def _output(given: dict[str, Any]) -> writing.Form:
    kind = given.pop("kind")
    return writing.CsvForm(**given) if kind == "csv" else writing.JsonForm(**given)
