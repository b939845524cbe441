"""The logs of a project: one of each stream, and of each delivery that is put to directly."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import apsw

from forebay.bus.section import BusSpec
from forebay.db import open_db, told
from forebay.layout import Layout
from forebay.project.graph import subscriptions
from forebay.project.model import Project, Ref
from forebay.runtime.subscription import PREFIX
from forebay.sections import SECTIONS
from forebay.streams.section import StreamSpec
from forebay.streams.sources import read_sources
from forebay.streams.writer import RETENTION, Log, Source
from forebay.streamsql.section import StreamSqlSpec
from forebay.topics.section import TopicSpec
from forebay.web.ledger import LogFacts, Row


class Logs(dict[str, Log]):
    """The open logs by name; `open` makes them those of a project."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self._layout = layout
        self.readers: dict[str, tuple[str, ...]] = {}

    def open(self, project: Project) -> None:
        """Open what is new, change what changed, close what is gone (its file stays).

        Raises ForebayError as `Log` does.
        """
        wanted = subscriptions(project, SECTIONS)
        for name in [name for name in self if name not in wanted]:
            self.pop(name).close()
        for name, readers in wanted.items():
            spec = project.get(Ref.parse(name))
            shards = spec.shards if isinstance(spec, StreamSpec) else 1
            retention = spec.retention if isinstance(spec, StreamSpec | BusSpec | TopicSpec) else RETENTION
            log = self.get(name)
            if log is None:
                log = Log(self._layout.log(name), name, shards, retention=retention)
                self[name] = log
            log.shards, log.retention = shards, retention
            declared = declared_names(name, readers)
            if {each.name for each in log.subscriptions()} != (declared or {name}):
                log.declare(declared, ahead=_ahead(name, declared, project))
        self.readers = wanted

    def advance(self, name: str, consumer: str, position: int) -> None:
        """A consumer is this far: retention may remove what is before it."""
        log = self.get(name)
        if log is not None:
            log.advance(PREFIX + consumer, position)

    def sources(self) -> dict[str, Row]:
        """The consumers whose position is in the log of what they write, as the ledger wants them."""
        return source_rows(source for log in self.values() for source in log.sources().values())

    def facts(self, name: str) -> LogFacts:
        """What the ledger asks of a log."""
        log = self[name]
        return facts_of(
            name, log.head, log.start, {s.name: (s.start, s.expired) for s in log.subscriptions()}
        )

    def close(self) -> None:
        """Commit what is pending and close them all."""
        for log in self.values():
            log.close()
        self.clear()


def _ahead(name: str, declared: Iterable[str], project: Project) -> set[str]:
    """Whose events begin with themselves: a rule's, a topic's subscriber's, and stream SQL's that reads from the latest on."""
    latest = {
        f"{PREFIX}streamsql.{job}/{sink}": insert.latest
        for job, spec in project.of(StreamSqlSpec).items()
        for sink, insert in spec.inserts.items()
    }
    usual = name.startswith(("bus.", "topics."))
    return {each for each in declared if latest.get(each, usual)}


def declared_names(name: str, readers: Iterable[str]) -> set[str]:
    """The subscriptions to declare in the log `name`; none for a stream or bus that nobody reads."""
    return {PREFIX + reader for reader in readers if reader != name or name.startswith("delivery.")}


def source_rows(sources: Iterable[Source]) -> dict[str, Row]:
    """`sources` by consumer; those of replays and of the lake, which read no log for good, apart."""
    return {
        source.consumer: {
            "log": source.log,
            "logs": {source.log: (source.start, source.position)},
            "delivered": source.delivered,
            "dropped": source.dropped,
            "waiting": 0,
            "checked": True,
        }
        for source in sources
        if not source.consumer.startswith(("replay:", "lake:"))
    }


def read_source_rows(path: Path) -> dict[str, Row]:
    """`source_rows` of a log's file, without its owner."""
    if not path.exists():
        return {}
    db = open_db(path, readonly=True)
    try:
        return source_rows(read_sources(db))
    except apsw.Error as error:
        raise told(error, path) from error
    finally:
        db.close()


def facts_of(name: str, head: int, start: int, rows: dict[str, tuple[int, int]]) -> LogFacts:
    """A log's facts; `rows` has start and expired of each kept subscription."""
    own = rows.get(name)
    declared = {each.removeprefix(PREFIX): row[0] for each, row in rows.items()}
    return LogFacts(head, start, own[1] if own is not None else 0, declared)


def read_facts(path: Path, name: str) -> LogFacts:
    """A log's facts from its file, without its owner; all zero if there is none."""
    if not path.exists():
        return LogFacts()
    db = open_db(path, readonly=True)
    try:
        with db:
            start = int(db.execute("SELECT value FROM meta WHERE key = 'start'").get or 0)
            head = db.execute("SELECT offset + n FROM batches ORDER BY offset DESC LIMIT 1").get
            rows = {
                row[0]: (row[1], row[2])
                for row in db.execute("SELECT name, start, expired FROM subscriptions")
            }
    except apsw.Error as error:
        raise told(error, path) from error
    finally:
        db.close()
    return facts_of(name, start if head is None else int(head), start, rows)
