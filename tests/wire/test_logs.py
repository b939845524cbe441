"""CloudWatch Logs over the wire: groups, streams and events through a real client."""

from __future__ import annotations

import base64
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.harness import System
from tests.wire.sdk import serving

LINES = """\
2026-01-31T09:30:00.100000Z 11f2 START RequestId: 11f2 Version: $LATEST
2026-01-31T09:30:00.200000Z 11f2 a guest came in
2026-01-31T09:30:00.300000Z 11f2 END RequestId: 11f2
"""

system = serving()


@pytest.fixture
def group(logs: Any) -> str:
    name = f"/app/{uuid.uuid4().hex[:8]}"
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="one")
    return name


def put(logs: Any, group: str, *messages: str, stream: str = "one", ago: int = 0) -> dict[str, Any]:
    at = int(time.time() * 1000) - ago
    events = [{"timestamp": at + n, "message": message} for n, message in enumerate(messages)]
    answer: dict[str, Any] = logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    return answer


def messages(answer: dict[str, Any]) -> list[str]:
    return [event["message"] for event in answer["events"]]


def refused(code: str, message: str) -> Any:
    return pytest.raises(ClientError, match=rf"\({code}\).*{message}")


def test_a_group_is_described_as_aws_describes_it(logs: Any, group: str) -> None:
    (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert found["arn"] == f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*"
    assert found["logGroupArn"] == found["arn"].removesuffix(":*")
    assert (found["storedBytes"], found["metricFilterCount"]) == (0, 0)
    assert found["logGroupClass"] == "STANDARD"
    assert "retentionInDays" not in found


def test_a_name_is_taken_once(logs: Any, group: str) -> None:
    with refused("ResourceAlreadyExistsException", "The specified log group already exists"):
        logs.create_log_group(logGroupName=group)
    with refused("ResourceAlreadyExistsException", "The specified log stream already exists"):
        logs.create_log_stream(logGroupName=group, logStreamName="one")


def test_what_is_not_there_is_told(logs: Any, group: str) -> None:
    no_group = refused("ResourceNotFoundException", r"The specified log group does not exist\.")
    with no_group:
        logs.delete_log_group(logGroupName="none")
    with no_group:
        logs.get_log_events(logGroupName="none", logStreamName="one")
    with refused("ResourceNotFoundException", r"The specified log stream does not exist\."):
        put(logs, group, "a", stream="two")


def test_groups_are_listed_in_pages(logs: Any) -> None:
    prefix = f"pages-{uuid.uuid4().hex[:8]}-"
    for n in range(5):
        logs.create_log_group(logGroupName=f"{prefix}{n}")
    pages = list(
        logs.get_paginator("describe_log_groups").paginate(
            logGroupNamePrefix=prefix, PaginationConfig={"PageSize": 2}
        )
    )
    assert [len(page["logGroups"]) for page in pages] == [2, 2, 1]
    by_pattern = logs.describe_log_groups(logGroupNamePattern=prefix[6:])["logGroups"]
    assert [each["logGroupName"] for each in by_pattern] == [f"{prefix}{n}" for n in range(5)]
    listed = logs.list_log_groups(logGroupNamePattern=f"^{prefix[:20]}")["logGroups"]
    assert len(listed) == 5
    with refused("InvalidParameterException", "mutually exclusive parameters"):
        logs.describe_log_groups(logGroupNamePrefix="a", logGroupNamePattern="a")


def test_events_come_back_in_order_from_either_end(logs: Any, group: str) -> None:
    put(logs, group, *map(str, range(20)))
    last = logs.get_log_events(logGroupName=group, logStreamName="one", limit=10)
    assert messages(last) == [str(n) for n in range(10, 20)]
    before = logs.get_log_events(
        logGroupName=group, logStreamName="one", limit=20, nextToken=last["nextBackwardToken"]
    )
    assert messages(before) == [str(n) for n in range(10)]
    nothing = logs.get_log_events(
        logGroupName=group, logStreamName="one", nextToken=before["nextBackwardToken"]
    )
    assert messages(nothing) == []
    assert nothing["nextBackwardToken"] == before["nextBackwardToken"]
    first = logs.get_log_events(logGroupName=group, logStreamName="one", limit=3, startFromHead=True)
    assert messages(first) == ["0", "1", "2"]
    onward = logs.get_log_events(
        logGroupIdentifier=group, logStreamName="one", limit=2, nextToken=first["nextForwardToken"]
    )
    assert messages(onward) == ["3", "4"]
    with refused("InvalidParameterException", r"The specified nextToken is invalid\."):
        logs.get_log_events(logGroupName=group, logStreamName="one", nextToken="n/1")


def test_events_out_of_order_too_old_or_too_new_are_refused(logs: Any, group: str) -> None:
    now = int(time.time() * 1000)
    with refused("InvalidParameterException", "must be in chronological order"):
        logs.put_log_events(
            logGroupName=group,
            logStreamName="one",
            logEvents=[{"timestamp": now, "message": "a"}, {"timestamp": now - 1, "message": "b"}],
        )
    times = [now - 30 * 86_400_000, now, now + 86_400_000]
    answer = logs.put_log_events(
        logGroupName=group,
        logStreamName="one",
        logEvents=[{"timestamp": at, "message": str(n)} for n, at in enumerate(times)],
    )
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}
    assert messages(logs.get_log_events(logGroupName=group, logStreamName="one")) == ["1"]


