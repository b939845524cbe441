"""The restaurant, whole: the five bodies of the real system in, the owner's and the real charts' numbers out."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Running
from tests.harness import System, forebay, request

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "restaurant"

# As the real menus sent them: en dashes in the dates, and the third spells its last key another way.
BODIES = [
    '{"element_clicked":"entree_1","time_spent":67,"source_menu":"restaurant_name","created_at":"2022–09–11 23:00:00"}',
    '{"element_clicked":"entree_1","time_spent":12,"source_menu":"restaurant_name","created_at":"2022–09–11 23:00:00"}',
    '{"element_clicked":"entree_4","time_spent":32,"source_menu":"restaurant_name","createdAt":"2022–09–11 23:00:00"}',
    '{"element_clicked":"drink_1","time_spent":15,"source_menu":"restaurant_name","created_at":"2022–09–11 23:00:00"}',
    '{"element_clicked":"drink_3","time_spent":14,"source_menu":"restaurant_name","created_at":"2022–09–11 23:00:00"}',
]
DATE = "2022–09–11 23:00:00"
ROWS = [
    ["drink_1", 15, "restaurant_name", DATE],
    ["drink_3", 14, "restaurant_name", DATE],
    ["entree_1", 12, "restaurant_name", DATE],
    ["entree_1", 67, "restaurant_name", DATE],
    ["entree_4", 32, "restaurant_name", None],
]
SELECT = "SELECT element_clicked, time_spent, source_menu, created_at FROM clicks ORDER BY 1, 2"


def bodies() -> list[bytes]:
    """The real files where they are, byte for byte; else what they hold."""
    named = os.environ.get("FOREBAY_REAL_DATA")
    if named is None:
        return [body.encode() for body in BODIES]
    folder = Path(named) / "data" / "restaurant"
    return [(folder / f"payload_{number}.json").read_bytes() for number in range(1, 6)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example, so that nothing is left in the repository."""
    copy = tmp_path / "restaurant"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns(".forebay", "__pycache__"))
    return copy


@pytest.fixture
def dinner(running: Running, folder: Path) -> System:
    """The restaurant, running, with the five clicks posted and visible."""
    system = running(folder)
    for body in bodies():
        answer = system.post("/clicks", body)
        assert answer.status == 200, answer
    system.until(lambda: system.query("SELECT count(*) FROM clicks") == [[5]])
    return system


def tile(system: System, name: str, asked: str = "range=today") -> list[list[Any]]:
    """The rows behind a tile of the dashboard."""
    answer = request(f"{system.console}/api/dashboards/evening/tiles/{name}.json?{asked}")
    assert answer.status == 200, answer
    rows: list[list[Any]] = answer.json()["rows"]
    return rows


def test_what_is_shipped_holds_the_real_bodies(real_data: Path) -> None:
    """The rows that other tests expect are those of the real input."""
    files = [real_data / "restaurant" / f"payload_{number}.json" for number in range(1, 6)]
    assert [json.loads(file.read_bytes()) for file in files] == [json.loads(body) for body in BODIES]


def test_five_bodies_are_five_rows_as_sent(dinner: System) -> None:
    assert dinner.query(SELECT) == ROWS
    (columns,) = {len(row) for row in dinner.query("SELECT * FROM clicks")}
    assert columns == 5, "the four columns and the hour"


def test_the_real_systems_url_answers_as_firehose_behind_api_gateway(dinner: System) -> None:
    for body in bodies():
        answer = dinner.post("/prod/clicks", body)
        assert (answer.status, answer.json()["Encrypted"]) == (200, False)
        assert answer.json()["RecordId"]
    dinner.until(lambda: dinner.query(SELECT) == sorted(2 * ROWS, key=lambda row: row[:2]))
    refused = dinner.post("/prod/clicks", {"time_spent": 1})
    assert (refused.status, refused.json()) == (400, {"message": "Invalid request body"})
    nowhere = dinner.post("/prod/clickz", {"time_spent": 1})
    assert (nowhere.status, nowhere.json()) == (403, {"message": "Missing Authentication Token"})


def test_they_are_still_five_after_everything_was_killed_and_after_delivery(dinner: System) -> None:
    dinner.kill_all()
    dinner.start()
    assert dinner.query(SELECT) == ROWS
    objects = dinner.flush("clicks")
    assert [each["rows"] for each in objects] == [5]
    assert dinner.query(SELECT) == ROWS
    ledger = dinner.status()["ledger"]["total"]
    assert (ledger["accepted"], ledger["delivered"], ledger["buffered"]) == (5, 5, 0)


