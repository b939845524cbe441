"""`?` filled in, and PREPARE, EXECUTE, DEALLOCATE."""

from __future__ import annotations

import re
from collections.abc import Sequence

from forebay.errors import QueryFailed
from forebay.wire.athena.base import PREPARED, invalid, now
from forebay.wire.service import Asked, Json

_PIECES = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\?|[^'\"?/-]+|.", re.DOTALL)
_PREPARE = re.compile(r"\s*prepare\s+\"?(\w+)\"?\s+from\s+(.+?);?\s*$", re.IGNORECASE | re.DOTALL)
_EXECUTE = re.compile(r"\s*execute\s+\"?(\w+)\"?(?:\s+using\s+(.+?))?;?\s*$", re.IGNORECASE | re.DOTALL)
_DEALLOCATE = re.compile(r"\s*deallocate\s+prepare\s+\"?(\w+)\"?;?\s*$", re.IGNORECASE)


def filled(sql: str, values: Sequence[str]) -> str:
    """`sql` with each `?` outside of quotes and comments replaced. Raises QueryFailed on a wrong number."""
    left = list(values)
    parts = []
    for piece in _PIECES.findall(sql):
        if piece == "?":
            if not left:
                raise QueryFailed(
                    "INVALID_PARAMETER_USAGE",
                    f"Incorrect number of parameters: expected more than {len(values)}",
                )
            parts.append(left.pop(0))
        else:
            parts.append(piece)
    if left:
        raise QueryFailed(
            "INVALID_PARAMETER_USAGE",
            f"Incorrect number of parameters: expected {len(values) - len(left)} but found {len(values)}",
        )
    return "".join(parts)


def _split(text: str) -> list[str]:
    """At commas outside of quotes and brackets."""
    parts, depth = [""], 0
    for piece in re.findall(r"'(?:[^']|'')*'|[(\[]|[)\]]|,|[^'()\[\],]+", text):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(piece, 0)
        if piece == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts]


async def prepared(asked: Asked, execution: Json, sql: str, given: Sequence[str] | None = None) -> str:
    """The statement that EXECUTE means, with what it or the call gives for `?`; '' where nothing more is to run."""
    group = execution["WorkGroup"]
    documents = asked.system.documents
    if match := _PREPARE.match(sql):
        doc = {
            "StatementName": match[1],
            "QueryStatement": match[2],
            "WorkGroupName": group,
            "LastModifiedTime": now(),
        }
        documents.put(PREPARED, f"{group}/{match[1]}", doc)
        return ""
    if match := _DEALLOCATE.match(sql):
        documents.delete(PREPARED, f"{group}/{match[1]}")
        return ""
    match = _EXECUTE.match(sql)
    if match is None:
        raise QueryFailed(
            "SYNTAX_ERROR",
            "line 1:1: PREPARE name FROM statement, EXECUTE name USING values, DEALLOCATE PREPARE name",
        )
    found = documents.get(PREPARED, f"{group}/{match[1]}")
    if found is None:
        raise invalid(f"PreparedStatement {match[1]} was not found in workGroup {group}")
    return filled(found["QueryStatement"], _split(match[2]) if match[2] else given or [])
