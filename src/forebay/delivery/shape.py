"""May this SQL be a transform? It filters and projects `events`; what needs several events does not."""

from __future__ import annotations

from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

_BELONGS = "what joins or sums up events belongs to `streamsql`"


@dataclass(frozen=True, slots=True)
class Objection:
    """Why not; `line` and `column` are in the SQL, from 1, and 0 where not known."""

    message: str
    why: str | None = None
    fix: str | None = None
    line: int = 0
    column: int = 0


def object_to(sql: str) -> Objection | None:
    """The first reason why `sql` cannot be a transform; None if there is none."""
    try:
        statements = [
            statement for statement in sqlglot.parse(sql, dialect="athena") if statement is not None
        ]
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        message = str(first.get("description") or error).rstrip(".")
        return Objection(message, line=int(first.get("line") or 0), column=int(first.get("col") or 0))
    except TokenError as error:
        return Objection(str(error))
    if len(statements) != 1:
        return Objection(f"{len(statements)} statements where one SELECT is wanted")
    select = statements[0]
    if not isinstance(select, exp.Select):
        return Objection(
            f"a transform is a SELECT, not {select.key.upper()}", fix="select … from events where …"
        )
    return _inside(select)


def _inside(select: exp.Select) -> Objection | None:
    tables = [table.name for table in select.find_all(exp.Table)]
    nested = [node for node in select.find_all(exp.Select, exp.SetOperation) if node is not select]
    if nested or select.find(exp.CTE):
        return Objection("a transform is one SELECT without another inside", why=_BELONGS)
    if list(select.find_all(exp.Join)) or len(tables) > 1:
        return Objection("a transform has no join", why=_BELONGS)
    for kind, name in ((exp.Unnest, "UNNEST"), (exp.Lateral, "LATERAL"), (exp.Explode, "UNNEST")):
        if select.find(kind):
            return Objection(f"a transform has no {name}", why="each event becomes one row or none")
    if tables != ["events"]:
        found = f"`{tables[0]}`" if tables else "nothing"
        return Objection(f"a transform reads `events`, not {found}", fix="select … from events")
    aggregate = select.find(exp.AggFunc)
    if aggregate is not None:
        return Objection(f"a transform has no aggregates ({aggregate.sql(dialect='athena')})", why=_BELONGS)
    if select.find(exp.Window):
        return Objection("a transform has no window functions", why=_BELONGS)
    for part, name in (
        ("group", "GROUP BY"),
        ("having", "HAVING"),
        ("distinct", "DISTINCT"),
        ("order", "ORDER BY"),
        ("limit", "LIMIT"),
        ("offset", "OFFSET"),
        ("qualify", "QUALIFY"),
    ):
        if select.args.get(part):
            return Objection(f"a transform has no {name}", why="each event becomes one row or none")
    return None
