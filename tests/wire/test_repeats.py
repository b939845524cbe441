"""Calls whose answer was lost, and which an SDK makes again: they are done once, and answered as they were."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import apsw
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from forebay.runtime.documents import Documents
from forebay.wire.fingerprint import LARGE, fingerprint
from forebay.wire.once import KIND, Once
from forebay.wire.protocol.message import AwsError, Request, Response
from forebay.wire.protocol.model import operation_model
from tests.harness import System
from tests.wire.sdk import client, serving

system = serving("name: repeats\n")


def losing(system: System, service: str, answers: int = 1) -> Any:
    """A client to which the first answers never come: it tries again, as it does where a connection breaks."""
    made = client(system, service)
    send = made._endpoint.http_session.send
    left = [answers]

    def lost(request: Any) -> Any:
        answer = send(request)
        if left[0]:
            left[0] -= 1
            raise ConnectionClosedError(endpoint_url=request.url)
        return answer

    made._endpoint.http_session.send = lost
    return made


def test_what_is_made_is_made_once_and_answered_so(system: System) -> None:
    losing(system, "kinesis", 2).create_stream(StreamName="s", ShardCount=1)
    with pytest.raises(ClientError, match="already exists"):
        client(system, "kinesis").create_stream(StreamName="s", ShardCount=1)
    arn = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
    made = losing(system, "kinesis").register_stream_consumer(StreamARN=arn, ConsumerName="c")["Consumer"]
    found = client(system, "kinesis").list_stream_consumers(StreamARN=arn)["Consumers"]
    assert found == [made]
    losing(system, "kinesis").delete_stream(StreamName="s", EnforceConsumerDeletion=True)
    losing(system, "glue").create_database(DatabaseInput={"Name": "d"})
    made = losing(system, "events").create_event_bus(Name="b")["EventBusArn"]
    assert client(system, "events").describe_event_bus(Name="b")["Arn"] == made


def test_what_the_front_did_before_it_ended_is_found_done() -> None:
    documents = Documents(apsw.Connection(":memory:"))
    request = Request("POST", "/", "", {"amz-sdk-invocation-id": "x"}, b"{}", "id")
    asked: Any = SimpleNamespace(
        request=request,
        service="kinesis",
        operation="CreateStream",
        principal="root",
        region="us-east-1",
    )
    model: Any = operation_model("kinesis", "CreateStream")
    calls: list[str] = []

    async def ended() -> Response:
        calls.append("ended")
        raise asyncio.CancelledError

    async def there() -> Response:
        calls.append("there")
        raise AwsError("ResourceInUseException", "Stream s under account 0 already exists.")

    def ask(do: Any) -> Response:
        return asyncio.run(Once(documents).answer(asked, model, do, lambda: Response(200, {}, b"none")))

    with pytest.raises(AwsError):
        ask(there)
    with pytest.raises(asyncio.CancelledError):
        ask(ended)
    assert [ask(there).body, ask(there).body] == [b"none", b"none"]
    assert calls == ["there", "ended", "there"]
    request.headers = {"amz-sdk-invocation-id": "y"}
    with pytest.raises(AwsError):
        ask(there)
    assert len(list(documents.all(KIND))) == 1


@pytest.mark.parametrize("count", [3, 500], ids=["little", "large"])
def test_records_whose_answer_was_lost_are_there_once(system: System, count: int) -> None:
    kinesis, name = client(system, "kinesis"), f"records-{count}"
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    records = [{"Data": b"%d;" % n * 60, "PartitionKey": "k"} for n in range(count)]
    again = losing(system, "kinesis", 2).put_records(StreamName=name, Records=records)["Records"]
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId=again[0]["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    found = kinesis.get_records(ShardIterator=iterator)["Records"]
    assert [each["SequenceNumber"] for each in found] == [each["SequenceNumber"] for each in again]
    assert [each["Data"] for each in found] == [each["Data"] for each in records]


def test_bodies_are_known_again_and_apart() -> None:
    for size in (0, 1, LARGE, LARGE + 1, 1 << 20):
        body = bytes(size)
        assert fingerprint(body) == fingerprint(bytes(size))
        assert len({fingerprint(body), fingerprint(body + b"\0"), fingerprint(body[:-1] + b"x")}) == 3
