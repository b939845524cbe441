"""Who feeds whom, and who reads a log."""

from __future__ import annotations

from forebay.project.graph import Edge, graph_of, loops, subscriptions
from forebay.project.model import Ref
from forebay.runtime.documents import effective
from forebay.sections import SECTIONS
from tests.project.folder import Folder

YAML = """\
ingest:
  a: {route: POST /a, to: streams.s}
  b: {route: POST /b, to: delivery.direct}
streams:
  s: {}
  lonely: {}
delivery:
  one: {from: streams.s, to: lake.shop/one/}
  two: {from: streams.s, to: lake.shop/two/}
  direct: {to: lake.shop/direct/}
catalog:
  t: {location: lake.shop/direct/, format: json, columns: {a: int}}
"""


def test_edges_go_the_way_events_go(folder: Folder) -> None:
    graph = graph_of(folder.good(YAML))
    s, shop, direct = Ref("streams", "s"), Ref("lake", "shop"), Ref("delivery", "direct")
    assert graph.into(s) == [Edge(Ref("ingest", "a"), s, "to", False)]
    out = [edge for edge in graph.edges if edge.source == s]
    assert [str(edge.target) for edge in out] == ["delivery.one", "delivery.two"]
    assert all(edge.pulled for edge in out)
    assert Edge(direct, shop, "to", False, "direct/") in graph.edges
    assert Edge(shop, Ref("catalog", "t"), "location", True, "direct/") in graph.edges
    assert shop in graph.nodes


def test_a_log_is_read_by_its_consumers_or_is_its_own_subscription(folder: Folder) -> None:
    assert subscriptions(folder.good(YAML), SECTIONS) == {
        "streams.s": ("delivery.one", "delivery.two"),
        "streams.lonely": ("streams.lonely",),
        "delivery.direct": ("delivery.direct",),
    }


def test_a_backup_reads_the_same_log_as_its_delivery_which_reads_its_own(folder: Folder) -> None:
    text = """\
name: shop
streams: {s: {}}
delivery:
  direct: {to: lake.shop/direct/, backup: lake.shop/copies/}
  reading: {from: streams.s, to: lake.shop/reading/, backup: {to: lake.shop/more/, compression: gzip}}
"""
    project = effective(folder.good(text), None, SECTIONS)
    assert subscriptions(project, SECTIONS) == {
        "streams.s": ("delivery.reading", "delivery.reading-backup"),
        "delivery.direct": ("delivery.direct", "delivery.direct-backup"),
    }


def test_rings_are_found_once_each() -> None:
    a, b, c, d = (Ref("bus", name) for name in "abcd")

    def edges(*pairs: tuple[Ref, Ref]) -> list[Edge]:
        return [Edge(source, target, "to", False) for source, target in pairs]

    assert loops(edges((a, b), (b, c))) == []
    assert loops(edges((b, c), (c, a), (a, b), (d, a))) == [[a, b, c]]
    assert loops(edges((a, a))) == [[a]]
    assert len(loops(edges((a, b), (b, a), (c, d), (d, c)))) == 2
