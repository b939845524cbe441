"""The operations of flow.sock for live questions: `follow_tables`, `follow_open`, `follow_next`, `follow_close`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from forebay.ipc import Handler
from forebay.project.model import Project
from forebay.running.follow import Questions
from forebay.running.follow_tables import noted, tables


def handlers(questions: Questions, project: Callable[[], Project]) -> dict[str, Handler]:
    """Each takes and gives MessagePack values, see `Questions`."""

    async def follow_tables(_: dict[str, Any]) -> Any:
        now = project()
        return {
            "tables": await asyncio.to_thread(tables, now),
            "questions": await asyncio.to_thread(noted, now),
        }

    async def follow_open(args: dict[str, Any]) -> Any:
        begin = str(args.get("begin") or "latest")
        return await asyncio.to_thread(lambda: questions.open(str(args["sql"]), project(), begin))

    async def follow_next(args: dict[str, Any]) -> Any:
        return await asyncio.to_thread(questions.next, str(args["id"]), float(args.get("wait") or 5.0))

    async def follow_close(args: dict[str, Any]) -> Any:
        await asyncio.to_thread(questions.close, str(args["id"]))
        return {}

    return {
        "follow_tables": follow_tables,
        "follow_open": follow_open,
        "follow_next": follow_next,
        "follow_close": follow_close,
    }
