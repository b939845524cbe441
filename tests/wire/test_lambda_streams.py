"""Event source mappings through boto3: a stream's records call a function, and the ledger has their ends."""

from __future__ import annotations

import base64
import json
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.harness import System, until
from tests.wire.lambdas import create, zipped
from tests.wire.sdk import client, refused, serving, speaking

COLLECT = """
import base64, json, os, pathlib

def handler(event, context):
    place = pathlib.Path(os.environ["PLACE"])
    for record in event["Records"]:
        data = base64.b64decode(record["kinesis"]["data"]).decode()
        if data == os.environ.get("BAD"):
            raise ValueError("bad " + data)
    with place.open("a") as file:
        for record in event["Records"]:
            file.write(json.dumps(record) + "\\n")
"""

system = serving()
kinesis = speaking("kinesis")


def stream(kinesis: Any, shards: int = 1) -> str:
    name = f"s-{uuid.uuid4().hex[:8]}"
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    return name


def arn(name: str) -> str:
    return f"arn:aws:kinesis:us-east-1:000000000000:stream/{name}"


def collecting(functions: Any, place: Path, **variables: str) -> str:
    return create(functions, COLLECT, Environment={"Variables": {"PLACE": str(place), **variables}})


def collected(place: Path) -> list[Any]:
    if not place.exists():
        return []
    return [json.loads(line) for line in place.read_text().splitlines()]


def ends(system: System, function: str) -> dict[str, int]:
    """What became of the records once all have an end, which is after the handler saw the last."""

    def line() -> Any:
        return system.status()["ledger"][f"functions.{function}"]

    entry = until(lambda: (found := line())["lag"] == 0 and found)
    assert entry["adds_up"]
    return {end: entry[end] for end in ("accepted", "delivered", "dropped", "rejected")}


def test_a_mapping_calls_its_function_with_the_streams_records(
    functions: Any, kinesis: Any, system: System, tmp_path: Path
) -> None:
    name, place = stream(kinesis, 2), tmp_path / "seen"
    put = [kinesis.put_record(StreamName=name, Data=b"%d" % n, PartitionKey=str(n)) for n in range(4)]
    function = collecting(functions, place)
    made = functions.create_event_source_mapping(
        EventSourceArn=arn(name), FunctionName=function, StartingPosition="TRIM_HORIZON", BatchSize=10
    )
    assert (made["BatchSize"], made["EventSourceArn"]) == (10, arn(name))
    assert made["FunctionArn"].endswith(f":function:{function}")
    until(lambda: len(collected(place)) == 4)
    numbers = {record["kinesis"]["sequenceNumber"] for record in collected(place)}
    assert numbers == {answer["SequenceNumber"] for answer in put}
    record = min(collected(place), key=lambda each: each["kinesis"]["partitionKey"])
    assert record["eventSource"] == "aws:kinesis"
    assert record["eventSourceARN"] == arn(name)
    assert record["eventID"] == f"{put[0]['ShardId']}:{put[0]['SequenceNumber']}"
    assert abs(record["kinesis"]["approximateArrivalTimestamp"] - time.time()) < 60
    uuid = made["UUID"]
    until(lambda: functions.get_event_source_mapping(UUID=uuid)["LastProcessingResult"] == "OK")
    assert functions.get_event_source_mapping(UUID=uuid)["State"] == "Enabled"
    assert ends(system, function) == {"accepted": 4, "delivered": 4, "dropped": 0, "rejected": 0}


