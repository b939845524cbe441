"""Programs written for AWS, at full speed: producers with ids of their own, and one that makes resources.

What a call acknowledged is remembered with its receipt (a sequence number, an event's id); what it left open,
too. A producer that retries does it as the SDK does, under the same `amz-sdk-invocation-id`.
"""

from __future__ import annotations

import collections
import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import boto3  # type: ignore[import-untyped, unused-ignore]
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.harness import System
from tests.wire.lambdas import zipped

Receipts = Mapping[str, str | None]
"""What was acknowledged of a call: id → receipt."""


def aws(system: System, service: str, *, retries: bool = True, named: bool = True) -> Any:
    """A boto3 client as a program would have it; without `retries`, each request is sent once.

    `named=False` is a fault: its retries do not say that they are some.
    """
    attempts = {"total_max_attempts": 9, "mode": "standard"} if retries else {"total_max_attempts": 1}
    client = boto3.client(
        service,
        endpoint_url=system.urls["aws"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries=attempts, connect_timeout=2, read_timeout=10),
    )
    if not named:
        client.meta.events.register("before-send", _unnamed)
    return client


def _unnamed(request: Any, **_: Any) -> None:
    del request.headers["amz-sdk-invocation-id"]


def kind(number: int) -> str:
    """Which rule an event is for; one in ten is for none."""
    return "none" if number % 10 == 7 else "even" if number % 2 == 0 else "odd"


