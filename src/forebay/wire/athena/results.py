"""GetQueryResults: pages of the result file, read as it lies in the lake."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from forebay.errors import NotFound
from forebay.lake.shelf import Shelf
from forebay.wire.athena.base import SERVICE, invalid
from forebay.wire.athena.executions import execution_of
from forebay.wire.athena.kinds import counted
from forebay.wire.athena.rights import may_fetch
from forebay.wire.service import Asked, Json

_CELL = re.compile(rb'(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n|$)')
BLOCK = 1 << 20
_PRECISION = {
    "boolean": 0,
    "tinyint": 3,
    "smallint": 5,
    "integer": 10,
    "bigint": 19,
    "double": 17,
    "float": 17,
    "date": 0,
    "timestamp": 3,
}


def column_info(name: str, kind: str) -> Json:
    """A column of ResultSetMetadata."""
    base = kind.partition("(")[0]
    base = {"int": "integer", "string": "varchar", "real": "float"}.get(base, base)
    precision, scale = _PRECISION.get(base, 2147483647 if base in ("varchar", "char") else 0), 0
    if base == "decimal" and (match := re.match(r"decimal\((\d+),\s*(\d+)\)", kind)):
        precision, scale = int(match[1]), int(match[2])
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": base,
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": base in ("varchar", "char", "string"),
    }


def _shown_info(name: str, kind: str) -> Json:
    """A column of what SHOW or DESCRIBE answers."""
    return {**column_info(name, "varchar"), "Type": kind, "Precision": 0, "CaseSensitive": False}


@SERVICE.operation("GetQueryResults")
async def get_query_results(asked: Asked, given: Json) -> Json:
    """A page of rows, the first one beginning with the column names."""
    execution = execution_of(asked, given["QueryExecutionId"])
    state = execution["Status"]["State"]
    if state != "SUCCEEDED":
        reason = execution["Status"].get("StateChangeReason", "")
        if state in ("FAILED", "CANCELLED"):
            raise invalid(f"Query did not finish successfully. Final query state: {state}. {reason}".strip())
        raise invalid(f"Query has not yet finished. Current state: {state}")
    most = int(given.get("MaxResults") or 1000)
    if not 1 <= most <= 1000:
        raise invalid("MaxResults is more than maximum allowed length 1000.")
    token = given.get("NextToken") or "0"
    if not (token.isdecimal() and len(token) < 19):
        raise invalid("NextToken is not valid")
    kind = execution["StatementType"]
    info = _shown_info if kind == "UTILITY" else column_info
    metadata = {"ColumnInfo": [info(*column) for column in execution.get("columns") or []]}
    count = {}
    if counted(kind, execution["SubstatementType"]):
        count["UpdateCount"] = execution.get("rows_written", 0)
    if "rows_written" in execution or not execution.get("columns"):
        return {**count, "ResultSet": {"Rows": [], "ResultSetMetadata": metadata}}
    bucket, key = execution["ResultConfiguration"]["OutputLocation"][5:].split("/", 1)
    await may_fetch(asked, bucket, key)
    shelf = Shelf(asked.system.layout.catalog, asked.system.layout.lake)
    read = _quoted if kind == "DML" else _plain
    try:
        rows, following = await asyncio.to_thread(
            lambda: read(shelf.find(bucket, key).path, int(token), most)
        )
    except (NotFound, FileNotFoundError):
        raise invalid(f"Could not find results: s3://{bucket}/{key} is gone") from None
    shown = [{"Data": [{} if cell is None else {"VarCharValue": cell} for cell in row]} for row in rows]
    more = {} if following is None else {"NextToken": str(following)}
    return {**count, "ResultSet": {"Rows": shown, "ResultSetMetadata": metadata}, **more}


def _quoted(path: Path, start: int, most: int) -> tuple[list[list[str | None]], int | None]:
    """Up to `most` rows of a result CSV from byte `start` on, and where the next begins (None at the end).

    A cell in quotes is text, one without is NULL.
    """
    rows: list[list[str | None]] = []
    row: list[str | None] = []
    with path.open("rb") as file:
        file.seek(start)
        data, at, ended = b"", 0, False
        while len(rows) < most:
            match = _CELL.match(data, at)
            if match is None or (match.end() >= len(data) and not ended):
                block = file.read(BLOCK)
                ended = not block
                if not ended or at:
                    start += at
                    data, at = data[at:] + block, 0
                if ended and not data:
                    break
                if not ended or match is None:
                    continue
            if ended and at >= len(data):
                break
            text = match[1]
            row.append(None if text is None else text.replace(b'""', b'"').decode())
            at = match.end()
            if match[3] != b",":
                rows.append(row)
                row = []
        following = start + at
        size = path.stat().st_size
    return rows, following if following < size else None


def _plain(path: Path, start: int, most: int) -> tuple[list[list[str | None]], int | None]:
    """The same of a text file: a row a line, which is one cell."""
    rows: list[list[str | None]] = []
    with path.open("rb") as file:
        file.seek(start)
        for _ in range(most):
            line: Any = file.readline()
            if not line:
                break
            rows.append([line.decode().removesuffix("\n")])
        following = file.tell()
    return rows, following if following < path.stat().st_size else None
