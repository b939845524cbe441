"""Logs Insights over the wire: begun, waited for, stopped, described; refused with the place."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.harness import System, until
from tests.wire.sdk import refused, serving

system = serving(sql=True)


@pytest.fixture(scope="module")
def group(logs: Any) -> str:
    """Twelve events, three of each of four codes."""
    name = f"/app/{uuid.uuid4().hex[:8]}"
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="one")
    at = int(time.time() * 1000)
    events = [{"timestamp": at + n, "message": json.dumps({"code": 200 + n % 4, "n": n})} for n in range(12)]
    logs.put_log_events(logGroupName=name, logStreamName="one", logEvents=events)
    return name


def begun(logs: Any, text: str, **given: Any) -> str:
    now = int(time.time())
    id: str = logs.start_query(startTime=now - 600, endTime=now + 600, queryString=text, **given)["queryId"]
    return id


def answer(logs: Any, id: str) -> dict[str, Any]:
    """The answer of a query, once it has ended."""

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = logs.get_query_results(queryId=id)
        return None if found["status"] in ("Scheduled", "Running") else found

    found = until(ended)
    assert found is not None
    return found


def rows(found: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {each["field"]: each["value"] for each in row if each["field"] != "@ptr"} for row in found["results"]
    ]


def test_a_query_adds_up(logs: Any, group: str) -> None:
    found = answer(
        logs, begun(logs, "stats count(*) as n, sum(n) as s by code | sort code", logGroupName=group)
    )
    assert found["status"] == "Complete"
    assert rows(found)[0] == {"code": "200", "n": "3", "s": "12"}
    statistics = found["statistics"]
    assert (statistics["recordsScanned"], statistics["recordsMatched"]) == (12, 12)
    assert statistics["bytesScanned"] > 100


def test_an_event_is_found_again_by_its_pointer(logs: Any, group: str) -> None:
    found = answer(logs, begun(logs, "filter n = 7", logGroupNames=[group]))
    ((pointer,),) = [[each["value"] for each in row if each["field"] == "@ptr"] for row in found["results"]]
    record = logs.get_log_record(logRecordPointer=pointer)["logRecord"]
    assert (record["n"], record["code"], record["@logStream"]) == ("7", "203", "one")
    with pytest.raises(ClientError, match="InvalidParameterException"):
        logs.get_log_record(logRecordPointer="nonsense")


def test_fields_of_a_group_are_told(logs: Any, group: str) -> None:
    found = {
        each["name"]: each["percent"]
        for each in logs.get_log_group_fields(logGroupName=group)["logGroupFields"]
    }
    assert found["code"] == 100
    assert "@timestamp" in found


def test_queries_are_described_and_outlive_a_kill(logs: Any, group: str, system: System) -> None:
    id = begun(logs, "fields n | limit 1", logGroupName=group)
    before = answer(logs, id)
    assert id in [each["queryId"] for each in logs.describe_queries(logGroupName=group)["queries"]]
    assert logs.describe_queries(status="Running")["queries"] == []
    system.kill("front")
    assert until(lambda: logs.get_query_results(queryId=id))["results"] == before["results"]


def test_what_cannot_be_asked_is_refused(logs: Any, group: str) -> None:
    ask, given = logs.start_query, {"startTime": 1, "endTime": 2}
    named = {"logGroupName": group, "queryString": "filter >", **given}
    refused("MalformedQueryException", "unexpected symbol found > at line 1 and position 7", ask, **named)
    with pytest.raises(logs.exceptions.MalformedQueryException) as raised:
        ask(**named)
    location = {"startCharOffset": 7, "endCharOffset": 8}
    assert raised.value.response["queryCompileError"]["location"] == location
    named = {"logGroupName": "/nobody", "queryString": "fields @message", **given}
    refused("ResourceNotFoundException", "The specified log group does not exist.", ask, **named)
    refused("InvalidParameterException", "Exactly one of", ask, queryString="fields a", **given)
    refused("ResourceNotFoundException", "does not exist", logs.get_query_results, queryId="nothing")


def test_a_query_that_has_ended_is_not_stopped(logs: Any, group: str) -> None:
    id = begun(logs, "fields n", logGroupName=group)
    answer(logs, id)
    refused("InvalidParameterException", "has already ended", logs.stop_query, queryId=id)
