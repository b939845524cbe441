"""Delivery streams that read a Kinesis stream, which may be deleted and made anew under them."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path
from typing import Any

from tests.harness import System, until
from tests.wire.firehose import PROJECT, S3, delivered
from tests.wire.sdk import ACCOUNT, serving

PLACE = Path(tempfile.gettempdir()) / f"forebay-{uuid.uuid4().hex}"
WAITS = f"""\
import base64, pathlib, time

def handler(event, context):
    if any(base64.b64decode(record["data"]) == b"wait" for record in event["records"]):
        pathlib.Path("{PLACE}.begun").touch()
        while not pathlib.Path("{PLACE}.go").exists():
            time.sleep(0.01)
    return {{"records": [{{**record, "result": "Ok"}} for record in event["records"]]}}
"""
system = serving(
    PROJECT.replace("  shout: functions/shout.handler", "  waits: waits.handler"), files={"waits.py": WAITS}
)


def test_a_delivery_goes_on_with_a_stream_that_was_made_anew(
    system: System, firehose: Any, kinesis: Any
) -> None:
    kinesis.create_stream(StreamName="source", ShardCount=1)
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:waits"
    waits = {"Type": "Lambda", "Parameters": [{"ParameterName": "LambdaArn", "ParameterValue": arn}]}
    firehose.create_delivery_stream(
        DeliveryStreamName="lags",
        DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={
            "KinesisStreamARN": f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/source",
            "RoleARN": S3["RoleARN"],
        },
        ExtendedS3DestinationConfiguration={
            **S3,
            "Prefix": "lags/",
            "ProcessingConfiguration": {"Enabled": True, "Processors": [waits]},
        },
    )
    put = {"StreamName": "source", "PartitionKey": "k"}
    try:
        kinesis.put_record(**put, Data=b"wait")
        until(Path(f"{PLACE}.begun").exists)
        for _ in range(3):
            kinesis.put_record(**put, Data=b"lost")
        kinesis.delete_stream(StreamName="source")
        kinesis.create_stream(StreamName="source", ShardCount=1)
        Path(f"{PLACE}.go").touch()
        kinesis.put_record(**put, Data=b"new")
        assert delivered(system, "lags") == b"waitnew"
        ledger = system.call("front", "status")["ledger"]["delivery.lags"]
        assert (ledger["accepted"], ledger["delivered"], ledger["adds_up"]) == (2, 2, True)
        firehose.delete_delivery_stream(DeliveryStreamName="lags")
    finally:
        for end in ("begun", "go"):
            Path(f"{PLACE}.{end}").unlink(missing_ok=True)
