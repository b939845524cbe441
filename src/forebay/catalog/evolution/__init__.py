"""Schemas that evolve: whether a definition is valid, and whether readers of one version can read another's data.

One module a format (Avro, JSON Schema, Protobuf), each with `parse(text)`, which raises ValueError with the
reason, and `readable(reader, writer)`: whether whoever knows `reader` can read everything written with `writer`.
The rules are those of AWS Glue's schema registry: "Schema versioning and compatibility" in its guide.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from forebay.catalog.evolution import avro, jsonschema, protobuf

FORMATS: dict[str, ModuleType] = {"AVRO": avro, "JSON": jsonschema, "PROTOBUF": protobuf}
MODES = (
    "NONE",
    "DISABLED",
    "BACKWARD",
    "BACKWARD_ALL",
    "FORWARD",
    "FORWARD_ALL",
    "FULL",
    "FULL_ALL",
)


def parse(format: str, text: str) -> Any:
    """The schema that `text` defines. Raises ValueError with the reason why it defines none."""
    try:
        return FORMATS[format].parse(text)
    except RecursionError:
        raise ValueError("the definition is nested too deeply") from None


def evolves(format: str, mode: str, new: str, old: list[str]) -> bool:
    """Whether `new` may follow the versions `old` (oldest first; those since the checkpoint) under `mode`."""
    if mode in ("NONE", "DISABLED") or not old:
        return True
    readable = FORMATS[format].readable
    fresh = parse(format, new)
    try:
        for text in old if mode.endswith("_ALL") else old[-1:]:
            before = parse(format, text)
            if not mode.startswith("FORWARD") and not readable(fresh, before):
                return False
            if not mode.startswith("BACKWARD") and not readable(before, fresh):
                return False
    except RecursionError:
        return False
    return True
