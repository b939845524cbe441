"""`forebay send`: a file's events to a route, a stream or a delivery; a file as it is to a bucket."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import click

from forebay.cli.bar import Bar
from forebay.cli.find import applied_project, find_running, front, json_option, state_option
from forebay.errors import DataRejected, NotFound, UsageError
from forebay.ingest.section import RouteSpec
from forebay.lake.files import Files
from forebay.layout import Layout
from forebay.project.model import Project, Ref
from forebay.reading import FORMATS, Source, open_source
from forebay.runtime.endpoints import Endpoints
from forebay.sender import BATCH, Log, Outcome, Route, Target

LOGS = ("streams", "bus", "delivery", "topics")
"""The nouns whose logs are put to directly."""


@click.command()
@click.argument("target")
@click.argument("file", metavar="FILE|-")
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), help="What FILE is, if its name does not tell."
)
@click.option("--key", envvar="FOREBAY_API_KEY", help="The API key, for a route that wants one.")
@state_option
@json_option
def command(
    *, target: str, file: str, format_: str | None, key: str | None, state: Path | None, as_json: bool
) -> int:
    """Send the events of FILE (NDJSON, JSON, CSV, Parquet; .gz too) to TARGET.

    TARGET is a route (clicks, /clicks), streams.NAME, bus.NAME, delivery.NAME, topics.NAME or lake.BUCKET/KEY. What is
    refused is kept in FILE.rejected.ndjson with the reason, and the exit code is then 4.
    """
    layout, running = find_running(state)
    project = applied_project(layout)
    if target.startswith(("lake.", "s3://")):
        return _put(layout, project, target, Path(file), as_json=as_json)
    with ExitStack() as stack:
        where = _target(running, project, target, layout=layout, key=key, stack=stack)
        stack.callback(where.close)
        source = open_source(file, format_)
        stack.callback(source.close)
        sent = _Sent(Path("stdin" if file == "-" else file))
        stack.callback(sent.close)
        with Bar(f"{file} → {target}", source.size) as bar:
            _send(source, where, sent, bar)
    _tell(sent, as_json=as_json)
    return DataRejected.exit_code if sent.rejected else 0


def _target(
    running: Endpoints, project: Project, text: str, *, layout: Layout, key: str | None, stack: ExitStack
) -> Target:
    noun, dot, name = text.partition(".")
    if dot and noun in LOGS:
        return Log(front(layout), text)
    routes = project.of(RouteSpec)
    wanted = name if dot and noun == "ingest" else text
    spec = routes.get(wanted)
    if spec is None:
        wanted, spec = next(
            ((each, found) for each, found in routes.items() if found.path == text), (wanted, None)
        )
    if spec is None:
        known = [
            *routes,
            *(f"{noun}.{each}" for noun in LOGS for each in project.sections.get(noun, {})),
        ]
        raise NotFound(
            "NoSuchTarget", f"{text} takes no events", fix=f"there are: {', '.join(known) or 'none'}"
        )
    if "{" in spec.path:
        raise UsageError(
            "PathWithParameters", f"the path of {wanted} has parameters: {spec.path}", fix="use curl for it"
        )
    if spec.key == "required" and key is None:
        key = _own_key(layout, wanted, stack)
    return Route(running.urls["ingest"], spec.method, spec.path, key, spec.max_body)


def _own_key(layout: Layout, route: str, stack: ExitStack) -> str:
    """A key for as long as this takes: who may speak to the socket may make keys anyway."""
    client = front(layout)
    stack.callback(client.close)
    made = client.call("keys_create", name="forebay send", routes=[route])
    stack.callback(lambda: client.call("keys_revoke", id=made["id"]))
    return str(made["secret"])


class _Sent:
    """Counts, and the file of what was refused, made when the first is."""

    def __init__(self, source: Path) -> None:
        self.accepted = self.duplicate = self.rejected = 0
        self.began = time.monotonic()
        self.path = source.with_name(source.name + ".rejected.ndjson")
        self._file: BinaryIO | None = None

    @property
    def total(self) -> int:
        return self.accepted + self.duplicate + self.rejected

    def add(self, batch: list[tuple[int, bytes]], outcome: Outcome) -> None:
        self.accepted += outcome.accepted
        self.duplicate += outcome.duplicate
        for index, code, path, reason in outcome.refused:
            self.reject(*batch[index], code, path, reason)

    def reject(self, line: int, event: bytes, code: str, path: str | None, reason: str) -> None:
        self.rejected += 1
        if self._file is None:
            self._file = self.path.open("wb")
        entry = {"line": line, "code": code, "path": path, "reason": reason}
        self._file.write(json.dumps(entry | {"event": event.decode("utf-8", "replace")}).encode() + b"\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _send(source: Source, target: Target, sent: _Sent, bar: Bar) -> None:
    for batch in _batches(source.events, target.most_bytes, sent):
        sent.add(batch, target.send([event for _, event in batch]))
        rate = sent.total / max(time.monotonic() - sent.began, 0.001)
        bar.show(source.read(), f"{sent.total:,} events, {rate:,.0f}/s, {sent.rejected:,} rejected")


def _batches(
    events: Iterable[tuple[int, bytes]], most_bytes: int, sent: _Sent
) -> Iterator[list[tuple[int, bytes]]]:
    batch: list[tuple[int, bytes]] = []
    size = 0
    for line, event in events:
        if len(event) > most_bytes:
            sent.reject(line, event, "BodyTooLarge", None, f"{len(event)} bytes; a body has {most_bytes}")
            continue
        if batch and (len(batch) == BATCH or size + len(event) + 1 > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append((line, event))
        size += len(event) + 1
    if batch:
        yield batch


def _tell(sent: _Sent, *, as_json: bool) -> None:
    seconds = time.monotonic() - sent.began
    if as_json:
        found: dict[str, Any] = {
            "accepted": sent.accepted, "duplicate": sent.duplicate, "rejected": sent.rejected,
            "seconds": round(seconds, 3),
        }  # fmt: skip
        if sent.rejected:
            found["rejected_file"] = str(sent.path)
        click.echo(json.dumps(found))
        return
    click.echo(f"{sent.accepted:,} accepted in {seconds:.1f} s")
    if sent.duplicate:
        click.echo(f"{sent.duplicate:,} were there already")
    if sent.rejected:
        click.secho(f"{sent.rejected:,} rejected: see {sent.path}", fg="red", err=True)


def _put(layout: Layout, project: Project, target: str, file: Path, *, as_json: bool) -> int:
    """Put a file into the lake as it is; SQL finds it there like any foreign file."""
    _, _, rest = target.partition("lake." if target.startswith("lake.") else "s3://")
    bucket, _, key = rest.partition("/")
    if project.get(Ref("lake", bucket)) is None:
        known = ", ".join(project.sections.get("lake", {})) or "none"
        raise NotFound("NoSuchBucket", f"there is no bucket {bucket}", fix=f"there are: {known}")
    if not key or key.endswith("/"):
        key += file.name
    files = Files(layout.lake)
    path, kept = files.locate(bucket, key)
    if kept is not None:
        raise UsageError("InvalidKey", f"{key} cannot be a file's path in the lake")
    temporary = files.temporary()
    try:
        with file.open("rb") as source, files.create(temporary) as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
            files.sync(copy)
        files.rename(temporary, path)
        files.sync_folders(path)
    except FileNotFoundError:
        raise UsageError("NoSuchFile", f"{file} does not exist", where=os.fspath(file.absolute())) from None
    finally:
        temporary.unlink(missing_ok=True)
    size = path.stat().st_size
    click.echo(
        json.dumps({"bucket": bucket, "key": key, "bytes": size})
        if as_json
        else f"s3://{bucket}/{key}  {size:,} bytes"
    )
    return 0
