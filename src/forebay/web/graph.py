"""The project as a graph, for the overview: resources, and what flows from which to which.

Read off the specs themselves: a `Ref` or `Location` in a spec is an edge, outgoing unless the field is one
that names a source (`from_`, `on`, `stream`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from forebay.project.model import Location, Project, Ref

_INCOMING = ("from_", "on", "stream", "source")
_STAGES = (
    "simulate", "ingest", "bus", "streams", "streamsql", "functions", "delivery", "lake", "catalog",
    "query", "dashboards",
)  # fmt: skip
_LEFT_OUT = ("access", "telemetry")


def graph(project: Project) -> dict[str, list[dict[str, Any]]]:
    """{nodes: [{id, noun, name, label, stage}], edges: [{from, to}]}, nodes in flow order.

    Places of the lake and tables that are only named by others are nodes too.
    """
    nodes: dict[str, dict[str, Any]] = {}
    edges: dict[tuple[str, str], None] = {}

    def node(noun: str, name: str, label: str = "") -> str:
        stage = _STAGES.index(noun) if noun in _STAGES else len(_STAGES)
        made = {"id": f"{noun}.{name}", "noun": noun, "name": name, "label": label, "stage": stage}
        return str(nodes.setdefault(f"{noun}.{name}", made)["id"])

    for noun, entries in project.sections.items():
        if noun in _LEFT_OUT:
            continue
        for name, spec in entries.items():
            here = node(noun, name, _label(spec))
            for key, value in _found(spec):
                other = (
                    node("lake", value.bucket)
                    if isinstance(value, Location)
                    else node(value.noun, value.name)
                )
                edges[(other, here) if key in _INCOMING else (here, other)] = None
            if noun == "delivery" and isinstance(table := getattr(spec, "table", None), str):
                edges[here, node("catalog", table.removeprefix(f"{project.database}."))] = None
    for name, spec in project.sections.get("catalog", {}).items():
        location = getattr(spec, "location", None)
        if isinstance(location, Location):  # a table reads its location: the rows flow to it
            there, here = node("lake", location.bucket), f"catalog.{name}"
            edges.pop((here, there), None)
            edges[there, here] = None
    order = sorted(nodes.values(), key=lambda each: each["stage"])
    return {"nodes": order, "edges": [{"from": a, "to": b} for a, b in edges if a != b]}


def _label(spec: Any) -> str:
    if hasattr(spec, "method") and hasattr(spec, "path"):
        return f"{spec.method} {spec.path}"
    return ""


def _found(spec: Any, key: str = "") -> Iterator[tuple[str, Ref | Location]]:
    if isinstance(spec, Ref | Location):
        yield key, spec
    elif isinstance(spec, msgspec.Struct):
        for name in spec.__struct_fields__:
            yield from _found(getattr(spec, name), key if key in _INCOMING else name)
    elif isinstance(spec, dict):
        for value in spec.values():
            yield from _found(value, key)
    elif isinstance(spec, list | tuple):
        for value in spec:
            yield from _found(value, key)
