"""The overview's picture of a project: what feeds what, each right of all that feeds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from forebay.dashboards import reader
from forebay.project.load import load
from forebay.sections import SECTIONS
from forebay.web.graph import graph

EXAMPLES = Path(__file__).parents[2] / "examples"
Picture = dict[str, list[dict[str, Any]]]


def picture(folder: Path) -> Picture:
    project, _ = load(folder, SECTIONS)
    assert project is not None
    boards, findings = reader.read(project)
    assert not findings
    return graph(project, boards)


def edges(found: Picture) -> set[tuple[str, str]]:
    return {(edge["from"], edge["to"]) for edge in found["edges"]}


def test_a_file_s_way_goes_through_function_crawler_and_views_to_the_page() -> None:
    found = picture(EXAMPLES / "orders")
    assert edges(found) == {
        ("lake.orders-lake", "functions.filter_orders"),
        ("lake.orders-lake", "catalog.orders"),
        ("catalog.orders", "catalog.orders_db.filtered_orders"),
        ("catalog.orders_db.filtered_orders", "catalog.orders_db.orders_processed"),
        ("catalog.orders_db.orders_processed", "dashboards.answers"),
    }
    kinds = {node["id"]: (node["kind"], node["label"]) for node in found["nodes"]}
    assert kinds["catalog.orders"] == ("crawler", "orders")
    assert kinds["catalog.orders_db.filtered_orders"] == ("view", "filtered_orders")


def test_an_event_s_way_goes_over_the_bus_and_the_crawled_table_to_the_page() -> None:
    assert {
        ("ingest.events", "bus.sports"),
        ("bus.sports", "delivery.cat2"),
        ("delivery.cat2", "lake.sports-lake"),
        ("lake.sports-lake", "catalog.sports_crawler"),
        ("catalog.sports_crawler", "dashboards.city"),
    } <= edges(picture(EXAMPLES / "sports"))


def test_a_crawler_says_which_tables_it_makes_and_an_alert_is_right_of_what_its_sql_reads() -> None:
    nodes = {node["id"]: node for node in picture(EXAMPLES / "gaming")["nodes"]}
    assert nodes["catalog.gaming_crawler"]["tables"] == ["crawled_plays"]
    assert "tables" not in nodes["catalog.plays"]
    assert {("streams.suspicious", "alerts.bots"), ("alerts.bots", "topics.ops")} <= edges(
        picture(EXAMPLES / "ecommerce")
    )


@pytest.mark.parametrize("name", ["restaurant", "orders", "sports"])
def test_each_is_right_of_what_feeds_it(name: str) -> None:
    found = picture(EXAMPLES / name)
    stage = {node["id"]: node["stage"] for node in found["nodes"]}
    assert all(stage[a] < stage[b] for a, b in edges(found))
    assert [node["stage"] for node in found["nodes"]] == sorted(stage.values())


def test_a_ring_has_a_picture_too(tmp_path: Path) -> None:
    """A function that is called by a stream which it feeds through a bus, say."""
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "f.py").write_text("def handler(event, context): ...\n")
    (tmp_path / "forebay.yaml").write_text(
        "name: ring\n"
        "bus:\n"
        "  a: {rules: {r: {when: {source: [x]}, to: bus.b}}}\n"
        "  b: {rules: {r: {when: {source: [x]}, to: [bus.c, functions.f]}}}\n"
        "  c: {rules: {r: {when: {source: [y]}, to: streams.s}}}\n"
        "streams: {s: {}}\n"
        "functions: {f: {handler: functions/f.handler, on: {stream: s}}}\n"
    )
    found = picture(tmp_path)
    assert {node["id"] for node in found["nodes"]} == {"bus.a", "bus.b", "bus.c", "streams.s", "functions.f"}
