"""Processes again what was rejected, after its cause is mended: the error objects of one delivery.

For each error object, one commit: its events (their original bytes, under their own ids) are in segments,
dropped, or in an error buffer once more; the object gives way to its copy under `replayed/`. In the ledger
they leave `rejected` for the end they have now, so a repeat finds nothing left to do.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from forebay.crash import crash_point
from forebay.delivery.batch import Done
from forebay.delivery.buffers import Buffers
from forebay.delivery.intake import Work
from forebay.delivery.shapes import Rejected, read_entry
from forebay.errors import ForebayError
from forebay.ports import DeliveryStore, LakeFiles, ObjectRow, Rewrite, Seal, TableChange

ARCHIVE = "replayed/"


class Replay:
    """One replay of a delivery's rejected events. `process` turns a piece of work into groups."""

    def __init__(
        self,
        *,
        consumer: str,
        store: DeliveryStore,
        files: LakeFiles,
        buffers: Buffers,
        process: Callable[[Work], Done],
        change: Callable[[], TableChange | None],
        seal: Callable[[Sequence[int]], object],
    ) -> None:
        self._consumer = consumer
        self._store = store
        self._files = files
        self._buffers = buffers
        self._process = process
        self._change = change
        self._seal = seal

    def run(self) -> dict[str, Any]:
        """Replay every error object there is now. What fails again is rejected again, in a new object."""
        objects = self._store.objects(self._consumer, "error")
        events = failed = dropped = 0
        for id_, row in objects:
            done = self._one(id_, row)
            events += row.inputs
            dropped += done.dropped
            failed += sum(
                group.inputs
                for group in done.groups
                if group.slot.kind == "error" and "post" not in group.meta
            )
        return {"objects": len(objects), "events": events, "dropped": dropped, "failed": failed}

    def _one(self, id_: int, row: ObjectRow) -> Done:
        raw = self._files.at(row.bucket, row.key, row.path).read_bytes()
        plain = gzip.decompress(raw) if row.compression == "gzip" else raw
        rejected = [read_entry(line) for line in plain.splitlines() if line]
        if len(rejected) != row.inputs:
            raise ForebayError(
                "ErrorObjectChanged",
                f"{row.key} holds {len(rejected)} entries, the catalog knows of {row.inputs}",
                where=f"s3://{row.bucket}/{row.key}",
            )
        done = self._process(_work(rejected))
        archived = self._archive(row, raw)
        with self._buffers.lock:
            opened, segments, stale = self._buffers.place(done.groups)
            committed = self._store.rewrite(
                Rewrite(
                    consumer=self._consumer,
                    out=[id_],
                    into=archived,
                    grace=0.0,
                    buffers=opened,
                    segments=segments,
                    dropped=done.dropped,
                    change=self._change(),
                )
            )
        self._seal(stale)
        committed.result()
        return done

    def _archive(self, row: ObjectRow, raw: bytes) -> ObjectRow:
        key = ARCHIVE + row.key
        target, path = self._files.locate(row.bucket, key)
        self._store.intend(Seal(0, row.bucket, key, path)).result()
        crash_point("replay.intended")
        temporary = self._files.temporary()
        with self._files.create(temporary) as file:
            file.write(raw)
            self._files.sync(file)
        self._files.rename(temporary, target)
        self._files.sync_folders(target)
        crash_point("replay.archived")
        return ObjectRow(
            bucket=row.bucket,
            key=key,
            path=path,
            size=len(raw),
            etag=hashlib.md5(raw, usedforsecurity=False).hexdigest(),
            format=row.format,
            compression=row.compression,
            rows=row.rows,
            inputs=0,
            source=self._consumer,
            meta={"kind": "replayed"},
        )


def _work(rejected: Sequence[Rejected]) -> Work:
    return Work(
        records=[one.data for one in rejected],
        origins=[one.origin for one in rejected],
        end=0,
        bytes=sum(len(one.data) for one in rejected),
    )
