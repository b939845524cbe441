"""The sports system, whole: rows of a file posted, split by two rules, delivered, crawled, charted."""

from __future__ import annotations

import csv
import json
import os
import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from forebay.errors import QueryFailed
from tests.conftest import Running
from tests.harness import System, forebay, request
from tests.wire.sdk import client

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "sports"

# The shape of the city's file, an apostrophe among it.
ROWS = """\
Event ID,Event Name,Start Date/Time,End Date/Time,Event Agency,Event Type,Event Borough,Event Location,Event Street Side,Street Closure Type,Community Board,Police Precinct
1,Blood Drive,2/2/2023 8:00,2/2/2023 18:00,Parks Department,Special Event,Manhattan,Mill Square: Plaza,,N/A,"1,","5,"
2,Soccer - Non Regulation,1/16/2023 8:00,1/16/2023 10:00,Parks Department,Sport - Youth,Bronx,Bridge Field: Soccer-01,,N/A,"4,","44,"
3,Soccer - Regulation,1/21/2023 9:00,1/21/2023 12:00,Parks Department,Sport - Adult,Bronx,Bridge Field: Soccer-01,,N/A,"7,","52,"
4,St. Anne's Tennis Clinic,1/18/2023 8:00,1/18/2023 9:00,Parks Department,Sport - Youth,Bronx,Orchard Park: Tennis-08 ,,N/A,"4,","44,"
"""


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real file where it is, else one of its shape; of four rows, one being no sport."""
    named = os.environ.get("FOREBAY_REAL_DATA")
    if named is not None:
        return Path(named) / "data" / "sports" / "events.csv"
    made = tmp_path_factory.mktemp("rows") / "events.csv"
    made.write_text(ROWS)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example, so that nothing is left in the repository."""
    return copied(tmp_path / "sports")


def copied(to: Path) -> Path:
    shutil.copytree(EXAMPLE, to, ignore=shutil.ignore_patterns(".forebay", "__pycache__"))
    return to


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, rows: Path) -> Iterator[System]:
    """The system, with the rows posted by the example's own generator, delivered and crawled; for all tests."""
    place = tmp_path_factory.mktemp("city")
    system = System(copied(place / "sports"), place / "state", [], {}).start()
    permits = runpy.run_path(str(EXAMPLE / "simulate" / "permits.py"))
    assert permits["post"](rows, system.ingest + "/events") == 4
    system.until(lambda: system.status()["ledger"]["total"]["buffered"] == 4)
    assert {each["delivery"]: each["rows"] for each in system.flush()} == {"cat1": 3, "cat2": 1}
    system.until(lambda: count(system) == 4)
    yield system
    system.end()


def count(system: System) -> int:
    try:
        found: int = system.query("SELECT count(*) FROM tbl_all_data")[0][0]
    except QueryFailed:  # not crawled yet
        return 0
    return found


def tile(system: System, name: str) -> list[list[Any]]:
    """The rows behind a tile of the dashboard."""
    answer = request(f"{system.console}/api/dashboards/city/tiles/{name}.json?range=today")
    assert answer.status == 200, answer
    found: list[list[Any]] = answer.json()["rows"]
    return found


def test_what_is_shipped_has_the_shape_of_the_real_file(real_data: Path) -> None:
    """And none of its rows: those are made up."""
    shipped = list(csv.reader((EXAMPLE / "data" / "events.csv").open()))
    real = list(csv.reader((real_data / "sports" / "events.csv").open()))
    assert shipped[0] == real[0]
    assert not {row[0] for row in shipped[1:]} & {row[0] for row in real[1:]}


def test_each_row_is_a_row_of_one_table_with_its_category_and_day(city: System, rows: Path) -> None:
    sent = {row[0]: row for row in list(csv.reader(rows.open()))[1:]}
    day = {row[0] for row in city.query("SELECT DISTINCT partition_1 FROM tbl_all_data")}
    assert len(day) == 1
    for *row, category, _ in city.query("SELECT * FROM tbl_all_data"):
        assert row == sent[row[0]]
        assert category == ("cat1" if row[5].startswith("Sport - ") else "cat2")


def test_an_object_has_python_dicts_line_by_line_under_its_category_and_day(city: System) -> None:
    s3 = client(city, "s3")
    listed = s3.list_objects_v2(Bucket="sports-lake", Prefix="all_data/cat1/")["Contents"]
    body = s3.get_object(Bucket="sports-lake", Key=listed[0]["Key"])["Body"].read().decode()
    s3.close()
    lines = body.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("{'event_id': '") for line in lines)
    assert any('"St. ' in line for line in lines), "the apostrophe's quotes are double"


