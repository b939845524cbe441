"""The console's page of key-value tables, with a real system behind it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.harness import System, request
from tests.wire.sdk import serving, speaking

PROJECT = """\
name: shop
keyvalue:
  sessions: {partition_key: user_id, sort_key: {name: at, type: number}, indexes: {by_email: {partition_key: email}}}
  empty: {partition_key: id}
"""

system = serving(PROJECT)
dynamodb = speaking("dynamodb")


@pytest.fixture(scope="module")
def filled(system: System, dynamodb: Any) -> System:
    for n in range(60):
        item = {
            "user_id": {"S": "ada"},
            "at": {"N": str(n)},
            "cart": {"L": [{"S": "<b>tea</b>"}, {"N": "2"}]},
        }
        dynamodb.put_item(TableName="sessions", Item=item)
    return system


def get(system: System, path: str) -> Any:
    return json.loads(request(system.console + path).body)


def test_the_api_lists_tables_and_the_first_items_of_one(filled: System) -> None:
    tables = {each["name"]: each for each in get(filled, "/api/keyvalue")["tables"]}
    assert set(tables) == {"sessions", "empty"}
    assert tables["sessions"]["items"] == 60
    assert tables["sessions"]["key"] == ["user_id", "at"]
    assert tables["sessions"]["indexes"] == [{"name": "by_email", "key": ["email"], "local": False}]
    found = get(filled, "/api/keyvalue/sessions")
    assert [column["name"] for column in found["columns"]] == ["user_id", "at", "cart"]
    assert found["rows"][0] == ["ada", "0", '["<b>tea</b>",2]']
    assert (len(found["rows"]), found["more"]) == (50, True)
    answer = request(filled.console + "/api/keyvalue/nope")
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (404, "NoSuchTable")


def test_a_person_sees_the_tables_and_what_is_in_one(filled: System, dynamodb: Any, page: Page) -> None:
    page.goto(filled.console + "/")
    page.get_by_role("link", name="Key-value").click()
    sessions = page.get_by_role("region", name="sessions", exact=True)
    expect(sessions).to_contain_text("60")
    expect(page.get_by_role("region", name="empty", exact=True)).to_be_visible()
    sessions.get_by_role("link", name="sessions").click()
    expect(sessions.get_by_role("row")).to_have_count(51)
    expect(sessions).to_contain_text('["<b>tea</b>",2]')
    item = {"user_id": {"S": "ada"}, "at": {"N": "-1"}, "note": {"S": "just now"}}
    dynamodb.put_item(TableName="sessions", Item=item)
    expect(sessions).to_contain_text("just now")
    dynamodb.delete_item(TableName="sessions", Key={"user_id": {"S": "ada"}, "at": {"N": "-1"}})
