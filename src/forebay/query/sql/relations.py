"""Relations in a statement: which a name means, what a query says of them, and their places in the SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp
from sqlglot.errors import ErrorLevel

from forebay.query.sql import unnest

CATALOG = "awsdatacatalog"
"""The only catalog there is, as Athena names it."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table of the catalog as the query sees it: `columns` are lower case with DuckDB types, in order."""

    key: Any
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Condition:
    """A predicate (SQL) on these columns of one relation, which its rows must satisfy to matter."""

    columns: frozenset[str]
    sql: str


@dataclass(slots=True)
class Use:
    """One mention of a relation: the CTE `name` stands for it; `conditions` are on it alone."""

    name: str
    relation: Relation
    path: bool = False
    conditions: list[Condition] = field(default_factory=list)

    @property
    def needs_path(self) -> bool:
        """Whether `"$path"` is among its columns: asked for, or the only one while others are to be inferred."""
        return self.path or not self.relation.columns


@dataclass(slots=True)
class Rewritten:
    """DuckDB SQL for a statement, ready but for the bodies of its tables.

    `body(bodies)` is the whole text. `generated` are output names that we gave (`_col<n>`), `zones` the time
    zone of output columns that have one of their own.
    """

    prefix: str
    suffix: str
    recursive: bool
    uses: list[Use]
    generated: set[str]
    zones: dict[str, str]

    def sql(self, bodies: Mapping[str, str]) -> str:
        """The statement, with each use's body put in."""
        tables = [f'"{use.name}" AS NOT MATERIALIZED ({bodies[use.name]})' for use in self.uses]
        ctes = ", ".join([*tables, *([self.prefix] if self.prefix else [])])
        if not ctes:
            return self.suffix
        return f"WITH {'RECURSIVE ' if self.recursive else ''}{ctes} {self.suffix}"

    def empty(self) -> str:
        """The statement over tables without rows: what binding needs."""
        return self.sql({use.name: empty_body(use) for use in self.uses})


def empty_body(use: Use) -> str:
    """A relation of the use's columns and no rows."""
    columns = dict(use.relation.columns)
    if use.needs_path:
        columns["$path"] = "VARCHAR"
    listed = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in columns.items())
    return f"SELECT {listed} WHERE false"


def conditions(tree: exp.Expr, use: Use) -> list[Condition]:
    """The parts of the WHERE over a relation that speak of its columns alone, as SQL.

    Only where the relation's rows must satisfy them to matter: not on the optional side of an outer join.
    """
    table = next((table for table in tree.find_all(exp.Table) if table.name == use.name), None)
    select = table.find_ancestor(exp.Select) if table is not None else None
    where = select.args.get("where") if select is not None else None
    while (
        where is None
        and select is not None
        and select.parent is not None
        and select.parent.meta.get(unnest.MARK)
    ):
        select = select.parent.find_ancestor(exp.Select)
        where = select.args.get("where") if select is not None else None
    if table is None or select is None or where is None or not isinstance(table.parent, (exp.From, exp.Join)):
        return []
    joins = select.args.get("joins") or []
    first = isinstance(table.parent, exp.From)
    for join in joins:
        side = str(join.args.get("side") or "").upper()
        if side in ("RIGHT", "FULL") or (side == "LEFT" and not first):
            return []
    alias, alone = table.alias_or_name.lower(), not joins
    found = []
    for part in where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
        if part.find(exp.Subquery, exp.Select, exp.Window) is not None:
            continue
        columns = list(part.find_all(exp.Column))
        own = all(
            c.name.lower() in use.relation.columns and (c.table.lower() == alias if c.table else alone)
            for c in columns
        )
        if columns and own:
            bare = part.copy()
            for column in bare.find_all(exp.Column):
                column.set("table", None)
            names = frozenset(c.name.lower() for c in columns)
            found.append(Condition(names, to_sql(bare)))
    return found


def to_sql(node: exp.Expr) -> str:
    """DuckDB's text. What cannot be said in it was refused before."""
    return node.sql(dialect="duckdb", identify=True, unsupported_level=ErrorLevel.IGNORE)


def is_cte(table: exp.Table) -> bool:
    """Whether `table` names a CTE that it can see."""
    name = table.name.lower()
    node: exp.Expr = table
    while node.parent is not None:
        parent = node.parent
        with_ = parent.args.get("with_") if not isinstance(parent, (exp.With, exp.CTE)) else None
        if isinstance(parent, exp.With):
            for cte in parent.expressions:
                if cte is node:
                    if parent.args.get("recursive") and cte.alias.lower() == name:
                        return True
                    break
                if cte.alias.lower() == name:
                    return True
        elif (
            with_ is not None
            and with_ is not node
            and any(cte.alias.lower() == name for cte in with_.expressions)
        ):
            return True
        node = parent
    return False
