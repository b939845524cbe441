"""A lake in a folder, and what a crawler makes of it, without processes."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from forebay.catalog.crawl.crawl import Crawl
from forebay.catalog.partition_rows import find_partitions
from forebay.catalog.register import list_tables
from forebay.catalog.section import CrawlerSpec
from forebay.catalog.store import Store

Json = dict[str, Any]


def _bytes(content: str | bytes) -> bytes:
    if isinstance(content, bytes):
        return content
    return gzip.compress(content[3:].encode()) if content.startswith("gz:") else content.encode()


class Lake:
    """Buckets as folders, a catalog, and a crawler named `crawler` that writes into database `db`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "lake").mkdir()
        self.store = Store(root / "catalog.db")
        self._crawl = Crawl(self.store, root)

    def put(self, files: Mapping[str, str | bytes], bucket: str = "shop") -> None:
        """Write objects; a text that begins with `gz:` is compressed."""
        for key, content in files.items():
            path = self.root / "lake" / bucket / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_bytes(content))

    def remove(self, *keys: str, bucket: str = "shop") -> None:
        for key in keys:
            (self.root / "lake" / bucket / key).unlink()

    def crawl(self, *places: str, **fields: Any) -> Json:
        """Crawl places of bucket `shop` (or URLs); what changed."""
        targets = [place if "://" in place else f"s3://shop/{place}" for place in places]
        spec = msgspec.convert({"crawl": targets, **fields}, CrawlerSpec)
        plan, _ = self._crawl.run("crawler", spec, "db", "run", lambda: False)
        return self.store.write(plan)

    def tables(self) -> dict[str, Json]:
        """The docs, by name."""
        return {row["name"]: row["doc"] for row in list_tables(self.store.reader, "db")}

    def columns(self, table: str) -> dict[str, str]:
        return dict(self.tables()[table]["columns"])

    def partitions(self, table: str) -> list[list[str]]:
        return [row["values"] for row in find_partitions(self.store.reader, "db", table)["partitions"]]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    found = Lake(tmp_path)
    yield found
    found.store.close()
