"""`forebay query --follow`: a SELECT in Flink SQL over the streams, its rows as they come."""

from __future__ import annotations

import csv
import json
import shutil
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
        names = [name for name, _ in asked["columns"]]
        if asked["changing"] and form == "table" and sys.stdout.isatty():
            show: Shows = Table(names)
        else:
            show = _each(_shown(form, names, changing=asked["changing"]))
        left = limit
        try:
            while left is None or left > 0:
                answer = client.call("follow_next", id=asked["id"], wait=WAIT, timeout=60.0)
                answer["rows"] = answer["rows"][:left]
                show(answer)
                left = None if left is None else left - len(answer["rows"])
                sys.stdout.flush()
        except KeyboardInterrupt:
            pass
        finally:
            client.call("follow_close", id=asked["id"])
    finally:
        client.close()
    return 0


Shows = Callable[[dict[str, Any]], None]


def _each(show: Callable[[bytes, str], None]) -> Shows:
    """Row by row, each with what became of it, or nothing of rows that do not change."""

    def all_of(answer: dict[str, Any]) -> None:
        ops = answer.get("ops") or [""] * len(answer["rows"])
        for row, op in zip(answer["rows"], ops, strict=False):
            show(row, op)

    return all_of


def _shown(form: str, names: list[str], *, changing: bool) -> Callable[[bytes, str], None]:
    if form == "json":
        return lambda row, op: click.echo(
            f'{{"op":"{op}","row":{row.decode()}}}' if changing else row.decode()
        )
    head = ["op"] if changing else []
    if form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow([*head, *names])
        return lambda row, op: writer.writerow([op, *_texts(json.loads(row), names)][not changing :])
    widths = [*(2 for _ in head), *(max(len(name), 12) for name in names)]
    click.echo(_line([*head, *names], widths))

    def show(row: bytes, op: str) -> None:
        texts = [op, *_texts(json.loads(row), names)][not changing :]
        widths[:] = [max(width, len(text)) for width, text in zip(widths, texts, strict=True)]
        click.echo(_line(texts, widths))

    return show


class Table:
    """Rows that change, in their places on a terminal: those that fit on it."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._rows: dict[int, list[str]] = {}
        self._order: list[int] | None = None
        self._lines = 0

    def __call__(self, answer: dict[str, Any]) -> None:
        """Take in what changed, and draw the table anew over itself."""
        for row, op, group in zip(answer["rows"], answer["ops"], answer["groups"], strict=False):
            if op == "-D":
                self._rows.pop(group, None)
            elif op != "-U":
                self._rows[group] = _texts(json.loads(row), self._names)
        self._order = answer.get("order", self._order)
        if answer["rows"] or not self._lines:
            self._draw()

    def _draw(self) -> None:
        columns, height = shutil.get_terminal_size()
        wanted = self._rows if self._order is None else self._order
        rows = [self._rows[each] for each in wanted if each in self._rows]
        fit = rows[: max(1, height - 3)]
        widths = [
            max(len(name), *(len(row[at]) for row in fit), 12) if fit else max(len(name), 12)
            for at, name in enumerate(self._names)
        ]
        lines = [_line(row, widths) for row in (self._names, *fit)]
        if len(rows) > len(fit):
            lines.append(f"... {len(rows) - len(fit):,} more rows")
        up = f"\x1b[{self._lines}F\x1b[J" if self._lines else ""
        sys.stdout.write(up + "".join(f"{line[: columns - 1]}\n" for line in lines))
        self._lines = len(lines)


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
