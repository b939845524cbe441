"""Kinesis on the AWS port: PutRecords of a client that costs nothing, durable, beside a server that only keeps the bytes.

    python -m benchmarks.kinesis [--seconds 2] [--rounds 3]

The ceiling is what the same client reaches against a server that writes and fdatasyncs the same bytes, answers
and does nothing else, asked in turn with forebay in the same run.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import socket
import statistics
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.ceiling import bare, keep_serving
from benchmarks.disk import folder, fsync_p50
from benchmarks.system import system
from benchmarks.table import number, say

RECORDS, SIZE = 500, 300
SEQUENCE = "49680461794442484964995249919237493022850135075164520450"
CONNECTIONS = 8


def serve(folder: Path) -> None:
    """The ceiling: keeps what it is sent and answers as Kinesis would."""
    file = os.open(folder / "ceiling", os.O_WRONLY | os.O_CREAT)
    one = {"ShardId": "shardId-000000000000", "SequenceNumber": SEQUENCE}
    answer = json.dumps({"FailedRecordCount": 0, "Records": [one] * RECORDS}).encode()
    records = os.urandom(RECORDS * SIZE)

    class Ceiling:
        async def __rsgi__(self, _scope: Any, proto: Any) -> None:
            await proto()
            os.pwrite(file, records, 0)
            os.fdatasync(file)
            headers = [("content-type", "application/x-amz-json-1.1"), ("x-amzn-requestid", "-")]
            proto.response_bytes(200, headers, answer)

    keep_serving(Ceiling())


def raw(url: str, stream: str, seconds: float) -> float:
    """PutRecords of 500 over a few connections, by a client that only sends and waits; records a second."""
    data = base64.b64encode(b'{"padding":"' + b"x" * (SIZE - 14) + b'"}').decode()
    parts = urlsplit(url)
    done = [0] * CONNECTIONS
    until = time.perf_counter() + seconds

    def sender(own: int) -> None:
        keys = [f"user-{own}-{n % 97}" for n in range(RECORDS)]
        records = [{"Data": data, "PartitionKey": key} for key in keys]
        body = json.dumps({"StreamName": stream, "Records": records}).encode()
        request = (
            f"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-amz-json-1.1\r\n"
            f"x-amz-target: Kinesis_20131202.PutRecords\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode() + body
        buffer = bytearray(1 << 20)
        with socket.create_connection((parts.hostname or "", parts.port or 80)) as connection:
            while time.perf_counter() < until:
                connection.sendall(request)
                have, want = 0, -1
                while have != want:
                    have += connection.recv_into(memoryview(buffer)[have:])
                    if want < 0 and (end := buffer.find(b"\r\n\r\n", 0, have)) >= 0:
                        head = bytes(buffer[:end]).lower()
                        if b" 200 " not in head[:16]:
                            raise SystemExit(bytes(buffer[:have]))
                        size = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
                        want = end + 4 + int(size)
                done[own] += RECORDS

    threads = [threading.Thread(target=sender, args=(own,)) for own in range(CONNECTIONS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - began)


def rows(seconds: float = 1.0, rounds: int = 3) -> None:
    """The README's rows."""
    with (
        folder() as here,
        bare("benchmarks.kinesis", here) as nothing,
        system("name: bench\nstreams:\n  one: {}\n  four: {shards: 4}\n") as running,
    ):
        ours = running.start(sql=False).urls["aws"]
        runs: dict[str, list[float]] = {"bare": [], "one": [], "four": []}
        for _ in range(rounds):
            runs["bare"].append(raw(nothing, "one", seconds))
            for stream in ("one", "four"):
                runs[stream].append(raw(ours, stream, seconds))
        middle = {what: statistics.median(figures) for what, figures in runs.items()}
        say(
            "Kinesis PutRecords × 500, raw client",
            f"{number(middle['one'])} records/s",
            "400 k",
            ratio=middle["one"] / 400_000,
            beside=f"keeping the bytes only {number(middle['bare'])}; 4 shards {number(middle['four'])}; "
            f"an fsync {fsync_p50(here):.2f} ms",
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", type=Path)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
    else:
        rows(options.seconds, options.rounds)
