"""A first request to try: the overview offers it while there are no events."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from forebay.clock import iso, now_us
from forebay.ingest.section import RouteSpec
from forebay.project.model import Project

_WORDS = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "null": None}
_FORMATS = {
    "date": "2026-01-31",
    "time": "09:30:00Z",
    "email": "a@example.org",
    "uri": "https://example.org/",
}


def first_request(project: Project) -> dict[str, Any] | None:
    """{method, path, body, key} for the project's first POST route, or None if it has none.

    `body` is JSON that fits the route's schema as far as types, examples and formats tell; `key` says whether
    the route wants an API key.
    """
    for spec in project.of(RouteSpec).values():
        method, _, path = spec.route.partition(" ")
        if method != "POST":
            continue
        body: Any = {"hello": "world"}
        if spec.schema:
            try:
                body = sample(json.loads((Path(project.root) / spec.schema).read_text("utf-8")))
            except (OSError, ValueError, RecursionError):
                continue
        return {
            "method": method,
            "path": re.sub(r"\{[^}]*\}", "1", path),
            "body": json.dumps(body, ensure_ascii=False),
            "key": spec.key == "required",
        }
    return None


def sample(schema: Any, *, depth: int = 0) -> Any:
    """A value that `schema` (JSON Schema, without references) describes."""
    if not isinstance(schema, dict) or depth > 8:
        return {}
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    for key in ("oneOf", "anyOf", "allOf"):
        if schema.get(key):
            return sample(schema[key][0], depth=depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    if kind == "object":
        return {name: sample(part, depth=depth + 1) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [sample(schema["items"], depth=depth + 1)] if "items" in schema else []
    if kind == "string":
        named = schema.get("format")
        return iso(now_us()) if named == "date-time" else _FORMATS.get(str(named), "text")
    if kind in {"integer", "number"} and "minimum" in schema:
        return schema["minimum"]
    return _WORDS.get(str(kind))