def test_what_is_given_up_is_in_the_bucket_with_its_bytes(
    functions: Any, kinesis: Any, system: System, tmp_path: Path
) -> None:
    name, place = stream(kinesis), tmp_path / "seen"
    s3 = client(system, "s3")
    s3.create_bucket(Bucket="given-up")
    function = collecting(functions, place, BAD="bad")
    made = functions.create_event_source_mapping(
        EventSourceArn=arn(name),
        FunctionName=function,
        StartingPosition="TRIM_HORIZON",
        MaximumRetryAttempts=1,
        BisectBatchOnFunctionError=True,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::given-up"}},
    )
    kinesis.put_records(
        StreamName=name,
        Records=[{"Data": data, "PartitionKey": "k"} for data in (b"a", b"b", b"bad", b"c", b"d")],
    )
    until(lambda: len(collected(place)) == 4)
    assert ends(system, function) == {"accepted": 5, "delivered": 4, "dropped": 0, "rejected": 1}
    (entry,) = s3.list_objects_v2(Bucket="given-up")["Contents"]
    assert entry["Key"].startswith(f"aws/lambda/{made['UUID']}/shardId-000000000000/")
    record = json.loads(s3.get_object(Bucket="given-up", Key=entry["Key"])["Body"].read())
    assert record["KinesisBatchInfo"]["batchSize"] == 1
    assert json.loads(record["payload"])["Records"][0]["kinesis"]["data"] == "YmFk"


def test_a_mapping_filters_stops_goes_on_and_goes(
    functions: Any, kinesis: Any, system: System, tmp_path: Path
) -> None:
    name, place = stream(kinesis), tmp_path / "seen"
    function = collecting(functions, place)
    mapping = functions.create_event_source_mapping(
        EventSourceArn=arn(name),
        FunctionName=function,
        StartingPosition="TRIM_HORIZON",
        FilterCriteria={"Filters": [{"Pattern": json.dumps({"data": {"n": [{"numeric": [">", 1]}]}})}]},
    )["UUID"]

    def put(*numbers: int) -> None:
        records = [{"Data": json.dumps({"n": n}).encode(), "PartitionKey": "k"} for n in numbers]
        kinesis.put_records(StreamName=name, Records=records)

    put(0, 1, 2, 3)
    until(lambda: len(collected(place)) == 2)
    assert ends(system, function) == {"accepted": 4, "delivered": 2, "dropped": 2, "rejected": 0}
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    assert functions.get_event_source_mapping(UUID=mapping)["State"] == "Disabled"
    put(4)
    functions.update_event_source_mapping(UUID=mapping, Enabled=True, BatchSize=1)
    until(lambda: len(collected(place)) == 3)
    assert ends(system, function) == {"accepted": 5, "delivered": 3, "dropped": 2, "rejected": 0}
    functions.delete_event_source_mapping(UUID=mapping)
    refused(
        "ResourceNotFoundException",
        "The resource you requested does not exist.",
        functions.get_event_source_mapping,
        UUID=mapping,
    )
    put(5)
    functions.create_event_source_mapping(
        EventSourceArn=arn(name), FunctionName=function, StartingPosition="LATEST"
    )
    until(lambda: system.status()["ledger"][f"functions.{function}"]["lag"] == 0)
    put(6)
    until(lambda: len(collected(place)) == 4)
    assert json.loads(base64.b64decode(collected(place)[-1]["kinesis"]["data"])) == {"n": 6}
    assert system.status()["ledger"][f"functions.{function}"]["adds_up"]


