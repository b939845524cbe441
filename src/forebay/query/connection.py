"""DuckDB behind the second wall."""

from __future__ import annotations

import duckdb

from forebay.layout import Layout
from forebay.query.types import literal

SPILL = 4
"""Times its memory that a query may put on disk."""


def connect(layout: Layout, *, memory_bytes: int, threads: int) -> duckdb.DuckDBPyConnection:
    """A DuckDB that can touch the lake and the cache only, loads nothing, and lets nothing be set.

    Memory and threads are bounds of all queries together; what does not fit spills into the cache.
    """
    spill = layout.cache.absolute() / "spill"
    root = duckdb.connect(
        ":memory:",
        config={
            "threads": threads,
            "memory_limit": f"{memory_bytes}B",
            "temp_directory": str(spill),
            "max_temp_directory_size": f"{SPILL * memory_bytes}B",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
    root.execute("SET TimeZone = 'UTC'")
    root.execute("SET python_enable_replacements = false")
    folders = ", ".join(literal(f"{folder.absolute()}/") for folder in (layout.lake, layout.cache))
    root.execute(f"SET allowed_directories = [{folders}]")
    root.execute("SET enable_external_access = false")
    root.execute("SET allow_community_extensions = false")
    root.execute("SET lock_configuration = true")
    return root
