"""One boto3 client, durable: forebay beside a server that only keeps the bytes, and beside two emulators.

    python -m benchmarks.clients [--seconds 1] [--rounds 5]

The ceiling is what the same client reaches against a server that writes and fdatasyncs the same bytes, answers
and does nothing else. It answers with the headers that AWS has: reading them (a time, a checksum to be held against
the bytes) is the client's work, whoever answers. moto's server and ministack keep everything in memory. All are asked
in turn, in one run.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import statistics
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32 as crc

from tests.proof.environments import made

from benchmarks.ceiling import bare, client, free_port, keep_serving, timed, wait_for
from benchmarks.disk import folder, fsync_p50
from benchmarks.system import system
from benchmarks.table import number, say

HERE = Path(__file__).parent / "environments"
SHARE = 0.8
SIZE = 300
SMALL, LARGE = 4 << 10, 8 << 20
SEQUENCE = "49680461794442484964995249919237493022850135075164520450"
ROLE = "arn:aws:iam::000000000000:role/bench"


@dataclass(frozen=True, slots=True)
class Line:
    """A call that is measured: `many` of `unit` at once, by what `of` makes of a client."""

    title: str
    service: str
    unit: str
    many: float
    of: Callable[[Any], Callable[[], Any]]


def _put_records(kinesis: Any) -> Callable[[], Any]:
    records = [{"Data": b"x" * SIZE, "PartitionKey": f"user-{n % 97}"} for n in range(500)]
    return lambda: kinesis.put_records(StreamName="bench", Records=records)


def _put_record(kinesis: Any) -> Callable[[], Any]:
    return lambda: kinesis.put_record(StreamName="bench", Data=b"x" * SIZE, PartitionKey="k")


def _put_events(events: Any) -> Callable[[], Any]:
    detail = json.dumps({"padding": "x" * (SIZE - 14)})
    entries = [{"Source": "bench", "DetailType": "n", "Detail": detail, "EventBusName": "bench"}] * 10
    return lambda: events.put_events(Entries=entries)


def _put_record_batch(firehose: Any) -> Callable[[], Any]:
    line = json.dumps({"padding": "x" * (SIZE - 15)}).encode() + b"\n"
    return lambda: firehose.put_record_batch(DeliveryStreamName="bench", Records=[{"Data": line}] * 500)


def _put_small(s3: Any) -> Callable[[], Any]:
    """Each call a key of its own: forebay makes no file of an object that is overwritten at once."""
    body, numbers = os.urandom(SMALL), itertools.count()
    s3.put_object(Bucket="bench", Key="small", Body=body)
    return lambda: s3.put_object(Bucket="bench", Key=f"small/{next(numbers)}", Body=body)


def _put_object(key: str, body: bytes) -> Callable[[Any], Callable[[], Any]]:
    return lambda s3: lambda: s3.put_object(Bucket="bench", Key=key, Body=body)


def _get_object(key: str) -> Callable[[Any], Callable[[], Any]]:
    def of(s3: Any) -> Callable[[], Any]:
        def got() -> Any:
            return s3.get_object(Bucket="bench", Key=key)["Body"].read()

        return got

    return of


LINES = (
    Line("put_records × 500", "kinesis", "records/s", 500, _put_records),
    Line("put_record", "kinesis", "calls/s", 1, _put_record),
    Line("put_events × 10", "events", "events/s", 10, _put_events),
    Line("put_record_batch × 500", "firehose", "records/s", 500, _put_record_batch),
    Line("put_object of 4 KiB", "s3", "calls/s", 1, _put_small),
    Line("get_object of 4 KiB", "s3", "calls/s", 1, _get_object("small")),
    Line("put_object of 8 MiB", "s3", "MiB/s", 8, _put_object("large", os.urandom(LARGE))),
    Line("get_object of 8 MiB", "s3", "MiB/s", 8, _get_object("large")),
)


def prepare(clients: Mapping[str, Any]) -> None:
    """What the calls need, made as a user makes it."""
    clients["s3"].create_bucket(Bucket="bench")
    clients["kinesis"].create_stream(StreamName="bench", ShardCount=4)
    clients["kinesis"].get_waiter("stream_exists").wait(StreamName="bench")
    clients["events"].create_event_bus(Name="bench")
    clients["firehose"].create_delivery_stream(
        DeliveryStreamName="bench",
        ExtendedS3DestinationConfiguration={"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::bench"},
    )


def serve(folder: Path) -> None:
    """The ceiling: keeps what it is sent, and answers as AWS would."""
    file = os.open(folder / "ceiling", os.O_RDWR | os.O_CREAT)
    os.pwrite(file, bytes(LARGE), 0)
    zeros = os.open(folder / "zeros", os.O_RDWR | os.O_CREAT)
    os.pwrite(zeros, bytes(LARGE), 0)
    one = {"ShardId": "shardId-000000000000", "SequenceNumber": SEQUENCE}
    batch = {"FailedPutCount": 0, "Encrypted": False, "RequestResponses": [{"RecordId": SEQUENCE * 4}] * 500}
    made_of: dict[str, tuple[int, Any]] = {
        "PutRecord": (SIZE, one),
        "PutRecords": (500 * SIZE, {"FailedRecordCount": 0, "Records": [one] * 500}),
        "PutEvents": (10 * (SIZE + 220), {"FailedEntryCount": 0, "Entries": [{"EventId": "0" * 36}] * 10}),
        "PutRecordBatch": (500 * SIZE, batch),
    }
    answers = {
        name: (os.urandom(size), json.dumps(answer).encode()) for name, (size, answer) in made_of.items()
    }
    always = [
        ("x-amz-request-id", "01B6575BF1464910"),
        ("x-amz-id-2", "a" * 76),
        ("etag", '"d41d8cd98f00b204e9800998ecf8427e"'),
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-checksum-type", "FULL_OBJECT"),
    ]
    bytes_of = [
        ("accept-ranges", "bytes"),
        ("content-type", "binary/octet-stream"),
        ("last-modified", "Mon, 01 Jun 2026 07:45:54 GMT"),
    ]
    crc32 = {size: b64encode(crc(bytes(size)).to_bytes(4, "big")).decode() for size in (SMALL, LARGE)}

    class Ceiling:
        async def __rsgi__(self, scope: Any, proto: Any) -> None:
            body = await proto()
            target = scope.headers.get("x-amz-target")
            if target is not None:
                kept, answer = answers[target.rpartition(".")[2]]
                headers = [("content-type", "application/x-amz-json-1.1"), ("x-amzn-requestid", "-")]
            elif scope.method == "PUT":
                sent = ("x-amz-checksum-crc32", scope.headers.get("x-amz-checksum-crc32", ""))
                kept, answer, headers = body, b"", [*always, sent]
            else:
                size = LARGE if scope.path.endswith("large") else SMALL
                headers = [*always, *bytes_of, ("x-amz-checksum-crc32", crc32[size])]
                proto.response_bytes(200, [*headers, ("content-length", str(size))], os.pread(zeros, size, 0))
                return
            os.pwrite(file, kept, 0)
            os.fdatasync(file)
            proto.response_bytes(200, headers, answer)

    keep_serving(Ceiling())


@contextlib.contextmanager
def peer(name: str, here: Path) -> Iterator[str]:
    """The address of another project's server, from its own locked environment."""
    port, binaries = free_port(), made(name, HERE, "peer") / "bin"
    command = [str(binaries / "ministack")]
    if name == "moto":
        command = [str(binaries / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    environment = {**os.environ, "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1"}
    with (here / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=here, env=environment, stdout=log, stderr=log)
        try:
            wait_for(f"127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def rows(seconds: float = 1.0, rounds: int = 5) -> None:
    """The README's rows."""
    with (
        folder() as here,
        bare("benchmarks.clients", here) as nothing,
        peer("moto", here) as moto,
        peer("ministack", here) as ministack,
        system("name: bench\n") as running,
    ):
        urls = {"ours": running.start().urls["aws"], "bare": nothing, "moto": moto, "ministack": ministack}
        services = {line.service for line in LINES}
        clients = {who: {name: client(name, url) for name in services} for who, url in urls.items()}
        for who, each in clients.items():
            if who != "bare":
                prepare(each)
        for line in LINES:
            calls = {who: line.of(each[line.service]) for who, each in clients.items()}
            found: dict[str, list[float]] = {who: [] for who in calls}
            for _ in range(rounds):
                for who, call in calls.items():
                    found[who].append(timed(call, seconds) * line.many)
            middle = {who: statistics.median(figures) for who, figures in found.items()}
            pairs = zip(found["ours"], found["bare"], strict=True)
            beside = ", ".join(f"{who} {number(middle[who])}" for who in ("moto", "ministack"))
            say(
                f"boto3 {line.title}, one client",
                f"{number(middle['ours'])} {line.unit}",
                "80 % of the client's ceiling",
                ratio=statistics.median(a / b for a, b in pairs) / SHARE,
                beside=f"ceiling {number(middle['bare'])}, an fsync {fsync_p50(here):.2f} ms; in memory: {beside}",
            )
        for each in clients.values():
            for one in each.values():
                one.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", type=Path)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve)
    else:
        rows(asked.seconds, asked.rounds)
