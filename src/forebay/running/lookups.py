"""Tables of the catalog as a stream query has them: asked of the query's process, and read anew when they change.

    before some events are taken ─▶ stamp, once a second at most ─▶ another one: the rows, as Arrow ─▶ engine

What is in open windows was joined with a table of that time. So that reading its events again gives the same rows,
each version that an open window was made with is kept as a file, with the offset from which it was used in the
state that commits with the position.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forebay import durable, ipc
from forebay.catalog.store import open_reader
from forebay.clock import now_us
from forebay.errors import DataRejected, ForebayError, NoServer, Unavailable
from forebay.layout import Layout
from forebay.streamsql.plan import Lookup, Plan
from forebay.streamsql.references import same_place

if TYPE_CHECKING:
    import pyarrow as pa

    from forebay.streamsql.engine import Engine

log = logging.getLogger(__name__)

EVERY = 1.0
SHARE = 10
"""A table that takes long to read is looked at less often: so many times as long passes in between."""
MOST_ROWS = 500_000
MOST_BYTES = 256 << 20
MOST_KEPT = 1 << 30
"""Of versions that open windows are made with."""
SECONDS = 60.0
SUFFIX = ".arrow"


@dataclass(slots=True)
class Held:
    """A table as it is now. `version` is the hash of its rows."""

    version: str
    stamp: str | None = None
    rows: int = 0
    read: int = 0
    trouble: str | None = None


class Lookups:
    """The tables of one query, for its engine. For one thread; `close` it."""

    def __init__(self, plan: Plan, layout: Layout, consumer: str | None, engine: Engine) -> None:
        self._lookups = plan.lookups
        self._layout = layout
        self._engine = engine
        self._query = ipc.Client(layout.socket("query"), "query")
        self._held: dict[str, Held] = {}
        self._due = 0.0
        self._folder: Path | None = None
        self._points: list[tuple[int, dict[str, str]]] = []
        self._kept: set[str] | None = None
        if consumer is not None and plan.windowed is not None and any(each.within for each in plan.lookups):
            self._folder = layout.lookups / _digest(consumer.encode())

    def fresh(self, position: int) -> None:
        """Have the tables as they are for the events from `position` on.

        Raises Unavailable for one that cannot be read and never was, DataRejected for one that is too large, and what
        the query process says of one that is not there any more.
        """
        if not self._lookups or (now := time.monotonic()) < self._due:
            return
        changed = [each for each in self._lookups if self._look(each)]
        if self._folder is not None and (changed or not self._points):
            self._points.append((position, {name: held.version for name, held in self._held.items()}))
        self._due = time.monotonic() + max(EVERY, SHARE * (time.monotonic() - now))

    def _look(self, lookup: Lookup) -> bool:
        """Read a table if it may have changed; whether it has."""
        held = self._held.get(lookup.name)
        if held is not None and held.stamp is not None and not lookup.latest:
            return False
        try:
            return self._read(lookup, held)
        except ForebayError as error:
            waits = isinstance(error, (NoServer, Unavailable))
            if held is not None and waits:  # the other process is restarted: go on with what there is
                held.trouble = f"{error.code}: {error.message}"
                return False
            kind = Unavailable if waits else type(error)
            raise kind(error.code, f"{lookup.reference}: {error.message}", fix=error.fix) from error

    def _read(self, lookup: Lookup, held: Held | None) -> bool:
        import pyarrow as pa  # noqa: PLC0415 - loaded only where a stream query joins

        database, table = self._place(lookup)
        items = ", ".join(f'"{name}" AS c{at}' for at, (name, _) in enumerate(lookup.columns)) or "1 AS c0"
        asked = {"sql": f'SELECT {items} FROM "{database}"."{table}"', "database": database}
        stamp = str(self._query.call("stamp", timeout=SECONDS, **asked)["stamp"])
        if held is not None and held.stamp == stamp:
            held.trouble = None
            return False
        answer = self._query.call(
            "query", timeout=SECONDS + 5, **asked, max_rows=MOST_ROWS + 1, seconds=SECONDS
        )
        data: bytes = answer["arrow"]
        if answer["truncated"] or answer["rows"] > MOST_ROWS or len(data) > MOST_BYTES:
            raise DataRejected(
                "TableTooLarge",
                f"a stream is joined with a table of {MOST_ROWS} rows and {MOST_BYTES >> 20} MiB at most, which it passes",
                fix="join a smaller table: one with the rows and columns that are needed",
            )
        version = _digest(data)
        changed = held is None or held.version != version
        if changed:
            if not self._keep(version, data) and held is not None:
                held.trouble = (
                    "it changes so often that open windows would keep more versions than there is room for"
                )
                return False
            self._engine.give(lookup, pa.ipc.open_stream(data).read_all())
        self._held[lookup.name] = Held(version, stamp, answer["rows"], now_us())
        return changed

    def _place(self, lookup: Lookup) -> tuple[str, str]:
        """Database and name. Raises Unavailable if no table is at the location."""
        reference = lookup.reference
        if reference.name:
            return reference.database, reference.name
        with closing(open_reader(self._layout.catalog)) as db:
            for database, name, location in db.execute(
                "SELECT db, name, json_extract(doc, '$.location') FROM tables ORDER BY db, name"
            ):
                if location and same_place(str(location), reference.location):
                    return str(database), str(name)
        raise Unavailable(
            "NoSuchTable",
            "no table of the catalog is there yet",
            fix="declare one, or have a crawler make it",
        )

    # --- the versions that open windows are made with ---

    def again(self, kept: Sequence[Any], begin: int, end: int) -> Iterator[int]:
        """Have the tables as they were, one after the other; each time, up to which offset they are for."""
        points = [(int(at), dict(versions)) for at, versions in kept]
        self._points = points if self._folder is not None else []
        for index, (at, versions) in enumerate(self._points):
            stop = points[index + 1][0] if index + 1 < len(points) else end
            if max(at, begin) < min(stop, end):
                self._restore(versions)
                yield min(stop, end)
        if not self._points:
            self.fresh(begin)
            yield end

    def _restore(self, versions: dict[str, str]) -> None:
        for lookup in self._lookups:
            version = versions.get(lookup.name)
            held = self._held.get(lookup.name)
            if version is None or (held is not None and held.version == version):
                continue
            rows = self._of(version)
            if rows is None:
                log.error("%s: the version that open windows were made with is gone", lookup.reference)
                self._look(lookup)
                continue
            self._engine.give(lookup, rows)
            self._held[lookup.name] = Held(version, None, rows.num_rows)

    def _of(self, version: str) -> pa.Table | None:
        import pyarrow as pa  # noqa: PLC0415 - as above

        assert self._folder is not None
        try:
            return pa.ipc.open_stream((self._folder / f"{version}{SUFFIX}").read_bytes()).read_all()
        except (OSError, pa.ArrowException):
            return None

    def _keep(self, version: str, data: bytes) -> bool:
        """Have the version on disk if open windows need it; False if the first ones leave no room for another."""
        if self._folder is None:
            return True
        path = self._folder / f"{version}{SUFFIX}"
        if path.exists():
            return True
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = sum(each.stat().st_size for each in self._folder.iterdir())
        if len(self._held) == len(self._lookups) and held + len(data) > MOST_KEPT:
            return False
        durable.write(path, data)
        return True

    def state(self, replay: int) -> list[list[Any]]:
        """Which versions were used from which offset on, as far as events from `replay` on may be read again."""
        past = [index for index, (at, _) in enumerate(self._points) if at <= replay]
        self._points = self._points[past[-1] :] if past else self._points
        return [[at, versions] for at, versions in self._points]

    def committed(self) -> None:
        """What `state` gave is on disk: let go of the versions that no open window needs."""
        used = {version for _, versions in self._points for version in versions.values()}
        if self._folder is None or used == self._kept or not self._folder.is_dir():
            return
        self._kept = used
        for path in self._folder.iterdir():
            if path.stem not in used:
                path.unlink(missing_ok=True)

    def status(self) -> dict[str, Any]:
        """What there is of each table."""
        found: dict[str, Any] = {}
        for lookup in self._lookups:
            held = self._held.get(lookup.name)
            if held is not None:
                one = {"rows": held.rows, "read": held.read, "error": held.trouble}
                found[str(lookup.reference)] = one
        return found

    def close(self) -> None:
        """Hang up."""
        self._query.close()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def forget(layout: Layout, consumers: Sequence[str]) -> None:
    """Let go of what was kept for queries that there are not any more."""
    wanted = {_digest(each.encode()) for each in consumers}
    if layout.lookups.is_dir():
        for folder in layout.lookups.iterdir():
            if folder.name not in wanted:
                shutil.rmtree(folder, ignore_errors=True)
