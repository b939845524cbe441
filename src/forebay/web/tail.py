"""Reads a log for somebody who watches: a few records at a time, from any position."""

from __future__ import annotations

import asyncio
from typing import Any

from forebay.errors import ForebayError, NotFound
from forebay.layout import Layout
from forebay.streams.reader import Reader
from forebay.web.logs import Logs

MOST = 10_000
_BYTES = 4 << 20


class Tail:
    """`read` for the socket operation `log_read`; each log is read over one connection."""

    def __init__(self, layout: Layout, logs: Logs) -> None:
        self._layout = layout
        self._logs = logs
        self._readers: dict[str, tuple[Reader, asyncio.Lock]] = {}

    async def read(self, name: str, position: int | None, most: int) -> dict[str, Any]:
        """`{records: [{offset, shard, arrival, data}], next}`, at most `most` records.

        `position` None is the present: no records, and the position of the next. One that has expired
        becomes the oldest still kept. Raises NotFound.
        """
        if name not in self._logs:
            known = ", ".join(sorted(self._logs)) or "none"
            raise NotFound("NoSuchLog", f"there is no log {name}", why=f"there are: {known}")
        if position is None:
            return {"records": [], "next": self._logs[name].head}
        if position >= self._logs[name].head:
            return {"records": [], "next": position}
        if name not in self._readers:
            self._readers[name] = (Reader(self._layout.log(name), name), asyncio.Lock())
        reader, lock = self._readers[name]
        async with lock:
            return await asyncio.to_thread(_read, reader, position, max(1, min(most, MOST)))

    def close(self) -> None:
        """Let go of the files."""
        for reader, _ in self._readers.values():
            reader.close()
        self._readers.clear()


def _read(reader: Reader, position: int, most: int) -> dict[str, Any]:
    try:
        batches = reader.read(position, max_bytes=_BYTES)
    except ForebayError as error:
        if error.code != "PositionExpired":
            raise
        position = int(error.extra["start"])
        batches = reader.read(position, max_bytes=_BYTES)
    records: list[dict[str, Any]] = []
    for batch in batches:
        skipped = max(0, position - batch.offset)
        wanted = most - len(records)
        for index, data in enumerate(
            batch.columns().records()[skipped : skipped + wanted], batch.offset + skipped
        ):
            records.append({"offset": index, "shard": batch.shard, "arrival": batch.arrival, "data": data})
        if len(records) >= most:
            break
    return {"records": records, "next": records[-1]["offset"] + 1 if records else position}
