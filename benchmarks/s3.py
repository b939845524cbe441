"""S3 on the AWS port: PutObject and GetObject of 4 KiB and 8 MiB, durable, beside a server that only keeps bytes.

    python -m benchmarks.s3 [--seconds 2] [--rounds 3]

The ceiling is what the same client reaches against a server that writes and fdatasyncs the same bytes, answers
and does nothing else, asked in turn with forebay in the same run.
"""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path
from typing import Any

from benchmarks.ceiling import bare, client, keep_serving, timed
from benchmarks.disk import folder, fsync_p50
from benchmarks.system import system
from benchmarks.table import number, say

SMALL, LARGE = 4 << 10, 8 << 20
SHARE = 0.8


def serve(folder: Path) -> None:
    """The ceiling: keeps what it is sent, and sends what it last kept."""
    file = os.open(folder / "ceiling", os.O_RDWR | os.O_CREAT)
    os.pwrite(file, bytes(LARGE), 0)

    class Ceiling:
        async def __rsgi__(self, scope: Any, proto: Any) -> None:
            size = LARGE if scope.path.endswith("large") else SMALL
            if scope.method == "PUT":
                os.pwrite(file, await proto(), 0)
                os.fdatasync(file)
                proto.response_bytes(200, [("etag", '"d41d8cd98f00b204e9800998ecf8427e"')], b"")
            else:
                headers = [("etag", '"d41d8cd98f00b204e9800998ecf8427e"'), ("content-length", str(size))]
                proto.response_bytes(200, headers, os.pread(file, size, 0))

    keep_serving(Ceiling())


def measure(seconds: float, rounds: int) -> dict[str, float]:
    """Medians of the rounds, and the best ratio to the ceiling."""
    with (
        folder() as here,
        bare("benchmarks.s3", here) as nothing,
        system("name: bench\nlake:\n  bench: {}\n") as running,
    ):
        ours = running.start(sql=False).urls["aws"]
        clients = {"ours": client("s3", ours), "bare": client("s3", nothing)}
        bodies = {"small": os.urandom(SMALL), "large": os.urandom(LARGE)}
        runs: dict[str, list[float]] = {}
        for _ in range(rounds):
            for size, body in bodies.items():
                for who, each in clients.items():
                    this = {"Bucket": "bench", "Key": f"k/{size}"}
                    put = timed(lambda c=each, t=this, b=body: c.put_object(**t, Body=b), seconds)  # type: ignore[misc]
                    runs.setdefault(f"put_{size}_{who}", []).append(put)
                    got = timed(lambda c=each, t=this: c.get_object(**t)["Body"].read(), seconds)  # type: ignore[misc]
                    runs.setdefault(f"get_{size}_{who}", []).append(got)
        found = {what: statistics.median(figures) for what, figures in runs.items()}
        for what in ("put_small", "get_small", "put_large", "get_large"):
            pairs = zip(runs[f"{what}_ours"], runs[f"{what}_bare"], strict=True)
            found[f"{what}_ratio"] = max(a / b for a, b in pairs)
        found["fsync_p50_ms"] = fsync_p50(here)
        return found


def report(found: dict[str, float]) -> None:
    """Rows of the table."""
    for what, name, scale, unit in (
        ("put_small", "PutObject 4 KiB", 1.0, "/s"),
        ("get_small", "GetObject 4 KiB", 1.0, "/s"),
        ("put_large", "PutObject 8 MiB", 8.0, " MiB/s"),
        ("get_large", "GetObject 8 MiB", 8.0, " MiB/s"),
    ):
        say(
            f"boto3 {name}, one client",
            f"{number(found[f'{what}_ours'] * scale)}{unit}",
            "80 % of the client's ceiling",
            ratio=found[f"{what}_ratio"] / SHARE,
            beside=f"ceiling {number(found[f'{what}_bare'] * scale)}{unit}, an fsync {found['fsync_p50_ms']:.2f} ms",
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", type=Path)
    asked = parser.parse_args()
    if asked.serve is not None:
        serve(asked.serve)
    else:
        report(measure(asked.seconds, asked.rounds))


if __name__ == "__main__":
    main()
