"""A crawler on a stream: a table that says what its events look like.

AWS's crawlers do not crawl Kinesis; the table is the one its console makes for a stream
(`typeOfData` = kinesis), with the columns of the newest events that are kept. Its location is no place in
the lake but the stream, whose retained events are its rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import apsw

from forebay.arn import arn
from forebay.catalog.crawl import json as json_
from forebay.catalog.crawl.docs import TEXT
from forebay.catalog.crawl.types import said
from forebay.catalog.section import CrawlerSpec
from forebay.catalog.store import Store
from forebay.catalog.tables import get_table, put_table
from forebay.ports import LogReader

MOST_EVENTS = 1000
MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class StreamTable:
    """Which crawler makes a table over which stream (`streams.name`), where."""

    crawler: str
    target: str
    spec: CrawlerSpec
    database: str
    run: str


def crawl_stream(
    store: Store, open_log: Callable[[str], LogReader], table: StreamTable, changes: dict[str, Any]
) -> None:
    """Register the table, and say in `changes` what came of it. Raises ForebayError if the log is not there."""
    log = open_log(table.target)
    try:
        events = newest(log)
    finally:
        log.close()
    found = json_.classify("\n".join(events), whole=True) if events else None
    if found is None:
        why = "its events are no JSON" if events else "it holds no event"
        changes.setdefault("notes", []).append(f"{table.target} has no table: {why}")
        return
    stream = table.target.removeprefix("streams.")
    name = "".join(c if c.isalnum() else "_" for c in (table.spec.prefix + stream).lower())
    doc = {
        "columns": [[column, said(kind)] for column, kind in found.columns.items()],
        "partition_keys": [],
        "location": f"kinesis://{table.target}/",
        "format": "json",
        "serde": "org.openx.data.jsonserde.JsonSerDe",
        "serde_parameters": {"paths": ",".join(sorted(found.fields)), "ignore.malformed.json": "true"},
        "parameters": {
            "UPDATED_BY_CRAWLER": table.crawler,
            "classification": "json",
            "streamARN": arn("kinesis", f"stream/{stream}"),
            "typeOfData": "kinesis",
        },
        "inferred": False,
        "owner": "crawler",
        "input_format": TEXT[0],
        "output_format": TEXT[1],
    }

    def write(db: apsw.Connection) -> None:
        old = get_table(db, table.database, name)
        if old is not None and (old.get("parameters") or {}).get("typeOfData") != "kinesis":
            changes.setdefault("notes", []).append(f"{table.target} has no table: {name} is another's")
            return
        if old is None:
            changes.setdefault("created", []).append(name)
        elif old["columns"] != doc["columns"]:
            changes.setdefault("updated", []).append(name)
        changes.setdefault("tables", []).append(name)
        put_table(db, table.database, name, "external", doc)

    store.write(write)


def newest(log: LogReader) -> list[str]:
    """The newest events that are kept, as text: so many that they tell what all look like."""
    head = log.head()
    position = max(log.start(), head - MOST_EVENTS)
    events: list[str] = []
    size = 0
    while position < head and size < MOST_BYTES:
        batches = log.read(position, max_bytes=MOST_BYTES)
        if not batches:
            break
        for batch in batches:
            for record in batch.columns().records()[max(0, position - batch.offset) :]:
                size += len(record)
                events.append(record.decode("utf-8", "replace"))
            position = batch.end
    return events[:MOST_EVENTS]
