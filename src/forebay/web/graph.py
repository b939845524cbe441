"""The overview's picture: the project's graph, with crawlers, tables, views and the dashboards that read them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from forebay.alerts.section import AlertSpec
from forebay.catalog.section import CrawlerSpec, ViewSpec, crawled_name
from forebay.dashboards.model import Dashboard
from forebay.delivery.section import DeliverySpec
from forebay.project.graph import graph_of
from forebay.project.model import Project, Ref

_STAGES = (
    "simulate", "ingest", "bus", "streams", "streamsql", "functions", "delivery", "lake", "catalog",
    "query", "dashboards",
)  # fmt: skip
_LEFT_OUT = ("access", "telemetry", "query")

Edges = dict[tuple[Ref, Ref], None]


def graph(project: Project, dashboards: Mapping[str, Dashboard]) -> dict[str, list[dict[str, Any]]]:
    """{nodes: [{id, noun, kind, name, label, stage, tables of a crawler}], edges: [{from, to}]}, nodes in the order of the flow.

    To the project's own edges come what crawlers look at, a delivery's table, and for each view and each
    dashboard the tables whose names its queries hold.
    """
    found = graph_of(project)
    edges: Edges = dict.fromkeys((edge.source, edge.target) for edge in found.edges)
    for name, delivery in project.of(DeliverySpec).items():
        if delivery.table:
            table = delivery.table.removeprefix(f"{project.database}.")
            edges[Ref("delivery", name), Ref("catalog", table)] = None
    for name, crawler in project.of(CrawlerSpec).items():
        for place in crawler.crawl:
            noun, _, rest = place.partition(".")
            edges[Ref(noun, rest.partition("/")[0]), Ref("catalog", name)] = None
    tables = _tables(project, {*found.nodes, *(end for edge in edges for end in edge)})
    for reader, database, sql in _readers(project, dashboards):
        for ref, names in tables.items():
            if ref != reader and any(_holds(sql, name, database) for name in names):
                edges[ref, reader] = None
    refs = dict.fromkeys((*found.nodes, *(end for edge in edges for end in edge)))
    shown = [ref for ref in refs if ref.noun not in _LEFT_OUT]
    stages = _stages(shown, [edge for edge in edges if edge[0] != edge[1]])
    nodes = [_node(project, dashboards, ref, stages[ref]) for ref in shown]
    return {
        "nodes": sorted(nodes, key=lambda node: node["stage"]),
        "edges": [{"from": str(a), "to": str(b)} for a, b in edges if a != b],
    }


def _tables(project: Project, refs: Iterable[Ref]) -> dict[Ref, list[str]]:
    """What can be asked: streams, tables and views by `database.name`, a crawler by what it will make."""
    found: dict[Ref, list[str]] = {}
    for ref in refs:
        spec = project.get(ref)
        if isinstance(spec, CrawlerSpec):
            database = spec.database or project.database
            found[ref] = [f"{database}.{name}" for name in _crawled(spec)]
        elif ref.noun in {"catalog", "streams"}:
            found[ref] = [ref.name if "." in ref.name else f"{project.database}.{ref.name}"]
    return found


def _crawled(spec: CrawlerSpec) -> list[str]:
    return [crawled_name(place.removeprefix("lake."), spec.prefix) for place in spec.crawl]


def _readers(project: Project, dashboards: Mapping[str, Dashboard]) -> Iterator[tuple[Ref, str, str]]:
    """(who asks, its database, SQL): views, alerts and the tiles of dashboards."""
    for name, view in project.of(ViewSpec).items():
        yield Ref("catalog", name), name.rpartition(".")[0] or project.database, _sql(project, view)
    for name, alert in project.of(AlertSpec).items():
        if alert.sql is not None:
            yield Ref("alerts", name), project.database, alert.sql
    for board in dashboards.values():
        for tile in board.tiles:
            yield Ref("dashboards", board.name), tile.database, tile.sql


def _sql(project: Project, view: ViewSpec) -> str:
    if view.file is None:
        return view.view
    try:
        return (Path(project.root) / view.file).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _holds(sql: str, table: str, database: str) -> bool:
    """Whether `sql`, asked in `database`, names `table` (`database.name`)."""
    own, _, name = table.rpartition(".")
    names = [table, name] if own == database else [table]
    return any(re.search(rf"(?<![\w.\"]){re.escape(each)}(?![\w.])", sql) for each in names)


def _stages(refs: Iterable[Ref], edges: Iterable[tuple[Ref, Ref]]) -> dict[Ref, int]:
    """The column of each node: right of all that feeds it, and what feeds by itself next to what it feeds.

    An edge that would close a ring, as of a function that writes where it is called from, is passed over.
    """
    order = {ref: _STAGES.index(ref.noun) if ref.noun in _STAGES else len(_STAGES) for ref in refs}
    after: dict[Ref, list[Ref]] = {ref: [] for ref in order}
    for a, b in sorted((e for e in edges if e[0] in order and e[1] in order), key=lambda e: order[e[0]]):
        if not _leads(after, b, a):
            after[a].append(b)
    stages = dict.fromkeys(order, 0)
    for _ in order:  # at most as many rounds as the longest way has nodes
        for a, following in after.items():
            for b in following:
                stages[b] = max(stages[b], stages[a] + 1)
    fed = {b for following in after.values() for b in following}
    for ref, following in after.items():
        if ref not in fed and following:
            stages[ref] = min(stages[each] for each in following) - 1
    return stages


def _leads(after: Mapping[Ref, list[Ref]], start: Ref, end: Ref) -> bool:
    seen, rest = {start}, [start]
    while rest:
        here = rest.pop()
        if here == end:
            return True
        rest += [each for each in after[here] if each not in seen]
        seen.update(after[here])
    return False


def _node(project: Project, dashboards: Mapping[str, Dashboard], ref: Ref, stage: int) -> dict[str, Any]:
    spec = project.get(ref)
    board = dashboards.get(ref.name) if ref.noun == "dashboards" else None
    label = board.title if board is not None else str(getattr(spec, "route", ""))
    if ref.noun == "catalog":
        label = ref.name.rpartition(".")[2]
    kind = "crawler" if isinstance(spec, CrawlerSpec) else "view" if isinstance(spec, ViewSpec) else ref.noun
    return {
        "id": str(ref),
        "noun": ref.noun,
        "kind": kind,
        "name": ref.name,
        "label": label,
        "stage": stage,
        **({"tables": _crawled(spec)} if isinstance(spec, CrawlerSpec) else {}),
    }
