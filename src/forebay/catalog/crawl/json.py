"""The built-in JSON classifier: objects one after another, in lines or not, or one array.

Integers are int (bigint where a value needs it), other numbers double. An array at the top is one column
named `array`. Text in single quotes (Python's `str(dict)`) is read as well, as the openx SerDe does.
https://docs.aws.amazon.com/glue/latest/dg/custom-classifier.html#custom-classifier-json
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from forebay.catalog.crawl.types import DEEPEST, Columns, Kind, merge, merge_columns

ARRAY = "array"
MOST_COLUMNS = 5000
"""Of one file: further names are data that was written as names."""
LONGEST = 256 << 10
"""Characters of a record that is tried in the lenient way."""
_DECODER = json.JSONDecoder(strict=False)
_BLANK = " \t\r\n\0,"
_WORDS = {"true": True, "false": False, "null": None, "None": None, "True": True, "False": False}


@dataclass(slots=True)
class Found:
    """What a JSON text holds: its columns, how many records were read, and how many of them were wrong.

    `fields` are the fields' names as spelt.
    """

    columns: Columns
    fields: list[str]
    records: int
    wrong: int


def classify(text: str, *, whole: bool) -> Found | None:
    """The shape of `text`; None where it is no JSON. Without `whole`, its last record may be cut off."""
    start = text.lstrip(_BLANK + "\ufeff")
    if not start or start[0] not in "{[":
        return None
    columns: Columns = {}
    spelt: dict[str, str] = {}
    low: dict[str, str] = {}
    records = wrong = 0
    for value in _values(start, whole=whole):
        if isinstance(value, dict):
            records += 1
            for name, inner in value.items():
                if name not in low:
                    if len(low) >= MOST_COLUMNS:
                        continue
                    low[name] = name.lower().strip() or "_"
                    spelt.setdefault(low[name], name)
                column = low[name]
                kind, known = kind_of(inner), columns.get(column)
                if column not in columns or kind != known:
                    columns[column] = merge(known, kind)
        elif isinstance(value, list):
            records += 1
            spelt.setdefault(ARRAY, ARRAY)
            columns = merge_columns(columns, {ARRAY: kind_of(value)})
        else:
            wrong += 1
    if not records or wrong > records:
        return None
    return Found(columns, list(spelt.values()), records, wrong)


def kind_of(value: Any, depth: int = 0) -> Kind:
    """The kind of a decoded value."""
    if value is None:
        return None
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        if -(1 << 31) <= value < 1 << 31:
            return "int"
        return "bigint" if -(1 << 63) <= value < 1 << 63 else "double"
    if isinstance(value, float):
        return "double"
    if depth > DEEPEST:
        return "string"
    if isinstance(value, list):
        inner: Kind = None
        for item in value:
            inner = merge(inner, kind_of(item, depth + 1))
        return ("array", inner)
    if isinstance(value, dict):
        return ("struct", {name or "_": kind_of(item, depth + 1) for name, item in value.items()})
    return "string"


_CUT = object()


def _values(text: str, *, whole: bool) -> Iterator[Any]:
    at, end = 0, len(text)
    while True:
        while at < end and text[at] in _BLANK:
            at += 1
        if at >= end:
            return
        try:
            value, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            if text[at] == "[":
                yield from _array(text, at, whole=whole)
                return
            line = text.find("\n", at)
            stop = end if line < 0 else line
            found = _lenient(text[at:stop])
            if found is _CUT and stop == end and not whole:
                return
            yield None if found is _CUT else found
            at = stop
        else:
            yield value


def _array(text: str, at: int, *, whole: bool) -> Iterator[Any]:
    # An array that was cut off: what is there of it.
    items: list[Any] = []
    at += 1
    while not whole:
        while at < len(text) and text[at] in _BLANK:
            at += 1
        try:
            value, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError, IndexError):
            break
        items.append(value)
    yield items or None


def _lenient(text: str) -> Any:
    text = text.strip().rstrip(",")
    if not (text.startswith("{") and text.endswith("}")) or len(text) > LONGEST:
        return _CUT
    try:
        return _python(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _CUT


def _python(node: ast.expr) -> Any:
    match node:
        case ast.Dict():
            return {
                str(_python(key)): _python(value)
                for key, value in zip(node.keys, node.values, strict=True)
                if key is not None
            }
        case ast.List() | ast.Tuple():
            return [_python(item) for item in node.elts]
        case ast.Constant() if isinstance(node.value, str | int | float | bool | None):
            return node.value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Name() if node.id in _WORDS:
            return _WORDS[node.id]
    raise ValueError("not a literal")


def at_path(text: str, path: str, *, whole: bool) -> str:
    """The records under a JSON path (`$[*]`, `$.a.b`, `$.a[*]`, `$.a[*].b`) of every value, as JSON text.

    What is found that is no object becomes `{"record": ...}`, as in a crawled table.
    """
    steps = re.findall(r"\[\*\]|\[\d+\]|\['[^']+'\]|\.\*|\.?[^.\[\]$]+", path.strip().removeprefix("$"))
    found: list[str] = []
    for value in _values(text.lstrip(_BLANK + "\ufeff"), whole=whole):
        level = [value]
        for step in steps:
            level = [inner for item in level for inner in _step(item, step)]
        for item in level:
            found.append(json.dumps(item if isinstance(item, dict) else {"record": item}))
    return "\n".join(found)


def _step(value: Any, step: str) -> list[Any]:
    if step in ("[*]", ".*"):
        if isinstance(value, list):
            return value
        return list(value.values()) if isinstance(value, dict) else []
    if step.startswith("[") and step[1:-1].isdigit():
        index = int(step[1:-1])
        return [value[index]] if isinstance(value, list) and index < len(value) else []
    name = step[2:-2] if step.startswith("['") else step.removeprefix(".")
    return [value[name]] if isinstance(value, dict) and name in value else []