def test_the_ledger_says_what_each_rule_let_through(city: System) -> None:
    ledger = city.status()["ledger"]
    for name, delivered in (("delivery.cat1", 3), ("delivery.cat2", 1)):
        line = ledger[name]
        assert (line["accepted"], line["delivered"], line["dropped"]) == (4, delivered, 4 - delivered)
        assert line["log"] == "bus.sports"
    assert ledger["total"]["adds_up"]


def test_the_charts_of_the_real_system(city: System) -> None:
    assert tile(city, "permits") == [[4]]
    assert tile(city, "sports") == [[0.75]]
    assert sum(row[1] for row in tile(city, "count-by-name")) == 4
    by_agency = tile(city, "count-by-agency-and-borough")
    assert by_agency == [["Parks Department", "Bronx", 3], ["Parks Department", "Manhattan", 1]]
    assert {row[1]: row[2] for row in tile(city, "count-by-location")}["Manhattan"] == 1


def test_the_named_queries_run_as_they_are(city: System) -> None:
    for query in sorted((EXAMPLE / "queries").glob("*.sql")):
        done = city.cli("query", query.stem, "--format", "json")
        assert done.code == 0, done


def test_it_is_all_there_after_everything_was_killed(city: System) -> None:
    before = city.status()["ledger"]["delivery.cat1"]["accepted"]
    city.kill_all()
    city.start()
    assert count(city) == 4
    city.post("/events", {"event_id": "5", "event_type": "Sport - Youth", "event_name": "Cricket"})
    city.until(lambda: city.status()["ledger"]["delivery.cat1"]["accepted"] == before + 1)
    city.flush()
    city.until(lambda: count(city) == 5)
    assert city.status()["ledger"]["total"]["adds_up"]


def test_boto3_sees_the_bus_its_rules_and_where_they_lead(city: System) -> None:
    before = city.status()["ledger"]["delivery.cat1"]["accepted"]
    events = client(city, "events")
    names = [rule["Name"] for rule in events.list_rules(EventBusName="sports")["Rules"]]
    (target,) = events.list_targets_by_rule(EventBusName="sports", Rule="sports")["Targets"]
    answer = events.put_events(
        Entries=[
            {
                "EventBusName": "sports",
                "Source": "HttpSource",
                "DetailType": "myDetailType",
                "Detail": '{"event_id": "9", "event_type": "Sport - Adult", "event_name": "Cricket"}',
            }
        ]
    )
    events.close()
    assert names == ["others", "sports"]
    assert target["Arn"].endswith(":deliverystream/cat1")
    assert answer["FailedEntryCount"] == 0
    city.until(lambda: city.status()["ledger"]["delivery.cat1"]["accepted"] == before + 1)


def test_the_real_client_posts_to_a_stage_and_each_request_is_in_the_routes_log(
    city: System, rows: Path
) -> None:
    """As the generator does: a row a call on a kept connection, to the URL that API Gateway would have."""
    before = city.status()["ledger"]["delivery.cat1"]["accepted"]
    with urllib3.PoolManager() as pool:
        for row in csv.DictReader(rows.open()):
            event = {name.lower().replace(" ", "_"): value for name, value in row.items()}
            answer = pool.request("POST", f"{city.ingest}/prod/events", json=event, timeout=30)
            assert answer.status == 200
            (entry,) = answer.json()["Entries"]
            assert (answer.json()["FailedEntryCount"], len(entry["EventId"])) == (0, 36)
        wrong = pool.request("POST", f"{city.ingest}/prod/event", json={}, timeout=30)
    assert (wrong.status, wrong.json()) == (404, {"message": "Not Found"})
    city.until(lambda: city.status()["ledger"]["delivery.cat1"]["accepted"] == before + 4)
    logs = client(city, "logs")

    def lines(group: str) -> list[str]:
        return [each["message"] for each in logs.filter_log_events(logGroupName=group)["events"]]

    city.until(lambda: len(lines("/aws/apigateway/events")) >= before + 4 - 1)  # one event was put by boto3
    paths = [json.loads(line) for line in lines("/aws/apigateway/events")]
    assert {each["routeKey"] for each in paths} == {"POST /events"}
    groups = {
        each["logGroupName"]: each.get("retentionInDays") for each in logs.describe_log_groups()["logGroups"]
    }
    logs.close()
    assert (groups["/aws/apigateway/events"], groups["/aws/lambda/unwrap"]) == (7, 7)


def test_a_simulated_city_fills_both_categories(running: Running, folder: Path) -> None:
    system = running(folder, "--simulate", sql=False)

    def buffered(delivery: str) -> int:
        found: int = system.status()["ledger"][delivery]["buffered"]
        return found

    system.until(lambda: buffered("delivery.cat1") and buffered("delivery.cat2"))
    assert system.status()["doors"]["ingest.events"]["refused"] == 0


def test_its_own_tests_pass(folder: Path) -> None:
    done = forebay("test", cwd=folder)
    assert done.code == 0, done
