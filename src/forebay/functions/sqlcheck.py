"""Read the SQL of a transform: Athena's dialect, one SELECT over `events` that filters and projects.

Used by the checker, so that what cannot run is found before it runs, and by the worker that runs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from forebay.errors import UsageError

EVENTS = "events"
ROW = "__forebay_row"
SOURCE = "__forebay_source"

_FIX = "a transform is SELECT <expressions> FROM events [WHERE <condition>]"
_ELSEWHERE = "use `streamsql` for what needs more than one event"
_REFUSED: tuple[tuple[type[exp.Expr], str], ...] = (
    (exp.AggFunc, "an aggregate"),
    (exp.Window, "a window function"),
    (exp.Unnest, "UNNEST"),
    (exp.Subquery, "a subquery"),
    (exp.Exists, "a subquery"),
    (exp.SetOperation, "a set operation"),
)
_CLAUSES = {
    "with_": "WITH",
    "with": "WITH",
    "distinct": "DISTINCT",
    "joins": "a join",
    "laterals": "LATERAL",
    "group": "GROUP BY",
    "having": "HAVING",
    "qualify": "QUALIFY",
    "order": "ORDER BY",
    "limit": "LIMIT",
    "offset": "OFFSET",
    "sample": "TABLESAMPLE",
    "into": "INTO",
}


@dataclass(frozen=True, slots=True)
class Compiled:
    """A transform as DuckDB runs it.

    `sql` has a last column `SOURCE`, the row's number; `failing` finds the rows on which `sql` fails.
    `fields` are the paths of the event that are used. `outputs` are the names (in lower case) that the
    SELECT itself gives; what else comes out, comes of a star; `aliases` are those of them that it made up.
    """

    sql: str
    failing: str
    fields: tuple[tuple[str, ...], ...]
    outputs: frozenset[str]
    aliases: frozenset[str]


def compile_transform(sql: str) -> Compiled:
    """Read `sql`. Raises UsageError with `line` and `column` where the parser knows them."""
    try:
        statements = [s for s in sqlglot.parse(sql, read="athena") if s is not None]
    except (ParseError, TokenError) as error:
        raise _unreadable(error) from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Select):
        raise UsageError("SqlNotSelect", "the SQL of a transform is one SELECT statement", fix=_FIX)
    select = statements[0]
    alias = _check(select)
    fields = tuple(
        dict.fromkeys(_path(column, alias) for column in select.find_all(exp.Column) if column.name)
    )
    failing = _failing(select)
    aliases = frozenset(p.alias.lower() for p in select.expressions if isinstance(p, exp.Alias))
    _name(select)
    outputs = frozenset(p.alias_or_name.lower() for p in select.expressions if not p.is_star)
    row: Any = exp.column(ROW, quoted=True)
    select.select(exp.alias_(row, SOURCE, quoted=True), copy=False)
    return Compiled(_duckdb(select), failing, fields, outputs, aliases)


def _unreadable(error: Exception) -> UsageError:
    details: dict[str, Any] = (getattr(error, "errors", None) or [{}])[0]
    message = details.get("description") or str(error).split("\n", 1)[0]
    near = details.get("highlight")
    text = f"the SQL cannot be read: {message}" + (f" (near {near!r})" if near else "")
    place = {key: details[name] for key, name in (("line", "line"), ("column", "col")) if details.get(name)}
    return UsageError("SqlSyntax", text, **place)


def _check(select: exp.Select) -> str:
    for key, what in _CLAUSES.items():
        if select.args.get(key):
            raise UsageError(
                "SqlNotATransform", f"the SQL of a transform has {what}", why=_ELSEWHERE, fix=_FIX
            )
    for kind, what in _REFUSED:
        if select.find(kind):
            raise UsageError(
                "SqlNotATransform", f"the SQL of a transform has {what}", why=_ELSEWHERE, fix=_FIX
            )
    if len(list(select.find_all(exp.Select))) > 1:
        raise UsageError(
            "SqlNotATransform", "the SQL of a transform has a subquery", why=_ELSEWHERE, fix=_FIX
        )
    source = select.args.get("from_") or select.args.get("from")
    table = source.this if source is not None else None
    if not isinstance(table, exp.Table) or table.name.lower() != EVENTS or table.args.get("db"):
        named = table.sql("athena") if table is not None else "nothing"
        raise UsageError(
            "SqlNotATransform", f"the SQL of a transform reads from {named}, not from events", fix=_FIX
        )
    if not isinstance(table.this, exp.Identifier) or table.args.get("joins") or table.args.get("laterals"):
        raise UsageError("SqlNotATransform", "the SQL of a transform reads from more than events", fix=_FIX)
    return str(table.alias or EVENTS)


def _path(column: exp.Column, alias: str) -> tuple[str, ...]:
    """`e.session.id` is ('session', 'id'): the table's name is no field."""
    parts = [part.name for part in column.parts]
    node: exp.Expr | None = column.parent
    while isinstance(node, exp.Dot) and isinstance(node.expression, exp.Identifier):
        parts.append(node.expression.name)
        node = node.parent
    if len(parts) > 1 and parts[0].lower() in (alias.lower(), EVENTS):
        parts = parts[1:]
    return tuple(parts)


def _name(select: exp.Select) -> None:
    """Name what has no name as Athena does: `_col0` by its place."""
    named = []
    for i, projection in enumerate(select.expressions):
        plain = isinstance(projection, exp.Alias | exp.Star | exp.Column | exp.Dot)
        named.append(projection if plain else exp.alias_(projection, f"_col{i}"))
    select.set("expressions", named)


def _failing(select: exp.Select) -> str:
    """SQL for the numbers of the rows on which evaluating the transform raises."""
    outputs = [p.unalias() for p in select.expressions if not p.is_star]
    where = select.args.get("where")
    source = select.args.get("from_") or select.args["from"]
    tries = " OR ".join(f"TRY({{'v': {_duckdb(p)}}}) IS NULL" for p in outputs) or "FALSE"
    if where is not None:
        kept = _duckdb(where.this)
        tries = f"TRY({{'v': {kept}}}) IS NULL OR (TRY({kept}) AND ({tries}))"
    return f'SELECT "{ROW}" {_duckdb(source)} WHERE {tries}'


def _duckdb(node: exp.Expr) -> str:
    generate = cast("Callable[..., str]", node.sql)
    return generate("duckdb")
