"""A state that is set while the alarm is looked at stays: what was seen before does not undo it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from forebay.alerts.reason import Sample
from forebay.alerts.reason import reason as words
from forebay.alerts.section import AlertSpec
from forebay.layout import Layout
from forebay.project.model import Project
from forebay.running.alert_values import Clients, Looker
from forebay.running.alerts import Alerts
from tests.harness import until


class Nothing(Looker):
    """Sees no data."""

    def look(self, clients: Clients) -> list[Sample]:
        self.asks += 1
        return [Sample(0, None)]

    def past(self, period: float) -> Any:
        raise AssertionError("nobody asks for a band")


def test_a_state_that_is_set_while_it_is_looked_at_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(*args: Any) -> str:
        begun.set()
        assert go_on.wait(30)
        return words(*args)

    monkeypatch.setattr("forebay.running.alerts.reason", slow)
    layout = Layout(tmp_path)
    layout.make()
    alerts = Alerts(layout, lambda function, event, id: None)
    spec = AlertSpec(metric="ingest.clicks.accepted", when="> 1")
    alerts.apply(Project(name="p", root=str(tmp_path), sections={"alerts": {"a": spec}}))
    watched = alerts.watched()["a"]
    watched.looker = looker = Nothing(watched.alarm, 0)
    alerts.start()
    try:
        assert begun.wait(30)
        setting = threading.Thread(target=alerts.set_state, args=("a", "ALARM", "a rehearsal", None))
        setting.start()
        setting.join(0.2)  # one that does not wait has set it by now
        go_on.set()
        setting.join()
        seen = looker.asks
        watched.due = 0.0
        until(lambda: looker.asks > seen)
        found = alerts.book.get("a")
        assert found is not None
        assert (found.state, found.reason) == ("ALARM", "a rehearsal")
    finally:
        go_on.set()
        alerts.stop()
