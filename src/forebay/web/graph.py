"""The overview's picture: the project's graph, with the tables and the dashboards that read them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from forebay.dashboards.model import Dashboard
from forebay.project.graph import graph_of
from forebay.project.model import Project, Ref

_STAGES = (
    "simulate", "ingest", "bus", "streams", "streamsql", "functions", "delivery", "lake", "catalog",
    "query", "dashboards",
)  # fmt: skip
_LEFT_OUT = ("access", "telemetry", "query")


def graph(project: Project, dashboards: Mapping[str, Dashboard]) -> dict[str, list[dict[str, Any]]]:
    """{nodes: [{id, noun, name, label, stage}], edges: [{from, to}]}, nodes in flow order.

    To the project's own edges come a delivery's table, and for each dashboard the tables whose names its
    queries hold. A table without a delivery of its own hangs on its bucket.
    """
    found = graph_of(project)
    edges = dict.fromkeys((edge.source, edge.target) for edge in found.edges)
    for name, spec in project.sections.get("delivery", {}).items():
        table = getattr(spec, "table", None)
        if table:
            edges[Ref("delivery", name), Ref("catalog", table.removeprefix(f"{project.database}."))] = None
    named = {*found.nodes, *(end for edge in edges for end in edge)}
    tables = [ref for ref in named if ref.noun in {"catalog", "streams"}]
    for board in dashboards.values():
        asked = " ".join(tile.sql for tile in board.tiles).replace(f"{project.database}.", "")
        for ref in tables:
            if re.search(rf"(?<![\w.\"]){re.escape(ref.name)}(?![\w.])", asked):
                edges[ref, Ref("dashboards", board.name)] = None
    refs = dict.fromkeys((*found.nodes, *(end for edge in edges for end in edge)))
    nodes = [_node(project, dashboards, ref) for ref in refs if ref.noun not in _LEFT_OUT]
    return {
        "nodes": sorted(nodes, key=lambda node: node["stage"]),
        "edges": [{"from": str(a), "to": str(b)} for a, b in edges if a != b],
    }


def _node(project: Project, dashboards: Mapping[str, Dashboard], ref: Ref) -> dict[str, Any]:
    spec = project.get(ref)
    board = dashboards.get(ref.name) if ref.noun == "dashboards" else None
    return {
        "id": str(ref),
        "noun": ref.noun,
        "name": ref.name,
        "label": board.title if board is not None else str(getattr(spec, "route", "")),
        "stage": _STAGES.index(ref.noun) if ref.noun in _STAGES else len(_STAGES),
    }
