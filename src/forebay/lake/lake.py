"""The lake, where it is changed: in the flow's process, which owns the catalog.

Whoever wants a change asks over flow.sock (`Lake.operations`); what it names (a file of the lake with an
object's bytes) is on disk before it asks. Beside that, one thread keeps the folders what the catalog says,
looks for what people put there by hand, and removes what is over.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import apsw

from forebay.beat import Beat
from forebay.clock import now_us
from forebay.crash import crash_point
from forebay.errors import ForebayError, UsageError
from forebay.lake import annotation, attached, inventory, objects, uploads
from forebay.lake.expire import expire, expire_older
from forebay.lake.files import Files
from forebay.lake.journaled import Journaled, restore
from forebay.lake.notifications import Happened, Notices, tell
from forebay.lake.objects import Change, Json, World
from forebay.lake.schema import STORE, make
from forebay.lake.settings import VERSIONING, Settings
from forebay.lake.view import View
from forebay.lake.watch import Watch
from forebay.ports import Catalog, ObjectRow
from forebay.readers import no_readers

log = logging.getLogger(__name__)
T = TypeVar("T")

BEAT = 0.25
RETRY = 2.0
REPLACED_EVERY = 1.0
"""Many are removed at once: each alone, the disk would be told of between the writes that replace them."""
EXPIRE_EVERY = 30.0
SWEEP_EVERY = 3600.0
LEFT_OVER = 900.0
"""A file of no object that was not touched for this many seconds is what a crash left, or was never needed."""
MOST_WAITING = 10_000
"""Of files that wait for a query's end; more of them are left to the catalog's sweep."""
SHARDS = [f"{n:02x}" for n in range(256)]

Operation = Callable[[Json], Awaitable[Any]]


class Lake:
    """The objects of one state folder. `start` and `stop` its thread.

    While `watching`, files that are put into the folders of buckets by hand become objects.
    """

    def __init__(self, catalog: Catalog, files: Files) -> None:
        self._catalog = catalog
        self._files = files
        catalog.write(make)
        self.world = World(Settings(catalog.reader), files)
        self.notices = Notices(catalog)
        self._journaled = Journaled(catalog, self.world, self._do, self._after)
        self._view = View(catalog, files)
        self._watch = Watch(catalog, files, put=self._by_hand, delete=self._by_hand_deleted)
        self._buckets: list[str] = []
        self.watching = False
        self._unlink: deque[str] = deque()
        self._waiting: deque[str] = deque(maxlen=MOST_WAITING)
        self._expired = self._replaced = time.monotonic()
        self._swept = -SWEEP_EVERY
        self._shards: list[str] = []
        self._beat = Beat("the lake's folders", self._look_after, retry=RETRY)

    def recover(self, folder: Path) -> None:
        """Have on disk what the front's journal there says, before anybody looks. Raises OSError as the disk does."""
        restore(self._catalog, self._files, folder)

    def start(self) -> None:
        """Begin to look after the folders."""
        self._beat.start()

    def stop(self) -> None:
        """Stop looking; what is not yet done is noted in the catalog."""
        self._beat.stop()

    def apply(self, buckets: Iterable[str], versioned: Iterable[str] = ()) -> None:
        """The buckets there are from now on; of the `versioned`, what is overwritten or deleted is kept."""
        self._buckets = sorted(buckets)
        settings = self.world.settings
        new = [bucket for bucket in versioned if settings.versioning(bucket) != "Enabled"]

        def begin(db: apsw.Connection) -> None:
            for bucket in new:
                settings.put(db, bucket, VERSIONING, {"status": "Enabled"})

        if new:
            self._catalog.write(begin)

    def expire(self, ages: Mapping[str, float], grace: float) -> None:
        """Delete what is older than its bucket's seconds; the files outlive that by `grace` seconds."""
        expire_older(self._catalog, self.world, ages, now_us(), grace)

    def delivered(self, db: apsw.Connection, row: ObjectRow) -> None:
        """Tell of an object that a delivery made, in the transaction that registers it."""
        happened = Happened(
            "ObjectCreated:Put", row.bucket, row.key, row.size, row.etag, None, self.world.tick(), {}
        )
        tell(db, self.world.settings, happened)

    # --- what is asked of it ---

    def operations(self) -> dict[str, Operation]:
        """The operations of flow.sock that change objects; arguments as the functions named here say.

        objects_put     `Journaled.take`
        object_put      `objects.put`; object_delete `objects.delete`; object_tag `attached.tag`
        annotation_put  `attached.annotate`; annotation_delete `attached.unannotate`
        objects_delete  {bucket, items: [{key, version?, if_match?}], caller} → per item what delete answers,
                        or {error: {code, message}}
        object_look     {bucket, key}: make the catalog say what the folder's file is now
        bucket_set      {bucket, name, doc}: a setting, None to forget it
        bucket_close    {bucket}: take nothing more into an empty bucket
        bucket_open     {bucket, settings: {name: doc}}: a new bucket, which is told this of itself
        upload_*        begin, part, complete, abort: `uploads`
        """
        return {
            "objects_put": self._journaled.take,
            "object_put": lambda args: self._change(objects.put, args, "put"),
            "object_delete": lambda args: self._change(objects.delete, args, "delete"),
            "object_tag": lambda args: self._change(attached.tag, args, "tag"),
            "annotation_put": lambda args: self._change(attached.annotate, args, "annotate"),
            "annotation_delete": lambda args: self._change(attached.unannotate, args, "unannotate"),
            "objects_delete": self._delete_many,
            "object_look": self._look,
            "bucket_set": self._bucket_set,
            "bucket_open": self._bucket_open,
            "bucket_close": self._bucket_close,
            "upload_begin": self._upload_begin,
            "upload_part": self._upload_part,
            "upload_complete": lambda args: self._change(uploads.complete, args, "complete"),
            "upload_abort": self._upload_abort,
        }

    async def _do(self, work: Callable[[apsw.Connection], T]) -> T:
        future = self._catalog.submit(work, soon=True, hurrying=True)
        await asyncio.sleep(0)  # what was asked at the same time shares the commit
        if not future.done():
            self._catalog.hurry()
        return future.result() if future.done() else await asyncio.wrap_future(future)

    async def _change(self, function: Callable[[Change], Json], args: Json, name: str) -> Json:
        def work(db: apsw.Connection) -> tuple[Json, list[str]]:
            change = Change(db, self.world, args)
            return function(change), change.unlink

        crash_point(f"lake.{name}.asked")
        answer, unlink = await self._do(work)
        crash_point(f"lake.{name}.committed")
        self._after(unlink)
        return answer

    def _after(self, unlink: Iterable[str]) -> None:
        self._unlink.extend(unlink)

    async def _delete_many(self, args: Json) -> list[Json]:
        def work(db: apsw.Connection) -> tuple[list[Json], list[str]]:
            answers: list[Json] = []
            unlink: list[str] = []
            for item in args["items"]:
                change = Change(
                    db, self.world, {**item, "bucket": args["bucket"], "caller": args.get("caller")}
                )
                try:
                    answers.append(objects.delete(change))
                except ForebayError as error:
                    answers.append({"error": {"code": error.code, "message": error.message}})
                unlink += change.unlink
            return answers, unlink

        answers, unlink = await self._do(work)
        self._after(unlink)
        return answers

    async def _look(self, args: Json) -> None:
        await asyncio.to_thread(self._watch.settle, args["bucket"], args["key"])

    async def _bucket_set(self, args: Json) -> None:
        settings = self.world.settings
        await self._do(lambda db: settings.put(db, args["bucket"], args["name"], args["doc"]))

    async def _bucket_open(self, args: Json) -> None:
        settings, bucket = self.world.settings, args["bucket"]

        def work(db: apsw.Connection) -> None:
            settings.drop(db, bucket)
            for name, doc in (args.get("settings") or {}).items():
                settings.put(db, bucket, name, doc)

        await self._do(work)
        self.world.closed.discard(bucket)

    async def _bucket_close(self, args: Json) -> None:
        bucket = args["bucket"]

        def work(db: apsw.Connection) -> list[str]:
            held = db.execute(
                "SELECT 1 FROM objects WHERE bucket = ?1 AND state = 'live' UNION ALL"
                " SELECT 1 FROM lake_versions WHERE bucket = ?1",
                (bucket,),
            ).fetchone()
            if held is not None:
                message = "The bucket you tried to delete is not empty"
                if self.world.settings.versioning(bucket):
                    message += ". You must delete all versions in the bucket."
                raise UsageError("BucketNotEmpty", message, bucket=bucket)
            self.world.settings.drop(db, bucket)
            rows: Any = db.execute("SELECT id FROM lake_uploads WHERE bucket = ?", (bucket,)).fetchall()
            self.world.closed.add(bucket)
            unlink = [path for (id,) in rows for path in uploads.forget(db, id)]
            return unlink + annotation.drop_bucket(db, bucket)

        self._after(await self._do(work))

    async def _upload_begin(self, args: Json) -> int:
        return await self._do(lambda db: uploads.begin(db, args))

    async def _upload_part(self, args: Json) -> None:
        self._after(await self._do(lambda db: uploads.add_part(db, args)))

    async def _upload_abort(self, args: Json) -> None:
        self._after(await self._do(lambda db: uploads.abort(db, args["upload"])))

    # --- its own thread ---

    def _by_hand(self, bucket: str, key: str, args: Json) -> None:
        self._made_by_hand(
            objects.put, {**args, "bucket": bucket, "key": key, "path": None, "source": "hand"}
        )

    def _by_hand_deleted(self, bucket: str, key: str) -> None:
        self._made_by_hand(objects.delete, {"bucket": bucket, "key": key})

    def _made_by_hand(self, function: Callable[[Change], Json], args: Mapping[str, Any]) -> None:
        def work(db: apsw.Connection) -> list[str]:
            change = Change(db, self.world, args)
            function(change)
            return change.unlink

        self._after(self._catalog.write(work))

    def _look_after(self) -> float:
        try:
            self._remove()
            while not self._beat.stopping and self._view.catch_up():
                pass
            if self.watching and not self._beat.stopping:
                self._watch.look(self._buckets)
            self._after(inventory.write_due(self._catalog, self.world, self._buckets, now_us()))
            now = time.monotonic()
            if now - self._replaced > REPLACED_EVERY:
                self._replaced = now
                self._remove_replaced()
            if now - self._expired > EXPIRE_EVERY:
                self._expired = now
                self._after(expire(self._catalog, self.world, now_us())[1])
            if now - self._swept > SWEEP_EVERY:
                self._swept = now
                self._after(self._catalog.write(annotation.sweep))
                self._shards = list(SHARDS)
            if self._shards:
                self._sweep(self._shards.pop())
        except OSError as error:
            log.warning("the lake's folders wait: %s", error)
            return RETRY
        return BEAT

    def _remove(self) -> None:
        """Remove files that nobody needs; those that were objects' wait for the queries that may have seen them."""
        while self._unlink:
            path = self._unlink.popleft()
            row: Any = self._catalog.reader.execute(
                "SELECT min(state) FROM objects WHERE path = ?", (path,)
            ).fetchone()
            if row[0] == "replaced":
                self._waiting.append(path)
            elif row[0] is None:
                (self._files.lake.parent / path).unlink(missing_ok=True)

    def _remove_replaced(self) -> None:
        while self._waiting:
            with no_readers(self._files.lake) as nobody:
                if not nobody:
                    return
                (self._files.lake.parent / self._waiting.popleft()).unlink(missing_ok=True)

    def _sweep(self, shard: str) -> None:
        """Remove files below `.objects` that nothing in the catalog names and nobody is writing."""
        folder = self._files.lake / STORE / shard
        if not folder.is_dir():
            return
        old = time.time() - LEFT_OVER
        prefix = str(folder.relative_to(self._files.lake.parent)) + "/"
        found = [
            path for path in folder.iterdir() if path.stat().st_mtime < old and path.stat().st_ctime < old
        ]
        if not found:
            return
        named: set[str] = set()
        for table in ("objects", "lake_versions", "lake_parts", "lake_annotations"):
            rows: Any = self._catalog.reader.execute(
                f"SELECT path FROM {table} WHERE path >= ? AND path < ?", (prefix, prefix + "~")
            )
            named.update(path for (path,) in rows)
        for path in found:
            if prefix + path.name not in named:
                path.unlink(missing_ok=True)
