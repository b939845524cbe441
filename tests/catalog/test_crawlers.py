"""Crawlers beside a catalog, without processes: what is told of a run while it lasts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from forebay.catalog.crawl import crawlers, runs
from forebay.catalog.crawl.crawlers import Crawlers
from forebay.catalog.store import Store
from forebay.layout import Layout
from forebay.project.load import load
from forebay.sections import SECTIONS
from tests.harness import until
from tests.projects import project

PROJECT = """\
name: crawled
catalog:
  never: {crawl: lake.shop/x/, schedule: cron(0 0 1 1 ? 2099)}
"""


def no_log(_: str) -> Any:
    raise AssertionError("no stream is crawled")


def test_a_run_that_was_asked_for_is_seen_to_run_however_soon_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawlers, "SHOWN", 60.0)
    loaded, _ = load(project(tmp_path / "p", PROJECT), SECTIONS)
    assert loaded is not None
    place = tmp_path / "state" / "lake" / "shop" / "x"
    place.mkdir(parents=True)
    (place / "a.json").write_text('{"id": 1}')
    store = Store(tmp_path / "catalog.db")
    made = Crawlers(store, Layout(tmp_path / "state"), no_log)
    made.apply(loaded)
    made.start()

    def told() -> dict[str, Any]:
        found: dict[str, Any] = made.ask("states", {"crawlers": ["never"]})["never"]
        return found

    try:
        assert (told()["state"], told()["last"]) == ("READY", None)
        id = made.ask("start", {"crawler": "never"})
        ended = until(lambda: runs.last(store.reader, "never"))
        first = told()
        assert (first["state"], first["last"]) == ("RUNNING", None)
        last = until(lambda: (now := told())["state"] == "READY" and now["last"])
        assert (last["id"], last["state"]) == (id, "completed")
        assert ended is not None
        assert last["ended"] >= ended["ended"]
    finally:
        made.stop()
        store.close()
