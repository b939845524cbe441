"""An ingest port for a test, and what is on disk behind it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forebay.access.keys import Keys
from forebay.db import open_db
from forebay.ingest.section import RouteSpec
from forebay.project.model import Project, Ref
from forebay.streams.reader import Reader
from forebay.streams.section import StreamSpec
from forebay.streams.writer import Log
from forebay.web.guard import Guard
from forebay.web.ingest import IngestApp, IngestOptions
from tests.ingest.server import Client, served

TO = Ref("delivery", "clicks")


@dataclass
class Port:
    """A running port, its log, and its parts."""

    ask: Client
    log: Log
    reader: Reader
    keys: Keys
    app: IngestApp

    def stored(self) -> list[bytes]:
        out: list[bytes] = []
        while batches := self.reader.read(len(out)):
            for batch in batches:
                out += batch.columns().records()
        return out


Make = Callable[..., Port]


class Ports:
    """Ports, each on its own server with the same folder; all end with it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.open = contextlib.ExitStack()

    def make(
        self,
        *,
        shards: int = 1,
        key: str | None = None,
        options: IngestOptions | None = None,
        **routes: RouteSpec,
    ) -> Port:
        """A port with the given routes (`name=RouteSpec`)."""
        db = open_db(self.root / "state.db")
        self.open.callback(db.close)
        log = Log(self.root / "log.db", "delivery.clicks", shards, reserve=0)
        self.open.callback(log.close)
        reader = Reader(self.root / "log.db", "delivery.clicks")
        self.open.callback(reader.close)
        keys = Keys(db)
        project = Project(
            name="p",
            root=str(self.root),
            sections={"ingest": dict(routes), "streams": {"keyed": StreamSpec(shards=shards, key=key)}},
        )
        logs = {"delivery.clicks": log, "streams.keyed": log}
        app = IngestApp(project, logs, keys, Guard(), options)
        ask = self.open.enter_context(served(lambda: app))
        return Port(ask, log, reader, keys, app)


def clicks(**more: Any) -> RouteSpec:
    """A route into that log."""
    return RouteSpec(**{"route": "POST /clicks", "to": TO, **more})
