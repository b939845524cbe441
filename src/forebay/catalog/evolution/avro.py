"""Avro: definitions by its specification, and its rules of schema resolution between reader and writer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from forebay.catalog.evolution.steps import counted

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
_PROMOTED = {
    "int": ("int", "long", "float", "double"),
    "long": ("long", "float", "double"),
    "float": ("float", "double"),
    "string": ("string", "bytes"),
    "bytes": ("bytes", "string"),
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WHOLE = {"int": 31, "long": 63}
Schema = dict[str, Any]


def parse(text: str) -> Schema:
    """A definition with every name resolved: `{"type": ...}` throughout, unions as `{"type": "union"}`."""
    try:
        made = json.loads(text)
    except ValueError as error:
        raise ValueError(str(error)) from None
    return _Reading().schema(made, "")


class _Reading:
    """The names that a definition has defined so far."""

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}

    def schema(self, made: Any, space: str) -> Schema:
        if isinstance(made, str):
            return self._reference(made, space)
        if isinstance(made, list):
            return self._union(made, space)
        if not isinstance(made, dict):
            raise ValueError(f"No type: {json.dumps(made)}")
        kind = made.get("type")
        if kind is None:
            raise ValueError(f"No type: {json.dumps(made)}")
        if not isinstance(kind, str):
            return self.schema(kind, space)
        match kind:
            case "record" | "error":
                return self._record(made, space)
            case "enum":
                return self._enum(made, space)
            case "fixed":
                return self._fixed(made, space)
            case "array" | "map":
                inner = "items" if kind == "array" else "values"
                if inner not in made:
                    raise ValueError(f"{kind.title()} has no {inner} type: {json.dumps(made)}")
                return {"type": kind, "of": self.schema(made[inner], space)}
        return self._reference(kind, space)

    def _reference(self, name: str, space: str) -> Schema:
        if name in PRIMITIVES:
            return {"type": name}
        full = name if "." in name or not space else f"{space}.{name}"
        found = self.named.get(full) or self.named.get(name)
        if found is None:
            raise ValueError(f'Undefined name: "{name}"')
        return found

    def _union(self, made: list[Any], space: str) -> Schema:
        branches = [self.schema(branch, space) for branch in made]
        seen: set[str] = set()
        for branch in branches:
            if branch["type"] == "union":
                raise ValueError("Nested union")
            label = branch.get("full") or branch["type"]
            if label in seen:
                raise ValueError(f"Duplicate in union:{label}")
            seen.add(label)
        return {"type": "union", "branches": branches}

    def _define(self, made: Schema, space: str, kind: str) -> tuple[Schema, str]:
        name = made.get("name")
        if not isinstance(name, str) or not name:
            raise ValueError(f"No name in schema: {json.dumps(made)}")
        before, dot, short = name.rpartition(".")
        given = made.get("namespace")
        within = before if dot else given if isinstance(given, str) else space
        for part in (*(within.split(".") if within else ()), short):
            if not _NAME.fullmatch(part):
                raise ValueError(f"Illegal character in: {part}")
        full = f"{within}.{short}" if within else short
        if full in self.named:
            raise ValueError(f"Can't redefine: {full}")
        schema: Schema = {"type": kind, "name": short, "full": full, "aliases": _aliases(made)}
        self.named[full] = schema
        return schema, within

    def _record(self, made: Schema, space: str) -> Schema:
        schema, within = self._define(made, space, "record")
        fields = made.get("fields")
        if not isinstance(fields, list):
            raise ValueError(f"Record has no fields: {json.dumps(made)}")
        schema["fields"] = {}
        for field in fields:
            if not isinstance(field, dict) or not isinstance(field.get("name"), str):
                raise ValueError(f"No field name: {json.dumps(field)}")
            name = field["name"]
            if not _NAME.fullmatch(name):
                raise ValueError(f"Illegal initial character: {name}")
            if name in schema["fields"]:
                raise ValueError(f"Duplicate field {name} in record {schema['full']}")
            if "type" not in field:
                raise ValueError(f"No field type: {json.dumps(field)}")
            inner = self.schema(field["type"], within)
            if "default" in field and not _fits(inner, field["default"]):
                raise ValueError(f"Invalid default for field {name}: {json.dumps(field['default'])}")
            schema["fields"][name] = {
                "schema": inner,
                "aliases": _aliases(field),
                "optional": "default" in field,
            }
        return schema

    def _enum(self, made: Schema, space: str) -> Schema:
        schema, _ = self._define(made, space, "enum")
        symbols = made.get("symbols")
        if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
            raise ValueError(f"Enum has no symbols: {json.dumps(made)}")
        for symbol in symbols:
            if not _NAME.fullmatch(symbol):
                raise ValueError(f"Illegal character in: {symbol}")
        if len(set(symbols)) != len(symbols):
            raise ValueError("Duplicate enum symbol")
        if "default" in made and made["default"] not in symbols:
            raise ValueError(f"The Enum Default: {made['default']} is not in the enum symbol set")
        schema |= {"symbols": set(symbols), "default": made.get("default")}
        return schema

    def _fixed(self, made: Schema, space: str) -> Schema:
        schema, _ = self._define(made, space, "fixed")
        size = made.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise ValueError(f"Invalid or no size: {json.dumps(made)}")
        schema["size"] = size
        return schema


def _aliases(made: Schema) -> set[str]:
    found = made.get("aliases") or []
    return {str(alias).rpartition(".")[2] for alias in found} if isinstance(found, list) else set()


def _fits(schema: Schema, value: Any) -> bool:
    """Whether a default is of its type: of a union, of its first branch."""
    kind = schema["type"]
    match kind:
        case "union":
            return bool(schema["branches"]) and _fits(schema["branches"][0], value)
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "int" | "long":
            whole = isinstance(value, int) and not isinstance(value, bool)
            return whole and -(1 << _WHOLE[kind]) <= value < 1 << _WHOLE[kind]
        case "float" | "double":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "array":
            return isinstance(value, list) and all(_fits(schema["of"], item) for item in value)
        case "map":
            return isinstance(value, dict) and all(_fits(schema["of"], item) for item in value.values())
        case "record":
            fields = schema.get("fields") or {}
            return isinstance(value, dict) and all(
                _fits(field["schema"], value[name]) if name in value else field["optional"]
                for name, field in fields.items()
            )
        case "enum":
            return value in schema.get("symbols", ())
    return isinstance(value, str)


def readable(reader: Schema, writer: Schema) -> bool:
    """Whether data of `writer` resolves to `reader`, as Avro's specification has it."""
    return _resolves(reader, writer, set(), counted())