def test_an_object_is_gzip_json_lines_under_its_hour(dinner: System) -> None:
    (made,) = dinner.flush("clicks")
    hour = dinner.query("SELECT DISTINCT datehour FROM clicks")
    assert made["bucket"] == "restaurant-lake"
    assert made["key"].startswith(f"clicks/{hour[0][0]}/clicks-1-")
    data = gzip.decompress((dinner.layout.lake / made["bucket"] / made["key"]).read_bytes())
    lines = data.decode().splitlines()
    assert data.endswith(b"}\n")
    assert [json.loads(line)["time_spent"] for line in lines] == [67, 12, 32, 15, 14]


def test_the_schema_refuses_what_is_no_click_and_says_where(dinner: System) -> None:
    answer = dinner.post("/clicks", {"element_clicked": "entree_1", "time_spent": "long"})
    assert answer.status == 400
    (refused,) = answer.json()["refused"]
    assert refused["code"] == "SchemaMismatch"
    assert "time_spent" in refused["path"]


def test_the_owners_numbers(dinner: System) -> None:
    assert tile(dinner, "looks-at-the-menu") == [[5]]
    assert tile(dinner, "a-typical-look") == [[15]]
    assert tile(dinner, "left-at-once") == [[0.0]]
    assert tile(dinner, "most-wanted-dish") == [["entree_1"]]
    assert [row[1:] for row in tile(dinner, "the-evening-so-far")] == [["drink", 2], ["entree", 2]]
    assert tile(dinner, "the-evening-so-far")[0][0].startswith("2022-09-11 23:00")
    assert [row[0::2] for row in tile(dinner, "what-sells-now")] == [
        ["entree_1", 2],
        ["drink_1", 1],
        ["drink_3", 1],
    ]
    assert tile(dinner, "lost-interest") == []
    assert tile(dinner, "where-each-course-is-read") == [
        ["drink", "restaurant_name", 2],
        ["entree", "restaurant_name", 3],
    ]
    assert {row[0] for row in tile(dinner, "how-long-guests-look")} == {
        "entree_1",
        "entree_4",
        "drink_1",
        "drink_3",
    }


def test_the_four_charts_of_the_real_system(dinner: System) -> None:
    by_hour = tile(dinner, "records-by-datehour")
    assert sum(row[1] for row in by_hour) == 5
    assert tile(dinner, "records-by-time-spent") == [["10-19 s", 3], ["20-39 s", 1], ["40-79 s", 1]]
    slices = tile(dinner, "time-spent-and-datehour")
    assert sum(row[1] for row in slices if row[0].endswith(", 0-19 s")) == 3
    assert sum(row[1] for row in slices if row[0].endswith(", 20-79 s")) == 2
    assert tile(dinner, "element-clicked-by-time-spent") == [
        ["drink_1", "10-19 s", 1],
        ["drink_3", "10-19 s", 1],
        ["entree_1", "10-19 s", 1],
        ["entree_1", "40-79 s", 1],
        ["entree_4", "20-39 s", 1],
    ]


def test_a_range_and_a_menu_narrow_every_tile(dinner: System) -> None:
    dinner.post("/clicks", {"element_clicked": "entree_2", "time_spent": 3, "source_menu": "o'hara"})
    dinner.until(lambda: tile(dinner, "looks-at-the-menu") == [[6]])
    assert tile(dinner, "looks-at-the-menu", "range=today&f.menu=o'hara") == [[1]]
    assert tile(dinner, "lost-interest", "range=today&f.menu=o'hara") == [["entree_2", 1, 1, 100.0]]
    assert tile(dinner, "looks-at-the-menu", "range=yesterday") == [[0]]


def test_the_named_queries_run_as_they_are(dinner: System) -> None:
    for query in sorted((EXAMPLE / "queries").glob("*.sql")):
        done = dinner.cli("query", query.stem, "--format", "json")
        assert done.code == 0, done
    looks = {row[0]: row[1] for row in dinner.query((EXAMPLE / "queries" / "dwell_time.sql").read_text())}
    assert looks == {"entree_1": 2, "entree_4": 1, "drink_1": 1, "drink_3": 1}


def test_a_simulated_evening_fills_the_dashboard(running: Running, folder: Path) -> None:
    system = running(folder, "--simulate")
    system.until(lambda: system.query("SELECT count(*) FROM clicks")[0][0] > 1000)
    looks = tile(system, "looks-at-the-menu")[0][0]
    system.until(lambda: tile(system, "looks-at-the-menu")[0][0] > looks)
    # What was before comes in several requests, the early evening first: nobody has had a dessert then.
    courses = {"drink", "starter", "entree", "dessert"}
    system.until(lambda: {row[1] for row in tile(system, "the-evening-so-far")} == courses)
    system.until(lambda: len(tile(system, "what-sells-now")) > 3)
    system.until(lambda: tile(system, "lost-interest"))
    system.until(lambda: len(tile(system, "where-each-course-is-read")) > 8)
    assert system.status()["doors"]["ingest.clicks"]["refused"] == 0


def test_its_own_tests_pass(folder: Path) -> None:
    done = forebay("test", cwd=folder)
    assert done.code == 0, done
