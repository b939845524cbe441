"""`forebay query --follow`: a SELECT in Flink SQL over the streams, its rows as they come."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from typing import Any

import click

from forebay.errors import UsageError
from forebay.ipc import Client
from forebay.layout import Layout

WAIT = 5.0


def following(layout: Layout, sql: str, begin: str, limit: int | None, form: str) -> int:
    """Print rows until Ctrl-C, or `limit` of them. Raises what the system says of the SQL."""
    if form == "parquet":
        raise UsageError("NoOutput", "Parquet has no end to wait for", fix="--format json, csv or table")
    client = Client(layout.socket("flow"), "flow")
    try:
        try:
            asked = client.call("follow_open", sql=sql, begin=begin)
        except UsageError as error:
            raise _placed(error, sql) from None
        show = _shown(form, [name for name, _ in asked["columns"]])
        left = limit
        try:
            while left is None or left > 0:
                for row in client.call("follow_next", id=asked["id"], wait=WAIT, timeout=60.0)["rows"][:left]:
                    show(row)
                    left = None if left is None else left - 1
                sys.stdout.flush()
        except KeyboardInterrupt:
            pass
        finally:
            client.call("follow_close", id=asked["id"])
    finally:
        client.close()
    return 0


def _shown(form: str, names: list[str]) -> Callable[[bytes], None]:
    if form == "json":
        return lambda row: click.echo(row.decode())
    if form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        return lambda row: writer.writerow(_texts(json.loads(row), names))
    widths = [max(len(name), 12) for name in names]
    click.echo(_line(names, widths))

    def show(row: bytes) -> None:
        texts = _texts(json.loads(row), names)
        widths[:] = [max(width, len(text)) for width, text in zip(widths, texts, strict=True)]
        click.echo(_line(texts, widths))

    return show


def _texts(row: dict[str, Any], names: list[str]) -> list[str]:
    given = (row.get(name) for name in names)
    return [
        "" if each is None else each if isinstance(each, str) else json.dumps(each, ensure_ascii=False)
        for each in given
    ]


def _line(texts: list[str], widths: list[int]) -> str:
    return "  ".join(text.ljust(width) for text, width in zip(texts, widths, strict=True)).rstrip()


def _placed(error: UsageError, sql: str) -> UsageError:
    """The error with the line that it is about, for the caret."""
    line, lines = error.extra.get("line"), sql.splitlines()
    if isinstance(line, int) and 0 < line <= len(lines):
        error.extra["source"] = lines[line - 1].replace("\t", " ")
    return error