def test_records_have_their_ends_through_kills(
    functions: Any, kinesis: Any, system: System, tmp_path: Path
) -> None:
    name, place = stream(kinesis, 2), tmp_path / "seen"
    function = collecting(functions, place)
    functions.create_event_source_mapping(
        EventSourceArn=arn(name), FunctionName=function, StartingPosition="TRIM_HORIZON", BatchSize=5
    )
    for n in range(100):
        kinesis.put_record(StreamName=name, Data=b"%d" % n, PartitionKey=str(n))
        if n == 40:
            system.kill("flow")
    until(lambda: len({record["kinesis"]["sequenceNumber"] for record in collected(place)}) == 100)
    assert ends(system, function) == {"accepted": 100, "delivered": 100, "dropped": 0, "rejected": 0}
    for shard in {record["eventID"].partition(":")[0] for record in collected(place)}:
        own = [r["kinesis"]["sequenceNumber"] for r in collected(place) if r["eventID"].startswith(shard)]
        first = list(dict.fromkeys(own))
        assert first == sorted(first, key=int)


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (
            {"EventSourceArn": arn("none")},
            "InvalidParameterValueException",
            f"Stream not found: {arn('none')}",
        ),
        ({"EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:q"}, "NotImplemented", "queues (SQS)"),
        ({"StartingPosition": None}, "InvalidParameterValueException", "Value null at 'startingPosition'"),
        ({"FunctionName": "none"}, "InvalidParameterValueException", "Function does not exist"),
        (
            {"FilterCriteria": {"Filters": [{"Pattern": "{"}]}},
            "InvalidParameterValueException",
            "Invalid filter pattern definition.",
        ),
        ({"TumblingWindowInSeconds": 10}, "NotImplemented", "tumbling windows"),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::no-such-bucket-at-all"}}},
            "InvalidParameterValueException",
            "does not exist or cannot be reached",
        ),
    ],
)
def test_what_a_mapping_may_not_be_is_refused(
    functions: Any, kinesis: Any, given: Any, code: str, message: str
) -> None:
    whole = {
        "EventSourceArn": given.get("EventSourceArn") or arn(stream(kinesis)),
        "FunctionName": given.get("FunctionName") or create(functions),
        "StartingPosition": "LATEST",
        **given,
    }
    whole = {name: value for name, value in whole.items() if value is not None}
    refused(code, message, functions.create_event_source_mapping, **whole)


def test_a_mapping_is_made_once(functions: Any, kinesis: Any) -> None:
    given = {
        "EventSourceArn": arn(stream(kinesis)),
        "FunctionName": create(functions),
        "StartingPosition": "LATEST",
    }
    made = functions.create_event_source_mapping(**given)
    refused(
        "ResourceConflictException",
        f"with UUID {made['UUID']}",
        functions.create_event_source_mapping,
        **given,
    )
    listed = functions.list_event_source_mappings(FunctionName=given["FunctionName"])["EventSourceMappings"]
    assert [each["UUID"] for each in listed] == [made["UUID"]]


def test_a_bucket_tells_a_function(functions: Any, system: System, tmp_path: Path) -> None:
    place = tmp_path / "told"
    function = create(
        functions,
        "import json, os\ndef handler(event, context):\n    with open(os.environ['PLACE'], 'a') as f: f.write(json.dumps(event) + '\\n')",
        Environment={"Variables": {"PLACE": str(place)}},
    )
    s3 = client(system, "s3")
    s3.create_bucket(Bucket="telling")
    s3.put_bucket_notification_configuration(
        Bucket="telling",
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {
                    "LambdaFunctionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{function}",
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "raw/"}]}},
                }
            ]
        },
    )
    s3.put_object(Bucket="telling", Key="other/x.csv", Body=b"no")
    s3.put_object(Bucket="telling", Key="raw/a b.csv", Body=b"yes")
    until(lambda: collected(place))
    (event,) = collected(place)
    (record,) = event["Records"]
    assert (record["eventSource"], record["eventName"]) == ("aws:s3", "ObjectCreated:Put")
    assert record["s3"]["object"]["key"] == "raw/a+b.csv"
    assert record["s3"]["object"]["size"] == 3


def test_an_alias_is_followed_by_its_mappings(
    functions: Any, kinesis: Any, system: System, tmp_path: Path
) -> None:
    name = stream(kinesis)
    function = collecting(functions, tmp_path / "one")
    functions.publish_version(FunctionName=function)
    functions.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
    functions.create_event_source_mapping(
        EventSourceArn=arn(name), FunctionName=f"{function}:live", StartingPosition="TRIM_HORIZON"
    )
    functions.update_function_code(
        FunctionName=function, ZipFile=zipped("def handler(event, context): 1 / 0")
    )
    kinesis.put_record(StreamName=name, Data=b"x", PartitionKey="k")
    until(lambda: len(collected(tmp_path / "one")) == 1)
