"""A lake and its catalog without processes around them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from forebay.catalog.store import Store
from forebay.lake.files import Files
from forebay.lake.lake import Lake
from forebay.lake.shelf import Shelf


class World:
    """One state folder's lake; `start` runs the thread that looks after the folders."""

    def __init__(self, root: Path, *buckets: str, start: bool = True, watching: bool = True) -> None:
        self.root = root
        (root / "lake").mkdir(parents=True, exist_ok=True)
        self.store = Store(root / "catalog.db")
        self.files = Files(root / "lake")
        self.lake = Lake(self.store, self.files)
        self.lake.apply(buckets or ("shop",))
        self.lake.watching = watching
        self.shelf = Shelf(root / "catalog.db", root / "lake")
        if start:
            self.lake.start()

    def close(self) -> None:
        self.lake.stop()
        self.store.close()

    def call(self, op: str, /, **args: Any) -> Any:
        async def run() -> Any:
            return await self.lake.operations()[op](args)

        return asyncio.run(run())

    def complete(self, upload: str, body: bytes) -> Any:
        return self.put("m", body, op="upload_complete", upload=upload)

    def put(self, key: str, body: bytes, bucket: str = "shop", op: str = "object_put", **more: Any) -> Any:
        place, path = self.files.fresh()
        with self.files.create(place) as file:
            file.write(body)
            self.files.sync(file)
        meta = {"stat": place.stat().st_mtime_ns, **more.pop("meta", {})}
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        args = {"bucket": bucket, "key": key, "path": path, "size": len(body), "etag": etag, "meta": meta}
        return self.call(op, **args, **more)

    def read(self, key: str, bucket: str = "shop", version: str | None = None) -> bytes:
        return self.shelf.find(bucket, key, version).path.read_bytes()

    def listed(self, bucket: str = "shop") -> list[str]:
        page = self.shelf.keys(bucket, "", "", "", 1000)
        return [each if isinstance(each, str) else each.key for each in page.items]

    def folder(self, bucket: str = "shop") -> Path:
        return self.root / "lake" / bucket

    def write(self, work: Callable[[Any], Any]) -> Any:
        return self.store.write(work)
