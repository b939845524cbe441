"""The ledger: for each subscription, what was accepted and what became of it.

    accepted = delivered + dropped + rejected + expired + erased + buffered

No term is computed as the remainder of the others. `accepted` is what the log has given out since the
subscription began. The ends come from the counts that commit with the position; `buffered` is what
waits in the log (head − position) plus what is in hot segments. So the sum holds only if position −
start equals the ends and the segments: `adds_up` says whether it does, and whether the delivered and
rejected are in registered objects.

The catalog is read first and the heads of the logs after, so that a position is never past its head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from forebay.catalog.ledger import snapshot, verify
from forebay.catalog.store import open_reader
from forebay.db import told
from forebay.errors import ForebayError

TERMS = ("accepted", "delivered", "dropped", "rejected", "expired", "erased", "buffered")


@dataclass(slots=True)
class LogFacts:
    """A log's end. `start` is the oldest event still kept, `expired` what went with nobody to read it.

    `declared` has the offset from which each declared subscription counts.
    """

    head: int = 0
    start: int = 0
    expired: int = 0
    declared: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivered:
    """Bytes that a delivery wrote, and the arrival (UTC µs) of the oldest event that is not in an object yet."""

    bytes: int
    oldest: int | None


Row = dict[str, Any]
"""A consumer as `catalog.ledger.snapshot` has it, with `checked` (whether its objects bear the counts out)
and `logs`: start and position in each log that it has read; more than one if it was moved to another."""


class CatalogFacts:
    """Reads the catalog's half, from any process, over a connection that is kept open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: apsw.Connection | None = None
        self._newest: int | None = None
        self._written: dict[str, int] = {}

    def read(self, *, checked: bool = True) -> dict[str, Row]:
        """By consumer; empty while there is no catalog. Raises Unavailable if it cannot be read now.

        Not `checked`, nobody asks whether the objects bear the counts out.
        """
        if not self._path.exists():
            return {}
        try:
            if self._db is None:
                self._db = open_reader(self._path)
            with self._db:  # one snapshot for both
                rows = snapshot(self._db)
                wrong = {line.partition(":")[0] for line in verify(self._db)} if checked else set()
        except apsw.SQLError as error:
            self.close()
            if "no such table" in str(error):  # flow is about to make it
                return {}
            raise told(error, self._path) from error
        except (apsw.Error, ForebayError) as error:
            self.close()
            raise told(error, self._path) from error
        found: dict[str, Row] = {}
        for row in rows:
            own = found.setdefault(
                row["consumer"], {**row, "logs": {}, "checked": row["consumer"] not in wrong}
            )
            own["logs"][row["log"]] = (row["start"], row["position"])
        return found

    def deliveries(self) -> dict[str, Delivered]:
        """By consumer (`delivery.raw`): bytes of the objects written since this began, and what waits longest."""
        if self._db is None:
            return {}
        try:
            with self._db:
                newest = int(self._db.execute("SELECT coalesce(max(id), 0) FROM objects").get or 0)
                fresh: list[Any] = self._db.execute(
                    "SELECT source, sum(size) FROM objects WHERE id > ? AND source GLOB 'delivery.*'"
                    " AND json_extract(meta, '$.kind') = 'data' GROUP BY source",
                    (newest if self._newest is None else self._newest,),
                ).fetchall()
                waits: list[Any] = self._db.execute(
                    "SELECT 'delivery.' || delivery, min(opened) FROM buffers GROUP BY delivery"
                ).fetchall()
        except apsw.Error as error:
            self.close()
            raise told(error, self._path) from error
        self._newest = newest
        for source, size in fresh:
            self._written[source] = self._written.get(source, 0) + size
        oldest = dict(waits)
        return {
            name: Delivered(self._written.get(name, 0), oldest.get(name))
            for name in self._written.keys() | oldest.keys()
        }

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None:
            self._db.close()
            self._db = None


def ledger(
    subscriptions: Mapping[str, Iterable[str]],
    consumers: Mapping[str, Row],
    log: Callable[[str], LogFacts],
) -> dict[str, dict[str, Any]]:
    """The ledger under `total` and under each subscription's name.

    `subscriptions` has the readers of each log; a log without any lists itself. `log` is asked for a
    log's facts once `consumers` has been read. What the project no longer names but the catalog still
    holds is `parked`: it takes nothing more in.
    """
    found: dict[str, dict[str, Any]] = {}
    reading: dict[str, dict[str, LogFacts]] = {}
    for name, readers in subscriptions.items():
        facts = log(name)
        for reader in readers:
            reading.setdefault(reader, {})[name] = facts
    for reader, logs in reading.items():
        if reader in logs and not reader.startswith("delivery."):
            found[reader] = _own(reader, logs[reader])
        else:
            found[reader] = _consumed(reader, consumers.get(reader), logs)
    for reader, consumer in consumers.items():
        if reader not in found:
            found[reader] = _consumed(reader, consumer, {}) | {"parked": True}
    total = {term: sum(entry[term] for entry in found.values()) for term in TERMS}
    return {
        "total": {**total, "adds_up": all(entry["adds_up"] for entry in found.values())},
        **dict(sorted(found.items())),
    }


_NOTHING: Row = {"logs": {}, "waiting": 0, "checked": True}


def _consumed(reader: str, row: Row | None, logs: Mapping[str, LogFacts]) -> dict[str, Any]:
    """`logs` are those that the consumer reads now; `row` is None if flow has not begun with it."""
    row = row or _NOTHING
    read = sum(position - start for start, position in row["logs"].values())
    lags = [
        facts.head
        - (row["logs"][name][1] if name in row["logs"] else facts.declared.get(reader, facts.start))
        for name, facts in logs.items()
    ]
    lag = sum(lags)
    ends = {name: row.get(name, 0) for name in ("delivered", "dropped", "rejected", "erased")}
    others = [name for name in logs if name != reader]  # its own log goes without saying
    return _entry(
        ", ".join(others or logs) or str(row.get("log", "")),
        accepted=read + lag,
        **ends,
        buffered=lag + row["waiting"],
        lag=lag,
        adds_up=sum(ends.values()) + row["waiting"] == read
        and all(each >= 0 for each in lags)
        and row["checked"],
    )


def _own(name: str, facts: LogFacts) -> dict[str, Any]:
    begun = facts.declared.get(name, 0)
    kept = facts.head - facts.start
    accepted = facts.head - begun
    return _entry(
        name,
        accepted=accepted,
        expired=facts.expired,
        buffered=kept,
        lag=0,
        adds_up=accepted == facts.expired + kept,
    )


def _entry(log: str, *, lag: int, adds_up: bool, **terms: int) -> dict[str, Any]:
    return {**{term: terms.get(term, 0) for term in TERMS}, "log": log, "lag": lag, "adds_up": adds_up}
