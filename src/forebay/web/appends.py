"""What front.sock takes into the logs: events of the command line, of rules, of functions and of the lake.

append {target, records, keys?, once?, same?, moved?} → {offset, count, repeated}
attach {target, consumer, log, start, state?} → {position, state?}   where a consumer of another log is, and what
                                                                     it keeps there; see `streams.sources`
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from forebay.bus.wrap import Wrap, is_event
from forebay.errors import DataRejected, NotFound, UsageError
from forebay.ingest.fields import Fields
from forebay.project.model import Project, Ref
from forebay.streams.section import StreamSpec
from forebay.streams.writer import Log, Moved, Once
from forebay.web.logs import Logs


class Appends:
    """The two operations. `default_bus` makes the bus `default` where there is none yet."""

    def __init__(
        self, logs: Logs, project: Callable[[], Project], default_bus: Callable[[], Awaitable[None]]
    ) -> None:
        self._logs = logs
        self._project = project
        self._default_bus = default_bus

    async def append(self, args: dict[str, Any]) -> dict[str, Any]:
        """Raises UsageError, NotFound, DataRejected, and what `Log.submit` raises."""
        target = args["target"]
        log = self._target(target)
        records: Sequence[bytes] = args["records"]
        moved = Moved(**args["moved"]) if args.get("moved") else None
        if not records and moved is None:
            raise UsageError("NoRecords", "nothing to append")
        keys = args.get("keys")
        if keys is None and records:
            keys = self._partition_keys(target, records)
        if target.startswith("bus."):
            records = [record if is_event(record) else self._wrapped(record) for record in records]
        if moved is not None:
            receipt = await log.submit(records, keys, moved=moved)
            return {"offset": receipt.offset, "count": receipt.count, "repeated": False}
        once = None
        if args.get("once"):
            digest = hashlib.sha256(b"" if args.get("same") else b"".join(args["records"])).digest()
            once = Once(f"socket\0{target}", args["once"], digest, lambda kept, _: b"%d" % kept)
        receipt = await log.append(records, keys, once=once)
        count = int(receipt.answer) if receipt.repeated and receipt.answer is not None else receipt.count
        return {"offset": receipt.offset, "count": count, "repeated": receipt.repeated}

    async def attach(self, args: dict[str, Any]) -> dict[str, Any]:
        """Raises NotFound."""
        if args["target"] == "bus.default" and args["target"] not in self._logs:
            await self._default_bus()
        log = self._target(args["target"])
        position = await asyncio.to_thread(log.attach, args["consumer"], args["log"], args["start"])
        if not args.get("state"):
            return {"position": position}
        return {"position": position, "state": await asyncio.to_thread(log.source_state, args["consumer"])}

    def _target(self, name: str) -> Log:
        log = self._logs.get(name)
        if log is None:
            known = ", ".join(sorted(self._logs)) or "none"
            raise NotFound("NoSuchTarget", f"{name} takes no events", why=f"these do: {known}")
        return log

    def _wrapped(self, detail: bytes) -> bytes:
        try:
            return Wrap(f"forebay.{self._project().name}", "send")([detail])[0]
        except msgspec.MsgspecError as error:
            raise DataRejected("NotJson", "an event of a bus is a JSON object", why=str(error)) from None

    def _partition_keys(self, target: str, records: Sequence[bytes]) -> list[bytes] | None:
        """What the stream shards by, read from the events; None where it does not say."""
        spec = self._project().get(Ref.parse(target))
        if not isinstance(spec, StreamSpec) or spec.key is None:
            return None
        fields = Fields([spec.key])
        found = []
        for index, record in enumerate(records):
            try:
                found.append(fields.value(fields.one(record), spec.key) or b"")
            except msgspec.MsgspecError as error:
                raise DataRejected(
                    "NotJson",
                    f"event {index} is no JSON object, and {target} shards by {spec.key}",
                    why=str(error),
                ) from None
        return found
