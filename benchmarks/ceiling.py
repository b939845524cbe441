"""The ceiling that a figure of the AWS port stands beside: what the same client reaches against a bare server.

The bare server writes and fdatasyncs the same bytes, answers and does nothing else. A module of measures has
`serve(folder)`, which is called by `python -m MODULE --serve FOLDER` and ends in `keep_serving`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def keep_serving(application: Any) -> None:
    """Serve an RSGI application at a free port, which is printed."""
    from granian.constants import Interfaces
    from granian.server.embed import Server

    port = free_port()
    print(port, flush=True)
    asyncio.run(Server(application, port=port, interface=Interfaces.RSGI, log_enabled=False).serve())


def free_port() -> int:
    """Nobody listens there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def bare(module: str, folder: Path) -> Iterator[str]:
    """The address of a module's bare server, in a process of its own that keeps its bytes in `folder`."""
    command = [sys.executable, "-m", module, "--serve", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        address = f"127.0.0.1:{int(process.stdout.readline())}"
        wait_for(address)
        yield f"http://{address}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def wait_for(address: str) -> None:
    host, port = address.split(":")
    until = time.monotonic() + 30
    while True:
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def client(service: str, url: str) -> Any:
    """A boto3 client as users make it."""
    import boto3  # type: ignore[import-untyped, unused-ignore]

    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def timed(call: Callable[[], Any], seconds: float) -> float:
    """Calls a second."""
    call()
    count, began = 0, time.perf_counter()
    while (now := time.perf_counter()) - began < seconds:
        call()
        count += 1
    return count / (now - began)
