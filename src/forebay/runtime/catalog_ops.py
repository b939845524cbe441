"""The catalog on flow.sock: databases, tables, partitions and crawlers, read and changed by who serves them.

catalog {name, args}   one of READS or WRITES below, by name; a write is on disk when it is answered
crawler {name, args}   start, stop, state, runs: see `catalog/crawl/crawlers.py`
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from forebay.catalog import partition_rows as partitions
from forebay.catalog import register
from forebay.errors import UsageError
from forebay.flow import Flow
from forebay.ipc import Handler

READS: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        register.database_row,
        register.list_databases,
        register.table_row,
        register.list_tables,
        register.table_names,
        register.revisions,
        partitions.get_partition,
        partitions.get_partitions,
        partitions.find_partitions,
    )
}
WRITES: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        register.add_database,
        register.change_database,
        register.remove_database,
        register.add_table,
        register.change_table,
        register.remove_table,
        register.remove_tables,
        register.remove_revisions,
        partitions.add_partitions,
        partitions.change_partitions,
        partitions.remove_partitions,
    )
}


def handlers(flow: Flow) -> dict[str, Handler]:
    """The operations, for the flow's table of them."""

    async def catalog(args: dict[str, Any]) -> Any:
        name, values = str(args["name"]), args.get("args") or {}
        if name in READS:
            return await asyncio.to_thread(lambda: READS[name](flow.store.reader, **values))
        if name in WRITES:
            return await asyncio.wrap_future(flow.store.submit(lambda db: WRITES[name](db, **values)))
        raise UsageError("UnknownOperation", f"the catalog has no operation {name}")

    async def crawler(args: dict[str, Any]) -> Any:
        return await asyncio.to_thread(flow.crawlers.ask, str(args["name"]), args.get("args") or {})

    return {"catalog": catalog, "crawler": crawler}