class Producer(ABC, threading.Thread):
    """Puts batches of new ids until `stopped`."""

    service = ""
    batch = 1

    def __init__(
        self, system: System, name: str, retries: bool, pause: float = 0.0, *, named: bool = True
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.client = aws(system, self.service, retries=retries, named=named)
        self.pause = pause
        self.acknowledged: dict[str, str | None] = {}
        self.open: set[str] = set()
        self.sent = 0
        self.problem: str | None = None
        self.stopped = threading.Event()

    def run(self) -> None:
        for start in count(0, self.batch):
            if self.stopped.is_set():
                break
            numbers = range(start, start + self.batch)
            ids = [f"{self.name}-{number}" for number in numbers]
            self.sent += len(ids)
            done: Receipts = {}
            try:
                done = self.put(dict(zip(ids, numbers, strict=True)))
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                    self.problem = repr(error)
                    break
            except BotoCoreError:
                self.stopped.wait(0.02)
            self.acknowledged.update(done)
            self.open.update(id for id in ids if id not in done)
            if self.pause:
                self.stopped.wait(self.pause)
        self.client.close()

    @abstractmethod
    def put(self, numbers: Mapping[str, int]) -> Receipts:
        """Put events with these ids and numbers."""


def data(id: str, number: int) -> bytes:
    """What the records hold."""
    return json.dumps({"id": id, "n": number}).encode()


class Records(Producer):
    """PutRecords into the stream `clicks`."""

    service = "kinesis"
    batch = 25

    def put(self, numbers: Mapping[str, int]) -> Receipts:
        records = [{"Data": data(id, n), "PartitionKey": id} for id, n in numbers.items()]
        answer = self.client.put_records(StreamName="clicks", Records=records)
        return _receipts(numbers, answer["Records"], "SequenceNumber")


class Record(Producer):
    """PutRecord into the stream `clicks`."""

    service = "kinesis"

    def put(self, numbers: Mapping[str, int]) -> Receipts:
        ((id, n),) = numbers.items()
        answer = self.client.put_record(StreamName="clicks", Data=data(id, n), PartitionKey=id)
        return {id: answer["SequenceNumber"]}


class Events(Producer):
    """PutEvents on the bus `storm`."""

    service = "events"
    batch = 10

    def put(self, numbers: Mapping[str, int]) -> Receipts:
        entries = [
            {
                "EventBusName": "storm",
                "Source": "storm",
                "DetailType": "n",
                "Detail": json.dumps({"id": id, "n": n, "kind": kind(n)}),
            }
            for id, n in numbers.items()
        ]
        return _receipts(numbers, self.client.put_events(Entries=entries)["Entries"], "EventId")


class Deliveries(Producer):
    """PutRecordBatch into the delivery `direct`."""

    service = "firehose"
    batch = 25

    def put(self, numbers: Mapping[str, int]) -> Receipts:
        answer = self.client.put_record_batch(
            DeliveryStreamName="direct",
            Records=[{"Data": data(id, n) + b"\n"} for id, n in numbers.items()],
        )
        return _receipts(numbers, answer["RequestResponses"], "RecordId")


PRODUCERS: tuple[type[Producer], ...] = (Records, Record, Events, Deliveries)


def _receipts(numbers: Mapping[str, int], answers: list[dict[str, str]], name: str) -> Receipts:
    told = zip(numbers, answers, strict=True)
    return {id: answer[name] for id, answer in told if not answer.get("ErrorCode")}


@dataclass(frozen=True)
class Made:
    """A resource that a call made, and how to see it."""

    sort: str
    name: str


class Builder(threading.Thread):
    """Makes and removes resources over the wire, one after another, until `stopped`.

    `there` and `gone` are what was acknowledged; `open` are calls that nobody answered: either is right.
    """

    def __init__(self, system: System) -> None:
        super().__init__(name="builder", daemon=True)
        self.system = system
        self.there: set[Made] = set()
        self.gone: set[Made] = set()
        self.open: set[Made] = set()
        self.rounds = 0
        self.stopped = threading.Event()
        names = ("kinesis", "events", "s3", "glue", "logs", "iam", "lambda", "firehose", "athena")
        self.clients = {name: aws(system, name) for name in names}

    def run(self) -> None:
        makers: dict[str, Callable[[str], object]] = {
            "stream": self._stream,
            "rule": self._rule,
            "object": self._object,
            "parts": self._parts,
            "table": self._table,
            "group": self._group,
            "role": self._role,
            "function": self._function,
            "delivery": self._delivery,
            "query": self._query,
        }
        removers: dict[str, Callable[[str], object]] = {
            "stream": lambda name: self.clients["kinesis"].delete_stream(StreamName=name),
            "object": lambda name: self.clients["s3"].delete_object(Bucket="storm", Key=name),
            "table": lambda name: self.clients["glue"].delete_table(DatabaseName="storm", Name=name),
            "function": lambda name: self.clients["lambda"].delete_function(FunctionName=name),
            "delivery": lambda name: self.clients["firehose"].delete_delivery_stream(DeliveryStreamName=name),
        }
        for number in count():
            for sort, make in makers.items():
                if self.stopped.wait(0.02):
                    break
                made = Made(sort, f"{sort}-{number}")
                if self._answered(make, made) and number % 4 == 3 and sort in removers:
                    self.there.discard(made)
                    if self._answered(removers[sort], made):
                        self.there.discard(made)
                        self.gone.add(made)
            if self.stopped.is_set():
                break
            self.rounds += 1
        for client in self.clients.values():
            client.close()

    def _answered(self, call: Callable[[str], object], made: Made) -> bool:
        try:
            call(made.name)
        except (ClientError, BotoCoreError):
            self.open.add(made)
            return False
        self.there.add(made)
        return True

    def _stream(self, name: str) -> None:
        self.clients["kinesis"].create_stream(StreamName=name, ShardCount=1)

    def _rule(self, name: str) -> None:
        pattern = json.dumps({"source": [name]})
        self.clients["events"].put_rule(Name=name, EventBusName="storm", EventPattern=pattern)
        target = {"Id": name, "Arn": "arn:aws:firehose:us-east-1:000000000000:deliverystream/odd"}
        put = self.clients["events"].put_targets(EventBusName="storm", Rule=name, Targets=[target])
        assert put["FailedEntryCount"] == 0, put

    def _object(self, name: str) -> None:
        self.clients["s3"].put_object(Bucket="storm", Key=name, Body=name.encode() * 500)

    def _parts(self, name: str) -> None:
        s3, where = self.clients["s3"], {"Bucket": "storm", "Key": name}
        upload = s3.create_multipart_upload(**where)["UploadId"]
        tag = s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=name.encode() * 500)["ETag"]
        parts = {"Parts": [{"ETag": tag, "PartNumber": 1}]}
        s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=parts)

    def _table(self, name: str) -> None:
        storage = {"Columns": [{"Name": "id", "Type": "string"}], "Location": f"s3://storm/{name}/"}
        table = {"Name": name, "StorageDescriptor": storage}
        self.clients["glue"].create_table(DatabaseName="storm", TableInput=table)

    def _group(self, name: str) -> None:
        self.clients["logs"].create_log_group(logGroupName=name)

    def _role(self, name: str) -> None:
        self.clients["iam"].create_role(RoleName=name, AssumeRolePolicyDocument=_TRUST)

    def _function(self, name: str) -> None:
        self.clients["lambda"].create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role="arn:aws:iam::000000000000:role/storm",
            Handler="index.handler",
            Code={"ZipFile": zipped(f"def handler(event, context): return {name!r}")},
        )

    def _delivery(self, name: str) -> None:
        bucket = {"RoleARN": "arn:aws:iam::000000000000:role/storm", "BucketARN": "arn:aws:s3:::storm"}
        self.clients["firehose"].create_delivery_stream(
            DeliveryStreamName=name, ExtendedS3DestinationConfiguration=bucket
        )

    def _query(self, name: str) -> None:
        self.clients["athena"].create_named_query(Name=name, Database="storm", QueryString=f"select '{name}'")

    def verify(self) -> collections.Counter[str]:
        """All that was acknowledged is there, as it was made, and nothing that was removed; how many of each sort."""
        seen = set(self._seen())
        lost = {made for made in self.there - self.open if made not in seen}
        assert not lost, f"acknowledged and gone: {sorted(made.name for made in lost)}"
        back = seen & self.gone - self.open
        assert not back, f"removed and there: {sorted(made.name for made in back)}"
        return collections.Counter(made.sort for made in self.there)

    def _seen(self) -> Iterator[Made]:
        of = {name: aws(self.system, name) for name in self.clients}
        for page in of["kinesis"].get_paginator("list_streams").paginate():
            yield from (Made("stream", name) for name in page["StreamNames"])
        for page in of["events"].get_paginator("list_rules").paginate(EventBusName="storm"):
            for rule in page["Rules"]:
                if json.loads(rule["EventPattern"]) == {"source": [rule["Name"]]}:
                    targets = of["events"].list_targets_by_rule(EventBusName="storm", Rule=rule["Name"])
                    if [target["Id"] for target in targets["Targets"]] == [rule["Name"]]:
                        yield Made("rule", rule["Name"])
        for page in of["s3"].get_paginator("list_objects_v2").paginate(Bucket="storm"):
            for each in page.get("Contents", []):
                sort, name = each["Key"].partition("-")[0], each["Key"]
                if sort in ("object", "parts"):
                    assert of["s3"].get_object(Bucket="storm", Key=name)["Body"].read() == name.encode() * 500
                    yield Made(sort, name)
        for page in of["glue"].get_paginator("get_tables").paginate(DatabaseName="storm"):
            for table in page["TableList"]:
                if table["StorageDescriptor"]["Location"] == f"s3://storm/{table['Name']}/":
                    yield Made("table", table["Name"])
        for page in of["logs"].get_paginator("describe_log_groups").paginate():
            yield from (Made("group", group["logGroupName"]) for group in page["logGroups"])
        for page in of["iam"].get_paginator("list_roles").paginate():
            yield from (Made("role", role["RoleName"]) for role in page["Roles"])
        for page in of["lambda"].get_paginator("list_functions").paginate():
            for name in [each["FunctionName"] for each in page["Functions"]]:
                if name.startswith("function-"):
                    said = of["lambda"].invoke(FunctionName=name)["Payload"].read()
                    assert json.loads(said) == name
                    yield Made("function", name)
        more = True
        last: dict[str, str] = {}
        while more:
            answer = of["firehose"].list_delivery_streams(**last)
            names = answer["DeliveryStreamNames"]
            yield from (Made("delivery", name) for name in names)
            more, last = answer["HasMoreDeliveryStreams"], {"ExclusiveStartDeliveryStreamName": names[-1]}
        for page in of["athena"].get_paginator("list_named_queries").paginate():
            for id in page["NamedQueryIds"]:
                found = of["athena"].get_named_query(NamedQueryId=id)["NamedQuery"]
                if found["QueryString"] == f"select '{found['Name']}'":
                    yield Made("query", found["Name"])
        for client in of.values():
            client.close()


_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
