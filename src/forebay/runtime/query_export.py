"""Results as files, on query.sock: what Athena's API and its CTAS, INSERT INTO and UNLOAD ask for.

export {sql, database, path, seconds, caller}   the result file at `path`; columns, rows, size, etag, statistics
keep {data}                                     a file of these bytes
unload {sql, database, form, options, partitioned_by, seconds, caller}   files below `lake/.objects`, described
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from forebay.errors import QueryFailed
from forebay.lake.files import Files
from forebay.layout import Layout
from forebay.query import export
from forebay.query.result import Column, Result
from forebay.runtime.query_rights import Rights, permit_of

Answer = Callable[..., Result]


class Exports:
    """Both operations; `answer` runs a query: (sql, database, most rows, seconds, permit=)."""

    def __init__(self, layout: Layout, answer: Answer) -> None:
        self._layout = layout
        self._files = Files(layout.lake)
        self._root = layout.root
        self._answer = answer

    def export(self, args: dict[str, Any]) -> dict[str, Any]:
        """Run a statement and keep what Athena would print as a file."""
        permit = permit_of(self._layout, args.get("caller"))
        result = self._whole(args, permit)
        place, path = self._files.fresh()
        header = bool(args.get("header", True))
        size, etag = export.write_bytes(place, export.result_rows(result, header=header))
        return {
            "path": path,
            "size": size,
            "etag": etag,
            "stamp": place.stat().st_mtime_ns,
            "rows": result.table.num_rows,
            "columns": [[column.name, column.type] for column in result.columns],
            "stats": result.stats.to_dict(),
            "decided": [] if permit is None else permit.decided(),
        }

    def unload(self, args: dict[str, Any]) -> dict[str, Any]:
        """Run a SELECT and write its rows as files of a table."""
        permit = permit_of(self._layout, args.get("caller"))
        result = self._whole(args, permit)
        wanted = args.get("columns")
        if wanted is not None:
            result = _shaped(result, wanted)
        written = export.write_table(
            result, self._paths(), args["form"], args.get("options") or {}, args.get("partitioned_by") or []
        )
        return {
            "files": [
                {
                    "path": str(Path(each.path).relative_to(self._root)),
                    "folder": each.folder,
                    "size": each.size,
                    "etag": each.etag,
                    "rows": each.rows,
                    "stamp": Path(each.path).stat().st_mtime_ns,
                    "name": f"{uuid.uuid4().hex}",
                }
                for each in written
            ],
            "rows": result.table.num_rows,
            "columns": [[column.name, column.type] for column in result.columns],
            "stats": result.stats.to_dict(),
            "decided": [] if permit is None else permit.decided(),
        }

    def keep(self, args: dict[str, Any]) -> dict[str, Any]:
        """Keep `data` as a file."""
        place, path = self._files.fresh()
        size, etag = export.write_bytes(place, [args["data"]])
        return {"path": path, "size": size, "etag": etag, "stamp": place.stat().st_mtime_ns}

    def _whole(self, args: dict[str, Any], permit: Rights | None) -> Result:
        """All rows; a part of an answer is never passed for the answer."""
        result = self._answer(args["sql"], args.get("database"), None, args.get("seconds"), permit=permit)
        if result.truncated:
            raise QueryFailed(
                "EXCEEDED_ROWS",
                f"the result has more than the {result.table.num_rows:,} rows that one may have",
            )
        return result

    def _paths(self) -> Iterator[Path]:
        while True:
            yield self._files.fresh()[0]


def _shaped(result: Result, wanted: list[str]) -> Result:
    """The result under the names of the table that it goes into, by position."""
    if len(wanted) != len(result.columns):
        raise QueryFailed(
            "TYPE_MISMATCH",
            f"TYPE_MISMATCH: Insert query has mismatched column types: the table has {len(wanted)} columns,"
            f" the query {len(result.columns)}",
        )
    columns = [Column(name, column.type) for name, column in zip(wanted, result.columns, strict=True)]
    return Result(columns, result.table, result.stats, result.truncated)
