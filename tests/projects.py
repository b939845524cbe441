"""Small projects that tests write into a folder."""

from __future__ import annotations

from pathlib import Path

PLAIN = """\
name: plain
ingest:
  events: {route: POST /events, to: delivery.events}
delivery:
  events: {to: lake.plain/events/, buffer: {seconds: 60}}
catalog:
  events:
    location: lake.plain/events/
    format: json
    columns: {id: string, n: bigint}
"""
"""One route into one delivery of JSON lines, and a table over it."""

STREAM = """\
name: plain
ingest:
  raw: {route: POST /raw, to: streams.raw}
streams:
  raw: {}
"""
"""A stream that nobody reads."""


def project(folder: Path, text: str = PLAIN, **files: str) -> Path:
    """Write `text` as the forebay.yaml of `folder`, and further files by name (`/` in it makes folders)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "forebay.yaml").write_text(text)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder
