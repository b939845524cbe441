"""A small world for a flow: real logs, a real catalog, and code that a test chooses."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from forebay.catalog.store import open_reader
from forebay.delivery.section import BufferSpec, DeliverySpec
from forebay.event import decode_records
from forebay.flow import Flow
from forebay.layout import Layout
from forebay.ports import Transform
from forebay.project.model import Location, Project
from forebay.streams.writer import Log


def eventually(true: Callable[[], Any], what: str = "it", seconds: float = 30.0) -> Any:
    """Wait until `true()` is, and give it."""
    deadline = time.monotonic() + seconds
    while True:
        answer = true()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.01)


class World:
    """A state folder with one project, whose logs a test appends to."""

    def __init__(self, root: Path, deliveries: dict[str, DeliverySpec], **sections: Any) -> None:
        self.layout = Layout(root / ".forebay")
        self.layout.make()
        self.project = Project(
            name="shop", root=str(root), sections={"delivery": dict(deliveries), **sections}
        )
        self.transforms: dict[str, Transform] = {}
        self.logs: dict[str, Log] = {}

    def log(self, name: str) -> Log:
        if name not in self.logs:
            self.logs[name] = Log(self.layout.log(name), name)
        return self.logs[name]

    def send(self, name: str, *records: bytes) -> None:
        self.log(name).append_now(list(records))

    @contextmanager
    def flow(self) -> Iterator[Flow]:
        flow = Flow(self.layout, self.project, lambda name, spec, project: self.transforms.get(name))
        try:
            flow.start()
            yield flow
        finally:
            flow.stop()

    def close(self) -> None:
        for log in self.logs.values():
            log.close()

    def ask(self, sql: str, *bindings: Any) -> list[tuple[Any, ...]]:
        db = open_reader(self.layout.catalog)
        try:
            return [tuple(row) for row in db.execute(sql, bindings)]
        finally:
            db.close()

    def objects(self, kind: str = "data") -> dict[str, bytes]:
        """Every live object's bytes by key, decompressed."""
        rows = self.ask(
            "SELECT bucket, key, path, compression FROM objects WHERE state = 'live'"
            " AND json_extract(meta, '$.kind') = ? ORDER BY id",
            kind,
        )
        found = {}
        for bucket, key, path, compression in rows:
            at = self.layout.lake / bucket / key if path is None else self.layout.root / path
            raw = at.read_bytes()
            found[key] = gzip.decompress(raw) if compression == "gzip" else raw
        return found

    def hot(self) -> list[bytes]:
        rows = self.ask("SELECT payload FROM segments WHERE encoding = 'lines' ORDER BY id")
        return [record for (payload,) in rows for record in decode_records(payload).records()]

    def ledger(self, consumer: str) -> dict[str, int]:
        names = ("delivered", "dropped", "rejected", "erased", "removed")
        row = self.ask(f"SELECT {', '.join(names)} FROM ledger WHERE consumer = ?", consumer)[0]
        position, start = self.ask("SELECT position, start FROM positions WHERE consumer = ?", consumer)[0]
        buffered = self.ask("SELECT coalesce(sum(inputs), 0) FROM segments")[0][0]
        return {**dict(zip(names, row, strict=True)), "read": position - start, "segments": buffered}


def spec(to: str = "clicks/", **options: Any) -> DeliverySpec:
    options.setdefault("buffer", BufferSpec(seconds=3600))
    options.setdefault("compression", "none")
    return DeliverySpec(to=Location("shop-lake", to), **options)


__all__ = ["World", "apsw", "eventually", "spec"]
