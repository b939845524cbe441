"""The console's live questions: Flink SQL over a stream, in a browser, with a real system behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from forebay.errors import UsageError
from tests.harness import System, request, until
from tests.wire.sdk import serving, speaking

PROJECT = """\
name: shop
streams:
  activity: {}
  dear: {}
streamsql:
  dear:
    sql: |
      CREATE TABLE activity (user_id BIGINT, price DOUBLE, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
      WITH ('connector' = 'kinesis', 'stream' = 'activity', 'format' = 'json');
      CREATE TABLE dear (user_id BIGINT) WITH ('connector' = 'kinesis', 'stream' = 'dear', 'format' = 'json');
      INSERT INTO dear SELECT user_id FROM activity WHERE price > 100;
"""

system = serving(PROJECT)
kinesis = speaking("kinesis")


def put(kinesis: Any, *rows: tuple[int, float, int]) -> None:
    data = [
        {"user_id": user, "price": price, "ts": f"2026-03-01 12:00:{second:02}"}
        for user, price, second in rows
    ]
    records = [{"Data": json.dumps(each).encode(), "PartitionKey": "1"} for each in data]
    kinesis.put_records(StreamName="activity", Records=records)


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def write(page: Page, sql: str) -> None:
    editor = page.locator(".cm-content")
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(sql)


def asked(page: Page, system: System) -> Any:
    """The query page, with Follow on."""
    page.goto(system.console + "/query")
    page.get_by_role("switch", name="Follow").click()
    expect(page.locator(".cm-content")).to_contain_text("FROM TABLE(TUMBLE(TABLE activity")
    return page.get_by_role("region", name="Live result")


def shown(result: Any) -> list[list[str]]:
    """The cells of its rows."""
    return [each.split("\t") for each in result.locator("tbody tr").all_inner_texts()]


def open_questions(system: System) -> int:
    """How many there are: so many fewer can be opened than eight."""
    mine: list[str] = []
    try:
        while len(mine) < 8:
            mine.append(system.call("flow", "follow_open", sql="SELECT user_id FROM activity")["id"])
    except UsageError:
        pass
    finally:
        for each in mine:
            system.call("flow", "follow_close", id=each)
    return 8 - len(mine)


def test_the_tables_to_pick_from_are_those_that_the_project_declares(system: System) -> None:
    tables = {
        each["name"]: each
        for each in json.loads(request(system.console + "/api/follow/tables").body)["tables"]
    }
    assert set(tables) == {"activity", "dear"}
    assert tables["activity"] == {
        "name": "activity",
        "log": "streams.activity",
        "columns": [["user_id", "BIGINT"], ["price", "DOUBLE"], ["ts", "TIMESTAMP(3)"]],
        "time": "ts",
    }


def test_rows_come_as_windows_close_the_newest_first_until_stopped(
    system: System, kinesis: Any, page: Page
) -> None:
    result = asked(page, system)
    page.get_by_role("button", name="Run").click()
    expect(result).to_contain_text("Waiting for events of streams.activity")
    put(kinesis, (1, 2.0, 1), (2, 3.0, 2), (1, 1.0, 15), (1, 9.0, 30))
    until(lambda: shown(result) == [["2026-03-01 12:00:10", "1"], ["2026-03-01 12:00:00", "2"]])
    expect(result.get_by_role("status")).to_have_text("2 rows")
    expect(result).to_contain_text("watermark 2026-03-01 12:00:29")
    put(kinesis, (1, 2.0, 1))
    expect(result).to_contain_text("1 late")
    page.get_by_role("button", name="Stop").click()
    expect(result).to_contain_text("Ended")
    until(lambda: open_questions(system) == 0)
    expect(result.locator("tbody tr")).to_have_count(2)


def test_a_table_that_is_picked_shows_its_events_and_leaving_the_page_ends_it(
    system: System, kinesis: Any, page: Page
) -> None:
    result = asked(page, system)
    page.get_by_label("from").select_option("earliest")
    page.get_by_role("button", name="activity", exact=True).click()
    put(kinesis, (9007199254740993, 20.5, 40))
    expect(result.locator("tbody tr").first).to_contain_text("9,007,199,254,740,993")
    until(lambda: open_questions(system) == 1)
    page.get_by_role("link", name="Overview").click()
    until(lambda: open_questions(system) == 0)

    page.get_by_role("link", name="Query").click()
    page.get_by_role("switch", name="Follow").click()
    expect(page.locator(".cm-content")).to_contain_text("SELECT *")
    page.get_by_role("button", name="Run").click()
    until(lambda: open_questions(system) == 1)
    page.close()
    until(lambda: open_questions(system) == 0)


def test_rows_that_change_do_so_in_their_places(system: System, kinesis: Any, page: Page) -> None:
    result = asked(page, system)
    write(
        page,
        "SELECT user_id, COUNT(*) AS n FROM activity WHERE price > 70 GROUP BY user_id ORDER BY n DESC LIMIT 2",
    )
    page.keyboard.press("Control+Enter")
    expect(result).to_contain_text("Waiting for events")

    put(kinesis, (31, 71.0, 41), (32, 72.0, 41), (31, 73.0, 41))
    until(lambda: shown(result) == [["31", "2"], ["32", "1"]])
    put(kinesis, (32, 71.0, 41), (32, 72.0, 41), (33, 72.0, 41))
    until(lambda: shown(result) == [["32", "3"], ["31", "2"]])
    put(kinesis, *[(33, 71.0, 42)] * 4)
    until(lambda: shown(result) == [["33", "5"], ["32", "3"]])
    expect(result.get_by_role("status")).to_have_text("2 rows")
    expect(result).to_contain_text("rows change")


def test_what_does_not_run_is_said_with_its_place(system: System, page: Page) -> None:
    asked(page, system)
    write(page, "SELECT user_id,\n  nobody FROM activity")
    page.keyboard.press("Control+Enter")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("there is no column nobody")
    expect(alert.get_by_label("line 2, column 3")).to_contain_text("nobody FROM activity")
    page.get_by_role("switch", name="Follow").click()
    expect(alert).to_have_count(0)
    expect(page.locator(".cm-content")).to_contain_text("SELECT 1 AS one")


def test_a_stream_that_nobody_reads_has_its_figures_once(system: System, page: Page) -> None:
    """It is in the ledger itself, then, which says the same."""
    page.goto(system.console + "/streams")
    card = page.get_by_role("region", name="dear", exact=True)
    expect(card.get_by_text("kept")).to_be_visible()
    expect(card.get_by_text("accepted")).to_have_count(1)
    expect(card.get_by_text("events/s")).to_have_count(1)
