"""The first whole path: POST → log → the user's handler → lake → SQL, and again after everything was killed."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from tests.conftest import Running
from tests.harness import System
from tests.system.crash import Storm, storm_project

EXAMPLE = Path(__file__).parents[2] / "examples" / "restaurant"
SUM = ("delivered", "dropped", "rejected", "expired", "erased", "buffered")


@pytest.fixture
def restaurant(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "restaurant"))


def post_the_five(system: System, data: Path) -> None:
    for number in range(1, 6):
        answer = system.post("/clicks", (data / "restaurant" / f"payload_{number}.json").read_bytes())
        assert answer.status == 200, answer
        assert answer.json() == {"accepted": 1, "duplicate": 0, "refused": []}


def clicks(system: System) -> list[list[object]]:
    return system.query("select element_clicked, time_spent, source_menu, created_at from clicks")


EXPECTED = [
    ["drink_1", 15, "restaurant_name", "2022–09–11 23:00:00"],
    ["drink_3", 14, "restaurant_name", "2022–09–11 23:00:00"],
    ["entree_1", 12, "restaurant_name", "2022–09–11 23:00:00"],
    ["entree_1", 67, "restaurant_name", "2022–09–11 23:00:00"],
    ["entree_4", 32, "restaurant_name", None],
]


def test_the_five_real_bodies_are_five_rows_and_still_five_after_everything_was_killed(
    running: Running, restaurant: Path, real_data: Path
) -> None:
    system = running(restaurant)
    post_the_five(system, real_data)
    system.until(lambda: len(clicks(system)) == 5)
    assert sorted(clicks(system), key=str) == EXPECTED
    system.kill_all()
    system.start()
    system.until(lambda: len(clicks(system)) == 5)
    assert sorted(clicks(system), key=str) == EXPECTED


def test_rows_are_the_same_before_and_after_the_buffer_is_delivered(
    running: Running, restaurant: Path, real_data: Path
) -> None:
    system = running(restaurant)
    post_the_five(system, real_data)
    objects = system.flush()
    assert sum(each["rows"] for each in objects) == 5
    assert sorted(clicks(system), key=str) == EXPECTED
    for each in objects:
        assert (system.layout.lake / each["bucket"] / each["key"]).is_file()
    ledger = system.status()["ledger"]["delivery.clicks"]
    assert (ledger["accepted"], ledger["delivered"], ledger["buffered"]) == (5, 5, 0)


def test_the_ledger_adds_up_at_every_moment_and_without_a_running_system(
    running: Running, restaurant: Path
) -> None:
    system = running(restaurant)
    event = {"element_clicked": "soup", "time_spent": 3, "source_menu": "m", "created_at": "x"}
    posted = 0
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        posted += system.post("/clicks", event).json()["accepted"]
        for entry in system.status()["ledger"].values():
            assert entry["accepted"] == sum(entry[term] for term in SUM)
            assert entry["adds_up"]
    assert system.status()["ledger"]["total"]["accepted"] == posted
    assert system.cli("status", "--json").json()["doors"]["ingest.clicks"]["accepted"] == posted
    system.stop()
    offline = system.cli("status", "--json").json()
    assert offline["processes"] == []
    assert offline["ledger"]["total"]["accepted"] == posted
    assert offline["ledger"]["total"]["adds_up"]
    assert offline["doors"]["ingest.clicks"]["accepted"] == posted


def test_count_never_decreases_and_never_exceeds_what_was_sent_while_buffers_are_delivered(
    running: Running, tmp_path: Path
) -> None:
    storm = Storm(running(storm_project(tmp_path / "p")), seed=0, pause=0.02)
    delivered = storm.system.layout.lake / "storm" / "events"
    storm.calm(lambda: storm.sampler.samples >= 50 and len(list(delivered.rglob("*.gz"))) >= 5)
    storm.verify()
