"""JSON Schema (drafts 4, 6 and 7): a reader must accept every document that a writer's schema accepts.

So a property is safe to add only where the writer allowed no others: with an open content model the writer may
have put anything under its name, which is how AWS's guide explains its refusals.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from forebay.catalog.evolution.steps import counted

TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_LEAST = ("minimum", "minLength", "minItems", "minProperties")
_MOST = ("maximum", "maxLength", "maxItems", "maxProperties")
_SAME = (
    "pattern",
    "format",
    "multipleOf",
    "contentEncoding",
    "contentMediaType",
    "not",
    "contains",
    "propertyNames",
    "dependencies",
    "patternProperties",
    "if",
    "then",
    "else",
)
Json = dict[str, Any]


class Schema:
    """A schema, and the definition that its references point into."""

    def __init__(self, root: Any, here: Any, steps: Iterator[int] | None = None) -> None:
        self.root = root
        self.here = here
        self.steps = counted() if steps is None else steps

    def at(self, here: Any) -> Schema:
        """Another schema of the same definition."""
        return Schema(self.root, here, self.steps)

    def resolved(self) -> Schema:
        """This one, or what it refers to within its definition."""
        seen: set[str] = set()
        here = self.here
        while isinstance(here, dict) and isinstance(here.get("$ref"), str):
            reference = here["$ref"]
            if reference in seen or not reference.startswith("#"):
                return self.at(here)
            seen.add(reference)
            here = _pointed(self.root, reference[1:])
        return self.at(here)


def _pointed(root: Any, pointer: str) -> Any:
    found = root
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isdigit() and int(key) < len(found):
            found = found[int(key)]
        else:
            raise ValueError(f"the reference #{pointer} points to nothing")
    return found


def parse(text: str) -> Schema:
    """A definition. Raises ValueError where it is no JSON, or no JSON Schema."""
    made = json.loads(text)
    if not isinstance(made, dict | bool):
        raise ValueError("a JSON Schema is an object or a boolean")
    try:
        jsonschema_rs.meta.validate(made)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        raise ValueError(str(error).splitlines()[0]) from None
    _references(made, made)
    return Schema(made, made)


def _references(root: Any, here: Any) -> None:
    if isinstance(here, dict):
        reference = here.get("$ref")
        if isinstance(reference, str) and reference.startswith("#"):
            _pointed(root, reference[1:])
        for inner in here.values():
            _references(root, inner)
    elif isinstance(here, list):
        for inner in here:
            _references(root, inner)


def readable(reader: Schema, writer: Schema) -> bool:
    """Whether `reader` accepts all that `writer` accepts."""
    return _accepts(reader, writer, frozenset())


def _accepts(reader: Schema, writer: Schema, under: frozenset[tuple[int, int]]) -> bool:
    next(reader.steps)
    reader, writer = reader.resolved(), writer.resolved()
    pair = (id(reader.here), id(writer.here))
    if pair in under:
        return True
    under = under | {pair}
    r, w = reader.here, writer.here
    if r is True or r == {} or w is False or r == w:
        return True
    if r is False:
        return False
    w = {} if w is True else w
    writer = writer.at(w)
    for key in ("oneOf", "anyOf"):
        if key in w:
            rest = {name: value for name, value in w.items() if name != key}
            return all(_accepts(reader, writer.at({**rest, **_plain(one)}), under) for one in w[key])
    if not all(_accepts(reader.at(one), writer, under) for one in r.get("allOf", ())):
        return False
    if "allOf" in w:
        merged = {name: value for name, value in w.items() if name != "allOf"}
        for one in w["allOf"]:
            merged = {**_plain(writer.at(one).resolved().here), **merged}
        writer, w = writer.at(merged), merged
    for key in ("oneOf", "anyOf"):
        if key in r and not any(_accepts(reader.at(one), writer, under) for one in r[key]):
            return False
    return (
        _bounds(r, w) and _values(r, w) and _object(reader, writer, under) and _array(reader, writer, under)
    )


def _plain(here: Any) -> Json:
    return here if isinstance(here, dict) else {}


def _types(here: Json) -> set[str]:
    if "type" not in here and "enum" in here:
        return {_type_of(value) for value in here["enum"]}
    given = here.get("type", list(TYPES))
    found = {given} if isinstance(given, str) else set(given)
    return found | {"integer"} if "number" in found else found


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    for kind, name in (
        (int, "integer"),
        (float, "number"),
        (str, "string"),
        (list, "array"),
        (dict, "object"),
    ):
        if isinstance(value, kind):
            return name
    return "null"


def _values(r: Json, w: Json) -> bool:
    if not _types(w) <= _types(r):
        return False
    for key in ("enum", "const"):
        if key not in r:
            continue
        wanted = r["enum"] if key == "enum" else [r["const"]]
        has = w["enum"] if "enum" in w else [w["const"]] if "const" in w else None
        if has is None or any(value not in wanted for value in has):
            return False
    return True


def _bounds(r: Json, w: Json) -> bool:
    for key in _LEAST:
        least = w.get(key, None if key == "minimum" else 0)
        if key in r and (least is None or least < r[key]):
            return False
    for key in _MOST:
        if key in r and (key not in w or w[key] > r[key]):
            return False
    for key in ("exclusiveMinimum", "exclusiveMaximum"):
        if key in r and r[key] is not False and r[key] != w.get(key):
            return False
    if r.get("uniqueItems") and not w.get("uniqueItems"):
        return False
    return all(key not in r or r[key] == w.get(key) for key in _SAME)


def _object(reader: Schema, writer: Schema, under: frozenset[tuple[int, int]]) -> bool:
    r, w = reader.here, writer.here
    if "object" not in _types(w):
        return True
    mine, theirs = r.get("properties") or {}, w.get("properties") or {}
    if not set(r.get("required") or ()) <= set(w.get("required") or ()):
        return False
    r_more, w_more = r.get("additionalProperties", True), w.get("additionalProperties", True)
    for name in {*mine, *theirs}:
        theirs_now = theirs.get(name, w_more)
        if not _accepts(reader.at(mine.get(name, r_more)), writer.at(theirs_now), under):
            return False
    return _accepts(reader.at(r_more), writer.at(w_more), under)


def _array(reader: Schema, writer: Schema, under: frozenset[tuple[int, int]]) -> bool:
    r, w = reader.here, writer.here
    if "array" not in _types(w) or "items" not in r:
        return True
    mine, theirs = r["items"], w.get("items", True)
    if not isinstance(mine, list) and not isinstance(theirs, list):
        return _accepts(reader.at(mine), writer.at(theirs), under)
    places = max(len(items) if isinstance(items, list) else 0 for items in (mine, theirs))
    return all(
        _accepts(reader.at(_item(r, mine, at)), writer.at(_item(w, theirs, at)), under)
        for at in range(places + 1)
    )


def _item(here: Json, items: Any, at: int) -> Any:
    if not isinstance(items, list):
        return items
    return items[at] if at < len(items) else here.get("additionalItems", True)
