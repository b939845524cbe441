"""One crawl, from listing to catalog: bounded in memory, and ended by `cancelled` at any file."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw

from forebay.catalog.crawl.classify import Class, Classifier, JsonPath, classify
from forebay.catalog.crawl.csv import Custom
from forebay.catalog.crawl.files import File, Place, files
from forebay.catalog.crawl.group import Group, Seen, group
from forebay.catalog.crawl.write import CRAWLED, Writer
from forebay.catalog.section import ClassifierSpec, CrawlerSpec
from forebay.catalog.store import Store
from forebay.errors import ForebayError
from forebay.readers import Readers

Known = OrderedDict[tuple[str, str, str, int], Class]
MOST_KNOWN = 20_000
MOST_PAUSE = 0.1
Plan = Callable[[apsw.Connection], dict[str, Any]]
"""Writes what a crawl found, in the caller's transaction, and tells what that changed."""


class Cancelled(Exception):
    """The crawl was told to end."""


class Crawl:
    """Crawls with what earlier crawls learned of unchanged files."""

    def __init__(self, store: Store, state: Path) -> None:
        self._store = store
        self._state = state
        self._readers = Readers(state / "lake")
        self._known: Known = OrderedDict()
        self._lock = threading.Lock()

    def places(self, spec: CrawlerSpec) -> list[Place]:
        """The places of a crawler. Raises UsageError."""
        return [
            Place.parse(target, spec.exclude) for target in spec.crawl if not target.startswith("streams.")
        ]

    def mark(self, spec: CrawlerSpec) -> str | None:
        """Changes whenever an object under a crawler's places does; None where there is none."""
        digest = hashlib.sha256()
        count = 0
        for place in self.places(spec):
            for file in files(self._store.reader, self._state, place):
                count += 1
                digest.update(f"{file.bucket}\0{file.key}\0{file.mark}\0".encode())
        return digest.hexdigest() if count else None

    def run(
        self, name: str, spec: CrawlerSpec, database: str, run: str, cancelled: Callable[[], bool]
    ) -> tuple[Plan, int]:
        """Crawl: what there is to write, and how many files were looked at.

        Raises Cancelled, with nothing changed, UsageError, ForebayError `NoBucket`, `TooManyTables`, OSError.
        """
        custom = [_classifier(one) for one in spec.classifiers]
        places = self.places(spec)
        groups: list[Group] = []
        count = 0
        for place in places:
            self._check_bucket(place)
            with self._readers.one():
                found = files(self._store.reader, self._state, place)
                if spec.recrawl == "new":
                    found = self._new(found, name, database)
                if spec.sample is not None:
                    found = _sampled(found, spec.sample)
                seen = self._seen(found, custom, cancelled)
            count += len(seen)
            groups += group(place, seen, combine=spec.group == "combine", level=spec.level)
        if spec.most_tables is not None and len(groups) > spec.most_tables:
            raise ForebayError(
                "TooManyTables",
                f"The number of tables detected by crawler: {len(groups)} is greater than the table threshold value "
                f"provided: {spec.most_tables}. No tables are written to the Data Catalog.",
            )
        if cancelled():
            raise Cancelled

        return (lambda db: Writer(db, name, spec, database, run).write(groups, places).to_dict()), count

    def _seen(
        self, found: Sequence[File], custom: Sequence[Classifier], cancelled: Callable[[], bool]
    ) -> list[Seen]:
        seen: list[Seen] = []
        for file in found:
            if cancelled():
                raise Cancelled
            begun = time.monotonic()
            kind = self._classify(file, custom)
            # Deliveries run in this process too: leave them a third of the time at least.
            time.sleep(min((time.monotonic() - begun) / 2, MOST_PAUSE))
            if kind is not None:
                seen.append(Seen(file, kind))
        return seen

    def _check_bucket(self, place: Place) -> None:
        if (self._state / "lake" / place.bucket).is_dir():
            return
        query = "SELECT 1 FROM objects WHERE bucket = ? AND state = 'live' LIMIT 1"
        if self._store.reader.execute(query, (place.bucket,)).fetchone() is None:
            raise ForebayError("NoBucket", f"The specified bucket does not exist: {place.bucket}")

    def _classify(self, file: File, custom: Sequence[Classifier]) -> Class | None:
        key = (file.bucket, file.key, file.mark, hash(tuple(map(repr, custom))))
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                return known
        try:
            kind = classify(file.path, file.key, custom)
        except FileNotFoundError:
            return None  # gone meanwhile
        with self._lock:
            self._known[key] = kind
            while len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return kind

    def _new(self, found: list[File], name: str, database: str) -> list[File]:
        """Those in folders that no table of this crawler has as a partition yet; all at its first run."""
        db = self._store.reader
        rows: list[Any] = db.execute("SELECT id, doc FROM tables WHERE db = ?", (database,)).fetchall()
        import_path = f'"{CRAWLED}": "{name}"'
        mine = [id_ for id_, doc in rows if import_path in doc]
        known: set[str] = set()
        for id_ in mine:
            places: list[Any] = db.execute(
                "SELECT location FROM partitions WHERE table_id = ?", (id_,)
            ).fetchall()
            known.update(location for (location,) in places)
        if not mine:
            return found
        return [
            file for file in found if f"s3://{file.bucket}/{file.key[: file.key.rfind('/') + 1]}" not in known
        ]


def _sampled(found: list[File], most: int) -> list[File]:
    counts: dict[str, int] = {}
    kept = []
    for file in found:
        folder = file.key.rpartition("/")[0]
        counts[folder] = counts.get(folder, 0) + 1
        if counts[folder] <= most:
            kept.append(file)
    return kept


def _classifier(spec: ClassifierSpec) -> Classifier:
    if spec.json_path is not None:
        return JsonPath(spec.json_path)
    return Custom(
        delimiter=spec.delimiter,
        quote=spec.quote,
        header=spec.header,
        names=tuple(spec.names),
        single=spec.single,
        trim=spec.trim,
        serde=spec.serde,
    )