def _resolves(reader: Schema, writer: Schema, under: set[tuple[int, int]], steps: Iterator[int]) -> bool:
    next(steps)
    pair = (id(reader), id(writer))
    if pair in under:  # recursive types: equal so far
        return True
    under = under | {pair}
    if writer["type"] == "union":
        return all(_resolves(reader, branch, under, steps) for branch in writer["branches"])
    if reader["type"] == "union":
        return any(_resolves(branch, writer, under, steps) for branch in reader["branches"])
    kind = writer["type"]
    if kind in PRIMITIVES:
        return reader["type"] in _PROMOTED.get(kind, (kind,))
    if reader["type"] != kind:
        return False
    if kind in ("array", "map"):
        return _resolves(reader["of"], writer["of"], under, steps)
    if reader["name"] != writer["name"] and writer["name"] not in reader["aliases"]:
        return False
    match kind:
        case "fixed":
            return bool(reader["size"] == writer["size"])
        case "enum":
            return reader["default"] is not None or writer["symbols"] <= reader["symbols"]
    for name, field in reader["fields"].items():
        same = next((n for n in (name, *sorted(field["aliases"])) if n in writer["fields"]), None)
        if same is None:
            if not field["optional"]:
                return False
        elif not _resolves(field["schema"], writer["fields"][same]["schema"], under, steps):
            return False
    return True
