"""Calls between processes: who is starting is waited for, and what was sent is sent once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from forebay.errors import Unavailable
from forebay.ipc import AsyncClient, Server


async def echo(args: dict[str, Any]) -> Any:
    return args


def test_one_that_starts_meanwhile_is_waited_for(tmp_path: Path) -> None:
    async def talk() -> Any:
        path = tmp_path / "flow.sock"
        client = AsyncClient(path, "flow", patience=30.0)
        calls = [asyncio.create_task(client.call("echo", n=n)) for n in range(3)]
        await asyncio.sleep(0)
        server = Server(path, {"echo": echo}, on_error=lambda *_: None)
        await server.start()
        try:
            return await asyncio.gather(*calls)
        finally:
            await client.close()
            await server.stop()

    assert asyncio.run(talk()) == [{"n": 0}, {"n": 1}, {"n": 2}]


@pytest.mark.parametrize("patience", [0.0, 0.2])
def test_one_that_stays_down_is_said_to_be(tmp_path: Path, patience: float) -> None:
    client = AsyncClient(tmp_path / "flow.sock", "flow", patience=patience)
    with pytest.raises(Unavailable, match="flow is not running"):
        asyncio.run(client.call("echo"))


def test_a_call_that_was_sent_is_not_sent_again(tmp_path: Path) -> None:
    """Who ends with a call in hand may have done it."""

    async def talk() -> int:
        path = tmp_path / "flow.sock"
        came = 0

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal came
            await reader.readexactly(4)
            came += 1
            writer.close()

        server = await asyncio.start_unix_server(take, path)
        client = AsyncClient(path, "flow", patience=30.0)
        with pytest.raises(Unavailable, match="flow is not running"):
            await client.call("echo")
        await client.close()
        server.close()
        return came

    assert asyncio.run(talk()) == 1
