"""`forebay query`: SQL over the lake, through the running system or, without one, directly."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forebay.cli.find import find_layout, json_option, project_folder, settle, state_option
from forebay.cli.follow import following
from forebay.errors import NoServer, QueryFailed, UsageError
from forebay.ipc import Client
from forebay.layout import Layout
from forebay.project.model import Project
from forebay.runtime.lock import holder

if TYPE_CHECKING:
    import pyarrow as pa

    from forebay.query.result import Column

MOST_ROWS = 1_000_000
SHOWN_ROWS = 1000


class Answer:
    """What came back, wherever it was asked."""

    def __init__(
        self, columns: list[Column], table: pa.Table, truncated: bool, stats: dict[str, Any]
    ) -> None:
        self.columns = columns
        self.table = table
        self.truncated = truncated
        self.stats = stats


@click.command()
@click.argument("query", metavar="SQL|FILE|NAME")
@state_option
@json_option
@click.option("--database", "-d", help="Where unqualified tables are. Otherwise the project's database.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "parquet"]),
    help="How rows are printed. Otherwise a table.",
)
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="A file to write to.")
@click.option("--timeout", type=float, default=60.0, show_default=True, help="Seconds that it may take.")
@click.option(
    "--follow", is_flag=True, help="Ask the streams in Flink's SQL: rows as they come, until Ctrl-C."
)
@click.option(
    "--from",
    "begin",
    type=click.Choice(["latest", "earliest"]),
    default="latest",
    show_default=True,
    help="With --follow: begin with what comes now, or with the oldest event that is kept.",
)
@click.option("--limit", type=click.IntRange(min=1), help="With --follow: end after so many rows.")
@click.option("--target", type=click.Choice(["local", "aws"]), default="local", help="Where to ask.")
def command(  # noqa: PLR0917 - click passes options by name
    query: str,
    state: Path | None,
    as_json: bool,
    database: str | None,
    form: str | None,
    output: Path | None,
    timeout: float,
    follow: bool,
    begin: str,
    limit: int | None,
    target: str,
) -> int:
    """Ask the lake in Athena's SQL. `-` reads the SQL from stdin."""
    if target == "aws":
        raise UsageError(
            "NotBuilt", "--target aws is not built yet", fix="leave it out to ask the local lake"
        )
    form = form or (_by_name(output) if output else "json" if as_json else "table")
    if form == "parquet" and output is None:
        raise UsageError(
            "NoOutput", "Parquet is not for a terminal", fix="name a file: --output rows.parquet"
        )
    layout = find_layout(state)
    sql, where = _sql(query, layout)
    if follow:
        return following(layout, sql, begin, limit, form)
    try:
        answer = _ask(layout, sql, database or where, timeout)
    except QueryFailed as error:
        raise _placed(error, sql) from None
    _print(answer, form, output, as_json=as_json)
    if not answer.columns:
        click.echo("the table has no columns yet: they come with its first event", err=True)
    if answer.truncated:
        click.echo(f"only the first {answer.table.num_rows:,} rows are here", err=True)
    return 0


def _sql(query: str, layout: Layout) -> tuple[str, str | None]:
    """The SQL that is meant, and the database it belongs to if it has a name."""
    if query == "-":
        return sys.stdin.read(), None
    if any(space in query.strip() for space in " \n\t;"):
        return query, None
    path = Path(query)
    if path.suffix == ".sql" or path.is_file():
        try:
            return path.read_text("utf-8"), None
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError("QueryUnreadable", f"{query} cannot be read", why=str(error)) from None
    from forebay.query import named  # noqa: PLC0415 - only a name needs it

    project = _project(layout)
    found = named.find(project, query) if project is not None else None
    if found is None:
        names = sorted(project.sections.get("query", {})) if project is not None else []
        raise UsageError(
            "UnknownQuery",
            f"{query} is neither SQL, nor a file, nor a query of the project",
            fix=f"one of {', '.join(names)}" if names else 'SQL in quotes: forebay query "select 1"',
        )
    return found


def _project(layout: Layout) -> Project | None:
    """The project as applied, or as it stands in its folder; None if neither can be read."""
    from forebay.sections import SECTIONS  # noqa: PLC0415 - only a name or an idle lake needs it

    if layout.applied.is_file():
        return Project.decode(layout.applied.read_bytes(), SECTIONS)
    folder = project_folder(layout.root)
    if folder is None:
        return None
    from forebay.project.load import load  # noqa: PLC0415

    return load(folder, SECTIONS)[0]


def _ask(layout: Layout, sql: str, database: str | None, timeout: float) -> Answer:
    if holder(layout) is not None:
        try:
            return _remote(layout, sql, database, timeout)
        except NoServer:
            pass  # starting, or just gone: the lake can be read all the same
    return _local(layout, sql, database, timeout)


def _remote(layout: Layout, sql: str, database: str | None, timeout: float) -> Answer:
    settle(layout)
    client = Client(layout.socket("query"), "query")
    try:
        args: dict[str, Any] = {"sql": sql, "database": database, "seconds": timeout, "max_rows": MOST_ROWS}
        said = client.call("query", timeout=timeout + 10, **args)
    finally:
        client.close()
    import pyarrow as pa  # noqa: PLC0415 - after the answer, so that a refusal is quick

    from forebay.query.result import Column  # noqa: PLC0415

    columns = [Column(name, kind) for name, kind in said["columns"]]
    return Answer(columns, pa.ipc.open_stream(said["arrow"]).read_all(), said["truncated"], said["stats"])


