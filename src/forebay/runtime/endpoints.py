"""What a running system leaves in its state folder so that others find it: pids, restarts, URLs."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from forebay.layout import Layout


class Process(msgspec.Struct, frozen=True):
    """One process of the system; `restarts` counts those since `forebay run`."""

    role: str
    pid: int
    restarts: int


class Endpoints(msgspec.Struct, frozen=True):
    """The file `run/endpoints.json`."""

    name: str
    version: str
    processes: list[Process]
    urls: dict[str, str]
    started: int


def write_atomically(path: Path, data: bytes) -> None:
    """Replace `path` with `data`, so that a reader sees the old whole or the new whole."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    partial.write_bytes(data)
    partial.chmod(0o600)
    partial.replace(path)


def write(layout: Layout, endpoints: Endpoints) -> None:
    """Publish."""
    write_atomically(layout.endpoints, msgspec.json.encode(endpoints))


def read(layout: Layout) -> Endpoints | None:
    """What the running system, or the last one, published; None if there never was one or it is unreadable."""
    try:
        return msgspec.json.decode(layout.endpoints.read_bytes(), type=Endpoints)
    except (OSError, msgspec.DecodeError):
        return None
