"""Rules that change while events come: what was put after the change is matched by the rules of after it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from forebay.bus.section import BusSpec, RuleSpec, TargetSpec
from forebay.bus.wrap import Wrap
from forebay.catalog.store import Store
from forebay.lake.notifications import Notices
from forebay.layout import Layout
from forebay.ports import Origin
from forebay.project.model import Project, Ref
from forebay.running.bus import Buses
from forebay.running.triggers import Functions

TARGET = Ref("delivery", "d")


def project(source: str) -> Project:
    rule = RuleSpec(when={"source": [source]}, to=[TargetSpec(to=TARGET)])
    return Project(name="p", root="/", sections={"bus": {"b": BusSpec(rules={"r": rule})}})


@pytest.fixture
def buses(tmp_path: Path) -> Iterator[Buses]:
    layout = Layout(tmp_path)
    layout.make()
    store = Store(layout.catalog)
    # No rule here leads to a function, so nothing is asked of them.
    made = Buses(layout, store, cast("Functions", None), Notices(store))
    made.apply(project("old"))
    yield made
    store.close()


def matched(buses: Buses) -> int:
    """How many of one event reach the delivery."""
    (feed,) = buses.feeds("d")
    assert feed.sieve is not None
    return len(feed.sieve.sift(Wrap("new", "kind")([b"{}"]), [Origin("bus.b", 0, 0, 0)]).records)


def test_events_wait_for_rules_that_another_reader_is_compiling(buses: Buses) -> None:
    begun, go_on = threading.Event(), threading.Event()
    found: list[int] = []

    def reread() -> Project:
        begun.set()
        assert go_on.wait(30)
        return project("new")

    assert matched(buses) == 0
    buses.reread = reread
    buses.changed()
    readers = [threading.Thread(target=lambda: found.append(matched(buses))) for _ in range(2)]
    readers[0].start()
    assert begun.wait(30)
    readers[1].start()
    readers[1].join(0.2)  # one that does not wait has answered by now
    go_on.set()
    for reader in readers:
        reader.join()
    assert found == [1, 1]


def test_rules_that_cannot_be_read_are_read_again_with_the_next_event(buses: Buses) -> None:
    def broken() -> Project:
        raise OSError("gone for a moment")

    buses.reread = broken
    buses.changed()
    with pytest.raises(OSError, match="gone"):
        matched(buses)
    buses.reread = lambda: project("new")
    assert matched(buses) == 1