def _local(layout: Layout, sql: str, database: str | None, timeout: float) -> Answer:
    from forebay.query.engine import QueryEngine  # noqa: PLC0415 - half a second of imports
    from forebay.streams.reader import opener  # noqa: PLC0415

    if database is None:
        project = _project(layout)
        database = project.database if project is not None else "default"
    engine = QueryEngine(layout, timeout=timeout, open_log=opener(layout))
    try:
        result = engine.query(sql, database, MOST_ROWS)
    finally:
        engine.close()
    return Answer(result.columns, result.table, result.truncated, result.stats.to_dict())


def _placed(error: QueryFailed, sql: str) -> QueryFailed:
    """The error with the line that it is about, for the caret."""
    error.message = error.message.removeprefix(f"{error.code}: ")
    line = error.extra.get("line")
    lines = sql.splitlines()
    if isinstance(line, int) and 0 < line <= len(lines):
        error.extra["source"] = lines[line - 1].replace("\t", " ")
    return error


def _by_name(output: Path) -> str:
    return {".csv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet"}.get(
        output.suffix, "table"
    )


def _print(answer: Answer, form: str, output: Path | None, *, as_json: bool) -> None:
    if form == "parquet":
        from pyarrow import parquet  # noqa: PLC0415

        assert output is not None
        parquet.write_table(_unique(answer.table), output)
    elif output is not None:
        with output.open("w", encoding="utf-8", newline="") as file:
            _WRITERS[form](answer, file.write)
    elif form == "json" and as_json:
        _document(answer)
    elif form == "table" and sys.stdout.isatty():
        _pretty(answer)
    else:
        _WRITERS[form](answer, sys.stdout.write)


def _unique(table: pa.Table) -> pa.Table:
    names: list[str] = []
    for name in table.column_names:
        again, n = name, 1
        while again in names:
            again, n = f"{name}_{n}", n + 1
        names.append(again)
    return table.rename_columns(names)


def _csv(answer: Answer, write: Callable[[str], Any]) -> None:
    """As Athena writes its results: everything in quotes, NULL as nothing."""
    from forebay.query.result import render_cell  # noqa: PLC0415

    def line(cells: list[str | None]) -> str:
        return ",".join("" if c is None else '"' + c.replace('"', '""') + '"' for c in cells) + "\n"

    write(line([column.name for column in answer.columns]))
    for row in _rows(answer):
        write(line([render_cell(v, c.type) for v, c in zip(row, answer.columns, strict=True)]))


def _jsonl(answer: Answer, write: Callable[[str], Any]) -> None:
    from forebay.query.result import to_json_rows  # noqa: PLC0415

    for text in to_json_rows(answer.columns, iter(_rows(answer))):
        write(text + "\n")


def _document(answer: Answer) -> None:
    from forebay.query.result import plain  # noqa: PLC0415

    rows = [[plain(value) for value in row] for row in _rows(answer)]
    document = {
        "columns": [{"name": c.name, "type": c.type} for c in answer.columns],
        "rows": rows,
        "truncated": answer.truncated,
        "stats": answer.stats,
    }
    click.echo(json.dumps(document, ensure_ascii=False))


def _plain_table(answer: Answer, write: Callable[[str], Any]) -> None:
    cells = _cells(answer)
    numeric = [_numeric(c.type) for c in answer.columns]
    head = [c.name for c in answer.columns]
    widths = [max([len(head[i]), *(len(row[i]) for row in cells)]) for i in range(len(head))]
    for row in [head, ["-" * w for w in widths], *cells]:
        parts = [c.rjust(w) if n else c.ljust(w) for c, w, n in zip(row, widths, numeric, strict=True)]
        write("  ".join(parts).rstrip() + "\n")


def _pretty(answer: Answer) -> None:
    from rich import box  # noqa: PLC0415 - only a terminal needs it
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in answer.columns:
        table.add_column(
            Text(column.name), justify="right" if _numeric(column.type) else "left", overflow="fold"
        )
    cells = _cells(answer)
    for row in cells[:SHOWN_ROWS]:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
    more = f", the first {SHOWN_ROWS:,} shown" if len(cells) > SHOWN_ROWS else ""
    click.secho(f"{len(cells):,} rows{more} in {answer.stats['elapsed_ms']:.0f} ms", dim=True, err=True)


def _numeric(kind: str) -> bool:
    return kind.partition("(")[0] in ("tinyint", "smallint", "integer", "bigint", "real", "double", "decimal")


def _rows(answer: Answer) -> list[list[Any]]:
    columns = [column.to_pylist() for column in answer.table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def _cells(answer: Answer) -> list[list[str]]:
    from forebay.query.result import render_cell  # noqa: PLC0415

    kinds = [c.type for c in answer.columns]
    return [[render_cell(v, k) or "" for v, k in zip(row, kinds, strict=True)] for row in _rows(answer)]


_WRITERS: dict[str, Callable[[Answer, Callable[[str], Any]], None]] = {
    "table": _plain_table,
    "csv": _csv,
    "json": _jsonl,
}
