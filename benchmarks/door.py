"""The door: HTTP requests acknowledged after an fsync, beside the same server doing nothing.

    python -m benchmarks.door [--seconds 1] [--rounds 4]

One process serves forebay's ingest application and, on another port, a bare handler that reads the body
and answers. A client (wrk if there is one, else a small one of ours) asks them in turn, so that what
else the machine does falls on both; medians of the rounds are compared.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.ceiling import free_port
from benchmarks.disk import folder, fsync_p50

EVENT = {
    "element_clicked": "entree_1",
    "time_spent": 67,
    "source_menu": "restaurant_name",
    "created_at": "2022-09-11 23:00:00",
}
LINES = 500
ANSWER = b'{"accepted":1,"duplicate":0,"refused":[]}'


class Bare:
    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        await proto()
        proto.response_bytes(200, [("content-type", "application/json"), ("x-request-id", "-")], ANSWER)


def serve(state: Path) -> None:
    from granian.constants import Interfaces
    from granian.server.embed import Server

    from forebay.access.keys import Keys
    from forebay.db import open_db
    from forebay.ingest.section import RouteSpec
    from forebay.project.model import Project, Ref
    from forebay.streams.writer import Log
    from forebay.web.guard import Guard
    from forebay.web.ingest import IngestApp

    to = Ref("delivery", "clicks")
    routes = {
        "clicks": RouteSpec(route="POST /clicks", to=to),
        "keyed": RouteSpec(route="POST /keyed", to=to, key="required"),
    }
    project = Project(name="bench", root=str(state), sections={"ingest": dict(routes)})

    async def main() -> None:
        keys = Keys(open_db(state / "state.db"))
        _, secret = keys.create("bench")
        log = Log(state / "log.db", str(to))
        app = IngestApp(project, {str(to): log}, keys, Guard())
        servers = []
        ports = []
        for each in (app, Bare()):
            port = free_port()
            ports.append(port)
            servers.append(
                Server(each, port=port, interface=Interfaces.RSGI, log_enabled=False, backlog=1024).serve()
            )
        print(json.dumps({"ports": ports, "secret": secret}), flush=True)
        await asyncio.gather(*servers)

    asyncio.run(main())


def wrk(
    url: str, body: bytes, headers: dict[str, str], connections: int, seconds: float, *, folder: Path
) -> Any:
    script = folder / "request.lua"
    (folder / "body").write_bytes(body)
    lines = [f'wrk.headers["{name}"]="{value}"' for name, value in headers.items()]
    script.write_text(
        f'wrk.method="POST"\nlocal f=io.open("{folder}/body","rb")\nwrk.body=f:read("*a")\nf:close()\n'
        + "\n".join(lines)
    )
    out = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", "-s", str(script), url],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    if "Non-2xx" in out:
        raise SystemExit(out)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", out)
    assert rate
    assert p99
    return float(rate[1]), float(p99[1]) * {"us": 1e-3, "ms": 1, "s": 1e3}[p99[2]]


def raw(url: str, body: bytes, headers: dict[str, str], connections: int, seconds: float, **_: object) -> Any:
    host, __, path = url.removeprefix("http://").partition("/")
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = (
        f"POST /{path} HTTP/1.1\r\nhost: {host}\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body
    )
    latencies: list[float] = []

    async def client(until: float) -> None:
        reader, writer = await asyncio.open_connection(*host.split(":"))
        while (began := time.perf_counter()) < until:
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in answer[:16]:
                raise SystemExit(answer.decode())
            size = re.search(rb"content-length: (\d+)", answer, re.IGNORECASE)
            assert size
            await reader.readexactly(int(size[1]))
            latencies.append(time.perf_counter() - began)
        writer.close()

    async def main() -> None:
        until = time.perf_counter() + seconds
        await asyncio.gather(*(client(until) for _ in range(connections)))

    asyncio.run(main())
    latencies.sort()
    return len(latencies) / seconds, latencies[int(len(latencies) * 0.99)] * 1e3


def measure(seconds: float, rounds: int) -> dict[str, float]:
    client = wrk if shutil.which("wrk") else raw
    event = json.dumps(EVENT).encode()
    line = json.dumps({**EVENT, "padding": "x" * (300 - len(event) - 15)}).encode()
    ndjson = b"\n".join([line] * LINES)
    with folder() as here:
        command = [sys.executable, "-m", "benchmarks.door", "--serve", str(here)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE)
        try:
            assert server.stdout
            said = json.loads(server.stdout.readline())
            ours, bare = said["ports"]
            time.sleep(0.5)
            key = {"content-type": "application/json", "x-api-key": said["secret"]}
            lines = {"content-type": "application/x-ndjson"}
            runs: dict[str, list[tuple[float, float]]] = {"bare": [], "single": [], "ndjson": []}
            for _ in range(rounds):
                runs["bare"].append(
                    client(f"http://127.0.0.1:{bare}/keyed", event, key, 64, seconds, folder=here)
                )
                runs["single"].append(
                    client(f"http://127.0.0.1:{ours}/keyed", event, key, 64, seconds, folder=here)
                )
                runs["ndjson"].append(
                    client(f"http://127.0.0.1:{ours}/clicks", ndjson, lines, 16, seconds, folder=here)
                )
            mid = {name: statistics.median(rate for rate, _ in run) for name, run in runs.items()}
            return {
                "fsync_p50_ms": fsync_p50(here),
                "bare_requests_per_s": mid["bare"],
                "single_requests_per_s": mid["single"],
                "single_p99_ms": statistics.median(p99 for _, p99 in runs["single"]),
                "single_ratio": mid["single"] / mid["bare"],
                "single_ratio_best": max(
                    s[0] / b[0] for s, b in zip(runs["single"], runs["bare"], strict=True)
                ),
                "ndjson_records_per_s": mid["ndjson"] * LINES,
            }
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", type=Path)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
    else:
        for name, figure in measure(options.seconds, options.rounds).items():
            print(f"{name:24} {figure:12,.2f}")
