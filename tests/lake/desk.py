"""A state folder's puts, and a flow that may be down."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from forebay.errors import Unavailable
from forebay.lake.journal import Put, pack
from forebay.lake.puts import Puts
from forebay.layout import Layout
from tests.lake.world import World


class Flow:
    """A flow that may be down, in the place of its client."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.down = False
        self.dies_after = False
        self.told: list[list[int]] = []

    async def call(self, op: str, /, timeout: float = 30.0, **args: Any) -> Any:
        if self.down:
            raise Unavailable("ProcessDown", "flow is not running")
        args["puts"] = [list(each) for each in args["puts"]]
        self.told.append([number for number, _, _ in args["puts"]])
        answer = await self.world.lake.operations()[op](args)
        if self.dies_after:
            self.dies_after, self.down = False, True
            raise Unavailable("ProcessDown", "flow is not running")
        return answer


class Desk:
    """A state folder's puts, and the flow that they are told to."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self.layout.make()
        self.world = World(root, start=False)
        self.flow = Flow(self.world)
        self.puts = self.new()

    def new(self) -> Puts:
        client: Any = self.flow
        return Puts(self.layout, client)

    async def open(self) -> None:
        """Until it takes puts."""
        self.puts.start()
        async with asyncio.timeout(30):
            while not self.puts.takes("shop", 1):
                await asyncio.sleep(0.01)

    async def put(self, key: str, body: bytes) -> bool:
        """Whether it was taken, and so acknowledged."""
        if not self.puts.takes("shop", len(body)):
            return False
        _, path = self.world.files.name()
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        doc = {"bucket": "shop", "key": key, "path": path, "size": len(body), "etag": etag, "meta": {}}
        await self.puts.put(Put("shop", key, pack(doc), body))
        return True

    async def settled(self) -> None:
        if (wait := self.puts.settled()) is not None:
            await wait

    def crash(self) -> None:
        """The front dies: a new one knows what is on disk."""
        assert self.puts._task is not None
        self.puts._task.cancel()
        self.puts = self.new()

    def run(self, work: Callable[[], Awaitable[None]]) -> None:
        async def body() -> None:
            try:
                await work()
            finally:
                self.flow.down = False
                await self.puts.close()

        try:
            asyncio.run(body())
        finally:
            self.world.close()
