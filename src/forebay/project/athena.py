"""The shape of Athena's types, for columns that a project declares."""

from __future__ import annotations

import re

from forebay.project.near import nearest
from forebay.project.unfit import Unfit

SIMPLE_TYPES = frozenset(
    [
        "boolean",
        "tinyint",
        "smallint",
        "int",
        "integer",
        "bigint",
        "float",
        "real",
        "double",
        "string",
        "binary",
        "date",
        "timestamp",
    ]
)

_MEANT = {
    "text": "string",
    "str": "string",
    "number": "double",
    "long": "bigint",
    "bool": "boolean",
    "datetime": "timestamp",
    "json": "string",
    "object": "struct<…>",
    "list": "array<…>",
}


def athena_type(text: str) -> str:
    """An Athena type: `bigint`, `decimal(10,2)`, `array<struct<a:int,b:string>>`, checked."""
    rest = _type(re.sub(r"\s*([<>,:()])\s*", r"\1", text.strip().lower()), text)
    if rest:
        raise Unfit(f"{text!r} is no Athena type", why=f"{rest!r} is left over")
    return text


def _type(text: str, whole: str) -> str:
    """What follows the type that `text` begins with."""
    match = re.match(r"[a-z]+", text)
    word = match[0] if match else ""
    rest = text[len(word) :]
    if word in SIMPLE_TYPES:
        return rest
    if word in ("decimal", "char", "varchar"):
        limits = re.match(r"\(\d+(,\d+)?\)" if word == "decimal" else r"\(\d+\)", rest)
        if limits and word == "decimal":
            precision, _, scale = limits[0].strip("()").partition(",")
            if not 1 <= int(precision) <= 38 or int(scale or 0) > int(precision):
                raise Unfit(f"{whole!r} is no Athena type", why="a decimal has at most 38 digits")
        if limits:
            return rest[limits.end() :]
        if word != "char":
            return rest
    if word in ("array", "map", "struct"):
        return _parameters(word, rest, whole)
    better = _MEANT.get(word) or nearest(
        word, [*SIMPLE_TYPES, "decimal", "varchar", "char", "array", "map", "struct"]
    )
    raise Unfit(
        f"{whole!r} is no Athena type",
        fix=f"did you mean {better}?" if better else "such as string, int, double, timestamp, array<string>",
    )


def _parameters(word: str, rest: str, whole: str) -> str:
    if not rest.startswith("<"):
        raise Unfit(f"{whole!r} is no Athena type", why=f"{word} needs its types", fix=f"{word}<…>")
    rest = rest[1:]
    count = 0
    while True:
        if word == "struct":
            field = re.match(r"[a-z0-9_]+:", rest)
            if field is None:
                raise Unfit(f"{whole!r} is no Athena type", why="a struct's field is `name:type`")
            rest = rest[field.end() :]
        rest = _type(rest, whole)
        count += 1
        if not rest.startswith(","):
            break
        rest = rest[1:]
    if not rest.startswith(">"):
        raise Unfit(f"{whole!r} is no Athena type", why=f"the {word}'s > is missing")
    if (word == "array" and count != 1) or (word == "map" and count != 2):
        raise Unfit(f"{whole!r} is no Athena type", why=f"{word} does not take {count} types")
    return rest[1:]
