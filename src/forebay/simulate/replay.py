"""Events of files, again: with the pauses that they had, speeded up, and stamped with the present.

A file's rows come in its order. With a time column each is due as long after the first as its time says,
divided by the speed; one that is earlier than what came before it is due at once. Where the first row comes
again (`loop`), the second round begins a usual pause after the first one's end.

A row that is stamped again carries the moment that it is due, in the form in which the file has that column
(`2019-10-01 00:00:04 UTC`, `2019-10-01T00:00:04Z`, seconds or milliseconds since 1970), or, where the column is
new, as `2019-10-01 00:00:04.123` in UTC.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from forebay.errors import DataRejected
from forebay.simulate.events import Taken

Open = Callable[[], Iterable[tuple[str, int, bytes]]]
"""Begins anew: file, line and event of each row."""

_ZONE = re.compile(r"(.*?)\s*(UTC|GMT|Z)$")


@dataclass(frozen=True, slots=True)
class Form:
    """How a column writes its times."""

    kind: str
    between: str = " "
    end: str = ""
    places: int = 0

    def write(self, at: float) -> Any:
        """A time, as this column would have it."""
        if self.kind == "seconds":
            return round(at)
        if self.kind == "milliseconds":
            return round(at * 1000)
        when = dt.datetime.fromtimestamp(at, dt.UTC)
        text = when.strftime(f"%Y-%m-%d{self.between}%H:%M:%S")
        return f"{text}{f'.{when.microsecond:06}'[: self.places + 1] if self.places else ''}{self.end}"


NEW = Form("text", places=3)


def read_time(value: Any) -> tuple[float, Form] | None:
    """Seconds since 1970, and the form; None for what is no time. Without a zone it is UTC."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str) and re.fullmatch(r"\d{9,13}(\.\d+)?", value):
        value = float(value)
    if isinstance(value, int | float):
        return (value / 1000, Form("milliseconds")) if value > 1e11 else (float(value), Form("seconds"))
    if not isinstance(value, str):
        return None
    zoned = _ZONE.fullmatch(value.strip())
    text, end = (zoned[1], value.strip()[len(zoned[1]) :]) if zoned else (value.strip(), "")
    try:
        when = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    offset = re.search(r"[+-]\d\d:?\d\d$", text)
    fraction = re.search(r"\.(\d+)", text)
    form = Form(
        "text",
        between="T" if "T" in text else " ",
        end="+00:00" if offset else end,
        places=min(len(fraction[1]), 6) if fraction else 0,
    )
    return (when if when.tzinfo else when.replace(tzinfo=dt.UTC)).timestamp(), form


class Replay:
    """The rows of files as events. `time` None: at the rate that is asked for."""

    def __init__(
        self,
        open_rows: Open,
        *,
        time: str | None,
        speed: float,
        restamp: str | None,
        loop: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.own_pace = time is not None
        self._open = open_rows
        self._time = time
        self._speed = speed
        self._restamp = restamp
        self._loop = loop
        self._clock = clock
        self._begun = clock()
        self._rows = self._scheduled()
        self._next: tuple[float, bytes] | None = None

    def take(self, wanted: int, stopped: Callable[[], bool] = lambda: False) -> Taken:
        """Those that are due. Raises DataRejected `BadReplay` with file and line."""
        del stopped
        events: list[bytes] = []
        while len(events) < wanted:
            if self._next is None:
                self._next = next(self._rows, None)
                if self._next is None:
                    return Taken(events, burst=False, ended=True)
            if self.own_pace and self._next[0] > self._clock():
                break
            events.append(self._next[1])
            self._next = None
        return Taken(events, burst=False, ended=False)

    def _scheduled(self) -> Iterator[tuple[float, bytes]]:
        """Each row with the moment that it is due, round by round."""
        begin = self._begun
        while True:
            last, rows = begin, 0
            for due, event in self._round(begin):
                last, rows = due, rows + 1
                yield due, event
            if not rows:
                raise DataRejected("BadReplay", "there is nothing to replay: the files have no rows")
            if not self._loop:
                return
            begin = last + (last - begin) / rows

    def _round(self, begin: float) -> Iterator[tuple[float, bytes]]:
        first: float | None = None
        due = begin
        for file, line, event in self._open():
            if self._time is None and self._restamp is None:
                yield due, event
                continue
            row = _object(event, file, line)
            if self._time is not None:
                found = read_time(row.get(self._time))
                if found is None:
                    raise _no_time(row, self._time, file, line)
                first = found[0] if first is None else first
                due = max(due, begin + (found[0] - first) / self._speed)
            if self._restamp is not None:
                known = read_time(row.get(self._restamp))
                now = due if self.own_pace else self._clock()
                row[self._restamp] = (NEW if known is None else known[1]).write(now)
            yield due, orjson.dumps(row)

    def close(self) -> None:
        """Let go of the file."""
        self._rows = iter(())


def _object(event: bytes, file: str, line: int) -> dict[str, Any]:
    try:
        row = orjson.loads(event)
    except orjson.JSONDecodeError as error:
        raise DataRejected("BadReplay", f"the row is no JSON: {error}", where=f"{file}:{line}") from None
    if not isinstance(row, dict):
        raise DataRejected("BadReplay", "the row is no JSON object", where=f"{file}:{line}")
    return row


def _no_time(row: dict[str, Any], column: str, file: str, line: int) -> DataRejected:
    where = f"{file}:{line}"
    if column not in row:
        return DataRejected(
            "BadReplay",
            f"there is no column {column}",
            where=where,
            fix=f"the file has {', '.join(map(str, row))}",
        )
    return DataRejected(
        "BadReplay",
        f"{column} is no time: {row[column]!r}",
        where=where,
        fix="2019-10-01 00:00:04 UTC, 2019-10-01T00:00:04Z, or seconds or milliseconds since 1970",
    )
