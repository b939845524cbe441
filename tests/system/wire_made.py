"""The system of `wire_storm.py`, with everything in it made over the wire: what a program for AWS would set up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.harness import System, until
from tests.projects import project
from tests.system.wire_clients import aws
from tests.system.wire_storm import READS, TABLES, TOLD
from tests.wire.lambdas import zipped

ROLE = "arn:aws:iam::000000000000:role/storm"
LINES = """\
import base64
import json


def handler(event, context):
    output = []
    for record in event["records"]:
        data = base64.b64decode(record["data"])
        failed = json.loads(data)["n"] % 100 == 99
        line = base64.b64encode(data.rstrip() + b"\\n").decode()
        result = "ProcessingFailed" if failed else "Ok"
        output.append({"recordId": record["recordId"], "result": result, "data": record["data"] if failed else line})
    return {"records": output}
"""
DELIMITER = {
    "Type": "AppendDelimiterToRecord",
    "Parameters": [{"ParameterName": "Delimiter", "ParameterValue": "\\n"}],
}


def empty_project(folder: Path) -> Path:
    """A project with nothing in it; functions write what they saw into `seen/` beside it."""
    (folder / "seen").mkdir(parents=True)
    return project(folder, "name: storm\n")


def make(system: System) -> None:
    """Make it all."""
    names = ("s3", "lambda", "kinesis", "firehose", "events", "glue")
    s3, functions, kinesis, firehose, events, glue = clients = [aws(system, name) for name in names]
    s3.create_bucket(Bucket="storm")
    seen = {"Variables": {"SEEN": str(system.folder / "seen")}}
    arns = {
        name: functions.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=ROLE,
            Handler="index.handler",
            Code={"ZipFile": zipped(code.replace("lambda_handler", "handler"))},
            Timeout=20,
            Environment=seen,
        )["FunctionArn"]
        for name, code in {"told": TOLD, "reads": READS, "lines": LINES}.items()
    }
    kinesis.create_stream(StreamName="clicks", ShardCount=2)

    def active() -> Any:
        found = kinesis.describe_stream_summary(StreamName="clicks")["StreamDescriptionSummary"]
        return found["StreamARN"] if found["StreamStatus"] == "ACTIVE" else None

    stream = until(active)
    functions.create_event_source_mapping(
        EventSourceArn=stream, FunctionName="reads", BatchSize=200, StartingPosition="TRIM_HORIZON"
    )
    called = {
        "Type": "Lambda",
        "Parameters": [{"ParameterName": "LambdaArn", "ParameterValue": arns["lines"]}],
    }
    deliveries = {
        "clicks": _delivery(firehose, "clicks", called, stream),
        "direct": _delivery(firehose, "direct", called),
        "even": _delivery(firehose, "even", DELIMITER),
        "odd": _delivery(firehose, "odd", DELIMITER),
    }
    events.create_event_bus(Name="storm")
    for name in ("even", "odd"):
        pattern = {"source": ["storm"], "detail": {"kind": [name]}}
        events.put_rule(Name=name, EventBusName="storm", EventPattern=json.dumps(pattern))
        targets = [{"Id": "1", "Arn": deliveries[name], "RoleArn": ROLE, "InputPath": "$.detail"}]
        targets += [{"Id": "2", "Arn": arns["told"]}] if name == "even" else []
        put = events.put_targets(Rule=name, EventBusName="storm", Targets=targets)
        assert put["FailedEntryCount"] == 0, put
    columns = [{"Name": "id", "Type": "string"}, {"Name": "n", "Type": "bigint"}]
    for name in TABLES:
        storage = {
            "Columns": columns,
            "Location": f"s3://storm/{name}/",
            "SerdeInfo": {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"},
        }
        glue.create_table(
            DatabaseName="storm",
            TableInput={"Name": name, "TableType": "EXTERNAL_TABLE", "StorageDescriptor": storage},
        )
    for each in clients:
        each.close()


def _delivery(firehose: Any, name: str, processor: Any, stream: str | None = None) -> str:
    source: Any = {}
    if stream is not None:
        read = {"KinesisStreamARN": stream, "RoleARN": ROLE}
        source = {
            "DeliveryStreamType": "KinesisStreamAsSource",
            "KinesisStreamSourceConfiguration": read,
        }
    made: str = firehose.create_delivery_stream(
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE,
            "BucketARN": "arn:aws:s3:::storm",
            "Prefix": f"{name}/",
            "ErrorOutputPrefix": f"{name}-errors/!{{firehose:error-output-type}}/",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1},
            "ProcessingConfiguration": {"Enabled": True, "Processors": [processor]},
        },
        **source,
    )["DeliveryStreamARN"]
    return made
