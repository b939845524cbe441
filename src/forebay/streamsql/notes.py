"""Zeppelin notes (`.zpln`), as Managed Flink Studio exports them: their `%flink.ssql` paragraphs, in order, are the SQL."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from forebay.errors import UsageError

SUFFIX = ".zpln"
_SQL = re.compile(r"\s*%(flink\.)?ssql\b")
_WORDS = re.compile(r"\s*(%(md|html|angular)\b|$)")
_TEXT = re.compile(r'"text"\s*:\s*(?=")')


@dataclass(slots=True)
class Note:
    """`sql` of all paragraphs; `starts` has (line in it, paragraph from 1, line in the file) of each."""

    sql: str = ""
    starts: list[tuple[int, int, int]] = field(default_factory=list)

    def place(self, line: int) -> tuple[int, int, int]:
        """(paragraph, line within it, line in the file) of a line of `sql`."""
        first, paragraph, at = max((each for each in self.starts if each[0] <= line), default=(1, 1, 1))
        return paragraph, line - first + 1, at


def read(raw: str) -> Note:
    """The SQL of a note. Raises UsageError `StreamSqlNote` for what is no note, or has paragraphs of another language."""
    try:
        paragraphs: Any = json.loads(raw)["paragraphs"]
        texts = [(each.get("text") or "", _enabled(each)) for each in paragraphs]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(
            "StreamSqlNote", "this is no Zeppelin note", fix="export the notebook as .zpln", line=1
        ) from None
    lines = _lines(raw)
    note = Note()
    for number, (text, enabled) in enumerate(texts, 1):
        if not enabled or _WORDS.match(text):
            continue
        at = lines.get(text, 1)
        if not _SQL.match(text):
            word = text.split(None, 1)[0]
            raise UsageError(
                "StreamSqlNotSupported",
                f"paragraph {number}, which begins with {word}, does not run here",
                fix="disable it, or leave it out: %flink.ssql runs, %md is passed over",
                line=at,
            )
        note.starts.append((note.sql.count("\n") + 1, number, at))
        # The word of the interpreter goes, its line stays, so that lines are counted as they are seen.
        note.sql += re.sub(r"^(\s*)%[^\n]*", r"\1", text).rstrip().rstrip(";") + "\n;\n"
    return note


def _enabled(paragraph: dict[str, Any]) -> bool:
    return bool((paragraph.get("config") or {}).get("enabled", True))


def _lines(raw: str) -> dict[str, int]:
    """The line in the file of each paragraph's text."""
    found: dict[str, int] = {}
    decoder = json.JSONDecoder()
    for match in _TEXT.finditer(raw):
        try:
            text, _ = decoder.raw_decode(raw, match.end())
        except ValueError:
            continue
        found.setdefault(text, raw.count("\n", 0, match.start()) + 1)
    return found