def test_a_filter_finds_over_all_streams_in_pages(logs: Any, group: str) -> None:
    logs.create_log_stream(logGroupName=group, logStreamName="two")
    put(logs, group, "hello", "world", "hello world", ago=100)
    put(logs, group, '{"code": 404, "path": "/a/b"}', '{"code": 200, "path": "/a"}', stream="two")

    def found(pattern: str, **more: Any) -> list[str]:
        return messages(logs.filter_log_events(logGroupName=group, filterPattern=pattern, **more))

    assert found("hello") == ["hello", "hello world"]
    assert found("hello -world") == ["hello"]
    assert found("{ $.code = 404 }") == ['{"code": 404, "path": "/a/b"}']
    assert found("hello", logStreamNames=["two"]) == []
    pages = list(
        logs.get_paginator("filter_log_events").paginate(logGroupName=group, PaginationConfig={"PageSize": 2})
    )
    assert [len(page["events"]) for page in pages] == [2, 2, 1]
    with refused("InvalidParameterException", "Invalid filter pattern"):
        found("{ $.code = }")
    with refused("NotImplemented", "regular expressions"):
        found("%a+%")
    with refused("InvalidParameterException", "nextToken is invalid"):
        found("a", nextToken="invalid-token")


def test_retention_hides_what_is_older_and_can_be_taken_back(logs: Any, group: str) -> None:
    put(logs, group, "old", ago=2 * 86_400_000)
    put(logs, group, "new")
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert found["retentionInDays"] == 1
    assert messages(logs.filter_log_events(logGroupName=group)) == ["new"]
    logs.delete_retention_policy(logGroupName=group)
    (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert "retentionInDays" not in found
    with refused("InvalidParameterException", "Member must satisfy enum value set"):
        logs.put_retention_policy(logGroupName=group, retentionInDays=2)


def test_tags_are_the_same_by_name_and_by_arn(logs: Any) -> None:
    name = f"tags-{uuid.uuid4().hex[:8]}"
    logs.create_log_group(logGroupName=name, tags={"a": "1"})
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{name}"
    logs.tag_resource(resourceArn=arn, tags={"b": "2"})
    logs.tag_log_group(logGroupName=name, tags={"c": "3"})
    assert logs.list_tags_log_group(logGroupName=name)["tags"] == {"a": "1", "b": "2", "c": "3"}
    logs.untag_resource(resourceArn=arn, tagKeys=["a"])
    logs.untag_log_group(logGroupName=name, tags=["b"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"c": "3"}


def test_streams_are_ordered_by_name_or_by_their_last_event(logs: Any, group: str) -> None:
    for name in ("three", "two"):
        logs.create_log_stream(logGroupName=group, logStreamName=name)
    put(logs, group, "a", stream="three")
    by_name = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert [each["logStreamName"] for each in by_name] == ["one", "three", "two"]
    assert "lastEventTimestamp" not in by_name[0]
    last = logs.describe_log_streams(logGroupName=group, orderBy="LastEventTime", descending=True)
    assert last["logStreams"][0]["logStreamName"] == "three"
    logs.delete_log_stream(logGroupName=group, logStreamName="three")
    assert len(logs.describe_log_streams(logGroupIdentifier=group)["logStreams"]) == 2
    with refused("ValidationException", "mutually exclusive"):
        logs.describe_log_streams(logGroupName=group, logGroupIdentifier=group)


def test_an_identifier_that_is_none_is_not_repeated(logs: Any, group: str) -> None:
    arn = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["arn"]
    with refused(
        "InvalidParameterException", "1 validation error detected: Value at 'logGroupIdentifier' failed"
    ):
        logs.describe_log_streams(logGroupIdentifier=arn)


def test_a_functions_log_is_its_group(logs: Any, system: System) -> None:
    path: Path = system.layout.logs / "functions" / "greet.log"
    path.write_text(LINES)
    name = "/aws/lambda/greet"
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    (stream,) = logs.describe_log_streams(logGroupName=name)["logStreams"]
    read = logs.get_log_events(logGroupName=name, logStreamName=stream["logStreamName"])
    assert messages(read)[1] == "a guest came in\n"
    assert read["events"][1]["timestamp"] == 1769851800200
    path.rename(path.with_name("greet.log.1"))
    path.write_text("2026-01-31T09:31:00.100000Z 11f3 the next file\n")
    assert messages(logs.filter_log_events(logGroupName=name))[-1] == "the next file\n"
    assert len(messages(logs.filter_log_events(logGroupName=name))) == 4
    logs.delete_log_group(logGroupName=name)
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []


def test_a_group_outlives_a_kill(logs: Any, group: str, system: System) -> None:
    put(logs, group, "kept")
    system.kill("front")
    assert messages(logs.get_log_events(logGroupName=group, logStreamName="one")) == ["kept"]


def test_no_token_that_is_made_up_and_no_end_of_time_is_a_failure(logs: Any, group: str) -> None:
    put(logs, group, "a")
    assert messages(logs.filter_log_events(logGroupName=group, endTime=2**63 - 1)) == ["a"]
    wrong = "The specified nextToken is invalid."
    for text in ("99999999999999999999:1", "²:1", f"1:{'9' * 80}"):
        token = base64.b64encode(text.encode()).decode()
        with refused("InvalidParameterException", wrong):
            logs.filter_log_events(logGroupName=group, nextToken=token)
    for token in (f"f/{'9' * 56}", f"f/{'٣' * 56}"):
        with refused("InvalidParameterException", wrong):
            logs.get_log_events(logGroupName=group, logStreamName="one", nextToken=token)
    with refused("InvalidParameterException", wrong):
        logs.describe_queries(nextToken=base64.b64encode("queries-²".encode()).decode())
