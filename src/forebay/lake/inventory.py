"""Inventories: what a bucket holds, written every day or week into objects of the bucket that it names.

The setting `inventory` is {id: S3's InventoryConfiguration}; `inventoried` is {id: when its last report was begun, UTC
us}. The first report is written at once, another when the next day (UTC) or Sunday has come. Its objects and that it
was written commit together, so there is one a period, whatever is killed.

Source: "Amazon S3 Inventory list" and "Locating your inventory list" (Amazon S3 User Guide).
"""

from __future__ import annotations

import hashlib
import json
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import apsw

from forebay.arn import ACCOUNT
from forebay.clock import SECOND, to_datetime
from forebay.errors import ForebayError
from forebay.lake.files import Files
from forebay.lake.inventory_rows import ENDINGS, columns_of, rows, schema_of, write
from forebay.lake.objects import Change, World, put
from forebay.lake.settings import INVENTORIED, INVENTORY, LIFECYCLE

if TYPE_CHECKING:  # it brings Arrow, which who puts objects does not need
    from forebay.ports import Catalog

log = logging.getLogger(__name__)

DAY = 86_400 * SECOND

Json = dict[str, Any]


def due(config: Mapping[str, Any], made: int | None, now: int) -> bool:
    """Whether a report is to be written, the last having been begun at `made`."""
    if not config.get("IsEnabled"):
        return False
    weekly = config["Schedule"]["Frequency"] == "Weekly"
    return made is None or _period(now, weekly=weekly) > _period(made, weekly=weekly)


def _period(at: int, *, weekly: bool) -> int:
    day = at // DAY  # of which the first was a Thursday
    return (day + 4) // 7 if weekly else day


def write_due(catalog: Catalog, world: World, buckets: Iterable[str], now: int) -> list[str]:
    """Write the reports that are due; files that nobody needs any more."""
    unlink: list[str] = []
    known = set(buckets)
    for bucket, made in world.settings.buckets(INVENTORIED):
        if made.keys() - (world.settings.get(bucket, INVENTORY) or {}).keys():
            _note(catalog, world, bucket, {})
    for bucket, configs in world.settings.buckets(INVENTORY):
        made = world.settings.get(bucket, INVENTORIED) or {}
        for id, config in configs.items():
            if bucket not in known or not due(config, made.get(id), now):
                continue
            to = config["Destination"]["S3BucketDestination"]
            why = f"{to['Bucket']} is no bucket of the account that it names"
            if target_of(to) in known and to.get("AccountId") in (None, ACCOUNT):
                try:
                    unlink += _write(catalog, world, bucket, config, now)
                    continue
                except ForebayError as error:
                    why = error.message
            log.warning("bucket %s: inventory %s is not written, until the next is due: %s", bucket, id, why)
            _note(catalog, world, bucket, {id: now})
    return unlink


def target_of(to: Mapping[str, Any]) -> str:
    """The bucket of a destination."""
    return str(to["Bucket"].rpartition(":")[2])


def _note(catalog: Catalog, world: World, bucket: str, begun: Mapping[str, int]) -> None:
    catalog.write(lambda db: _noted(db, world, bucket, begun))


def _noted(db: apsw.Connection, world: World, bucket: str, begun: Mapping[str, int]) -> None:
    configs = world.settings.get(bucket, INVENTORY) or {}
    made = world.settings.get(bucket, INVENTORIED) or {}
    kept = {each: at for each, at in {**made, **begun}.items() if each in configs}
    world.settings.put(db, bucket, INVENTORIED, kept or None)


def _write(catalog: Catalog, world: World, bucket: str, config: Mapping[str, Any], now: int) -> list[str]:
    to = config["Destination"]["S3BucketDestination"]
    target, prefix = target_of(to), to.get("Prefix") or ""
    top = f"{prefix}{'/' if prefix and not prefix.endswith('/') else ''}{bucket}/{config['Id']}"
    begun = to_datetime(now)
    columns = columns_of(config, bucket, world.settings.get(bucket, LIFECYCLE))
    data = _File(world.files)
    data.fill(lambda file: write(file, to["Format"], columns, rows(catalog.reader, bucket, config)))
    where = f"{top}/data/{uuid.uuid4()}{ENDINGS[to['Format']]}"
    manifest = {
        "sourceBucket": bucket,
        "destinationBucket": to["Bucket"],
        "version": "2016-11-30",
        "creationTimestamp": str(now // 1000),
        "fileFormat": to["Format"],
        "fileSchema": schema_of(to["Format"], columns),
        "files": [{"key": where, "size": data.size, "MD5checksum": data.md5}],
    }
    text = json.dumps(manifest, indent=2).encode()
    at = f"{top}/{begun:%Y-%m-%dT%H-%MZ}"
    link = f"s3://{target}/{where}".encode()
    made = [
        (where, data),
        (f"{top}/hive/dt={begun:%Y-%m-%d-%H-%M}/symlink.txt", _File(world.files).text(link)),
        (f"{at}/manifest.json", _File(world.files).text(text)),
        (f"{at}/manifest.checksum", _File(world.files).text(hashlib.md5(text).hexdigest().encode())),  # noqa: S324
    ]
    meta = _meta(to.get("Encryption") or {})

    def register(db: apsw.Connection) -> list[str]:
        unlink: list[str] = []
        for key, file in made:
            change = Change(db, world, {"bucket": target, "key": key, "meta": meta, **file.told()})
            put(change)
            unlink += change.unlink
        _noted(db, world, bucket, {config["Id"]: now})
        return unlink

    return catalog.write(register)


def _meta(encryption: Mapping[str, Any]) -> Json:
    if "SSEKMS" in encryption:
        return {"sse": "aws:kms", "kms": encryption["SSEKMS"]["KeyId"]}
    return {"sse": "AES256"} if "SSES3" in encryption else {}


class _File:
    """An object of a report on disk, at a path of its own."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.place, self.path = files.fresh()
        self.size, self.md5 = 0, ""

    def fill(self, write: Callable[[BinaryIO], None]) -> None:
        with self._files.create(self.place) as file:
            write(file)
            self._files.sync(file)
        self._files.sync_folders(self.place)
        self.size = self.place.stat().st_size
        self.md5 = _md5(self.place)

    def text(self, text: bytes) -> _File:
        self.fill(lambda file: _all(file, text))
        return self

    def told(self) -> Json:
        return {"path": self.path, "size": self.size, "etag": self.md5}


def _all(file: BinaryIO, text: bytes) -> None:
    file.write(text)


def _md5(place: Path) -> str:
    with place.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
