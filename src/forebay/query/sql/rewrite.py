"""Athena's SQL to DuckDB's: the first wall, part two, and the meaning of every expression.

    Statement ─ checked (only nodes and functions that we know)
              ─ relations resolved (CTEs, else the catalog; nothing else can be named)
              ─ functions and syntax rewritten
              ─ what depends on types rewritten, once the rest can be bound

The result is SQL in which each table is a CTE named `__t<n>`, whose body the plan fills in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb
from sqlglot import exp
from sqlglot.errors import ErrorLevel

from forebay.errors import QueryFailed
from forebay.query.sql import typed, unnest
from forebay.query.sql.functions import FUNCTIONS, Arity, call
from forebay.query.sql.normal import PREFIX, SUBSCRIPT
from forebay.query.sql.parse import Statement, failed, locate
from forebay.query.sql.typing import Types

_ALLOWED: tuple[type[exp.Expr], ...] = (
    exp.Select, exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered, exp.Limit, exp.Offset,
    exp.Fetch, exp.Distinct, exp.Table, exp.TableAlias, exp.Identifier, exp.Column, exp.Literal, exp.Alias, exp.Star,
    exp.Subquery, exp.Union, exp.Except, exp.Intersect, exp.With, exp.CTE, exp.Values, exp.Tuple, exp.Unnest,
    exp.Window, exp.WindowSpec, exp.Lambda, exp.Paren, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.And,
    exp.Or, exp.Not, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.DPipe, exp.Is, exp.Null, exp.Boolean,
    exp.Between, exp.In, exp.Like, exp.Escape, exp.Exists, exp.Any, exp.All, exp.Case, exp.If, exp.Cast, exp.TryCast,
    exp.DataType, exp.DataTypeParam, exp.ColumnDef, exp.Interval, exp.Var, exp.Extract, exp.Anonymous, exp.Coalesce,
    exp.Nullif, exp.Array, exp.Dot, exp.AtTimeZone, exp.CurrentDate, exp.CurrentTime,
    exp.CurrentTimestamp, exp.Localtime, exp.Localtimestamp, exp.Trim, exp.StrPosition, exp.GroupConcat,
    exp.WithinGroup, exp.Filter, exp.IgnoreNulls, exp.RespectNulls, exp.Cube, exp.Rollup, exp.GroupingSets,
    exp.TableSample, exp.ParseJSON, exp.Struct, exp.Substring, exp.NullSafeEQ, exp.NullSafeNEQ, exp.HexString,
    exp.UnicodeString, exp.LimitOptions, exp.IntervalSpan, exp.PropertyEQ,
)  # fmt: skip
_KINDS = frozenset(_ALLOWED)
MEANT = "meant"
"""On a node that the user wrote and whose meaning depends on types: the function's name, or nothing."""
MAX_NODES = 20_000
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
    if use.path:
        columns["$path"] = "VARCHAR"
    listed = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in columns.items())
    return f"SELECT {listed} WHERE false"


Resolve = Callable[[str | None, str], Relation | exp.Query]
"""Looks a table up by database (None: the default) and name; a view answers its (parsed) query."""


class Rewriter:
    """Rewrites one statement."""

    def __init__(self, statement: Statement, resolve: Resolve, bind: Callable[[str], None]) -> None:
        self.statement = statement
        self.resolve = resolve
        self.bind = bind
        assert statement.tree is not None
        self.tree: exp.Query = statement.tree
        self.uses: list[Use] = []
        self.generated: set[str] = set()
        self.zones: dict[str, str] = {}
        self.widened: list[tuple[exp.Expr, typed.Finish]] = []

    def run(self) -> Rewritten:
        """All the steps. Raises QueryFailed; a duckdb.Error where the query cannot be bound."""
        self._check(self.tree)
        self._relations(self.tree, 0)
        self._name_outputs()
        for i, found in enumerate(list(self.tree.find_all(exp.Unnest))):
            self.widened += unnest.rewrite(found, i)
        for part in self.tree.dfs():
            if type(part) in typed.NODES:
                part.meta[MEANT] = ""
        for part in reversed(list(self.tree.dfs())):
            self._rewrite(part)
        self._finish()
        for node in self.tree.find_all(exp.Anonymous):
            if str(node.this).lower() == "try":
                typed.quiet(node)
        for skipping in list(self.tree.find_all(exp.IgnoreNulls)):
            _inside(skipping)
        done = self._text()
        self.bind(done.empty())  # the user's mistakes show here
        for use in self.uses:
            use.conditions = conditions(self.tree, use)
        return done

    # ── the wall ────────────────────────────────────────────────────────────────────────────────
    def _check(self, tree: exp.Expr) -> None:
        for count, node in enumerate(tree.walk()):
            if count > MAX_NODES:
                raise failed("SYNTAX_ERROR", "the query is too large", (1, 1))
            if type(node) not in _KINDS:
                what = type(node).__name__.upper()
                raise failed("NOT_SUPPORTED", f"{what} is not supported in a query", self._place(node))
            match node:
                case exp.Anonymous():
                    self._known_function(node)
                case exp.Table():
                    if not isinstance(node.this, exp.Identifier) or any(
                        node.args.get(key)
                        for key in ("pivots", "version", "when", "changes", "partition", "hints", "only")
                    ):
                        raise failed("NOT_SUPPORTED", "only a table can stand in FROM", self._place(node))
                case exp.Select():
                    for key in (
                        "into",
                        "kind",
                        "hint",
                        "qualify",
                        "locks",
                        "settings",
                        "format",
                        "connect",
                        "match",
                        "pivots",
                        "options",
                        "cluster",
                        "sort",
                        "distribute",
                        "laterals",
                        "sample",
                        "prewhere",
                        "operation_modifiers",
                        "exclude",
                    ):
                        if node.args.get(key):
                            raise failed(
                                "NOT_SUPPORTED",
                                f"{key.upper()} is not supported in a query",
                                self._place(node),
                            )
                case exp.LimitOptions() if node.args.get("percent") or node.args.get("with_ties"):
                    raise failed(
                        "NOT_SUPPORTED", "only FETCH FIRST n ROWS ONLY is supported", self._place(node)
                    )
                case exp.Distinct() if node.args.get("on"):
                    raise failed("SYNTAX_ERROR", "DISTINCT ON is not Athena's SQL", self._place(node))
                case exp.Star() if any(
                    node.args.get(key) for key in ("except_", "replace", "rename", "except")
                ):
                    raise failed("SYNTAX_ERROR", "a star takes no list of columns", self._place(node))

    def _known_function(self, node: exp.Anonymous) -> None:
        name = node.this
        if name == SUBSCRIPT:
            return
        if isinstance(name, str) and name.startswith(PREFIX) and name.removeprefix(PREFIX) in FUNCTIONS:
            return
        shown = str(getattr(name, "this", name)).removeprefix(PREFIX)
        raise failed(
            "FUNCTION_NOT_FOUND",
            f"Function '{shown}' not registered",
            self.statement.place(shown),
            hint=_nearest(shown, FUNCTIONS),
        )

    def _place(self, node: exp.Expr) -> tuple[int, int] | None:
        for found in node.walk():
            start = (
                found.meta.get("start")
                if isinstance(found, (exp.Identifier, exp.Anonymous, exp.Literal))
                else None
            )
            if start is not None:
                return locate(self.statement.text, int(start))
        return None

    # ── relations ───────────────────────────────────────────────────────────────────────────────
    def _relations(self, tree: exp.Expr, depth: int) -> None:
        if depth > 16:
            raise failed("NOT_SUPPORTED", "views are nested too deep", None)
        for table in list(tree.find_all(exp.Table)):
            if not table.args.get("db") and _is_cte(table):
                continue
            if table.catalog.lower() not in ("", CATALOG):
                raise failed("CATALOG_NOT_FOUND", f"Catalog '{table.catalog}' not found", self._place(table))
            found = self.resolve(table.db or None, table.name)
            alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name.lower()))
            if isinstance(found, exp.Query):
                view = found.copy()
                self._check(view)
                subquery = exp.Subquery(this=view, alias=alias.copy())
                table.replace(subquery)
                self._relations(view, depth + 1)
                continue
            name = f"__t{len(self.uses)}"
            self.uses.append(Use(name, found))
            fresh = exp.Table(this=exp.to_identifier(name), alias=alias.copy())
            for key in ("sample", "joins"):
                if table.args.get(key):
                    fresh.set(key, table.args[key])
            table.replace(fresh)
        if depth == 0:
            self._paths()

    def _paths(self) -> None:
        """`"$path"` is a column of every table, which `*` does not show."""
        if not any(column.name.lower() == "$path" for column in self.tree.find_all(exp.Column)):
            return
        for use in self.uses:
            use.path = True
        for star in self.tree.find_all(exp.Star):
            if isinstance(star.parent, (exp.Select, exp.Column)):
                star.set("except_", [exp.to_identifier("$path")])

    def _columns_of(self, table: exp.Table) -> Mapping[str, str] | None:
        use = next((use for use in self.uses if use.name == table.name), None)
        return use.relation.columns if use else None

    # ── names ───────────────────────────────────────────────────────────────────────────────────
    def _name_outputs(self) -> None:
        for select in self.tree.find_all(exp.Select):
            for i, item in enumerate(select.expressions):
                inner = item.unnest() if isinstance(item, exp.Paren) else item
                if isinstance(inner, (exp.Alias, exp.Column, exp.Star, exp.Dot)):
                    continue
                name = f"_col{i}"
                select.expressions[i].replace(exp.alias_(item.copy(), name))
                self.generated.add(name)

    # ── expressions ─────────────────────────────────────────────────────────────────────────────
    def _rewrite(self, node: exp.Expr) -> None:
        try:
            if isinstance(node, exp.Anonymous) and str(node.this).startswith(PREFIX):
                name = str(node.this).removeprefix(PREFIX)
                target = FUNCTIONS[name]
                made = (
                    call(target, *node.expressions) if isinstance(target, str) else target(node.expressions)
                )
                if name in typed.FUNCTIONS:
                    made.meta[MEANT] = name
                node.replace(made)
                return
            simple = typed.SIMPLE.get(type(node))
            if simple is not None:
                fresh = simple(node)
                if fresh is not node:
                    node.replace(fresh)
                return
        except Arity as error:
            shown = str(node.this).removeprefix(PREFIX) if isinstance(node, exp.Anonymous) else "the query"
            raise failed(
                "FUNCTION_NOT_FOUND", f"Function '{shown}' {error}", self.statement.place(shown)
            ) from None

    def _finish(self) -> None:
        types = Types(self._columns_of, lambda: self.bind(self._text().empty()), json=self._has_json())
        for node, finish in self.widened:
            finish(node, types)
        waiting = [node for node in reversed(list(self.tree.dfs())) if MEANT in node.meta]
        for node in waiting:
            finish = typed.FUNCTIONS.get(node.meta[MEANT]) or typed.NODES[type(node)]
            fresh = finish(node, types)
            if fresh is None or fresh is node:
                continue
            zone = fresh.meta.pop("zone", None)
            holder = node.parent
            node.replace(fresh)
            if zone and isinstance(holder, exp.Alias) and holder.parent is self.tree:
                self.zones[holder.alias.lower()] = zone

    def _has_json(self) -> bool:
        columns = (kind for use in self.uses for kind in use.relation.columns.values())
        return "json" in self.statement.text.lower() or any("JSON" in kind for kind in columns)

    def _text(self) -> Rewritten:
        tree = self.tree
        with_ = tree.args.get("with_")
        prefix, recursive = "", False
        if with_ is not None:
            recursive = bool(with_.args.get("recursive"))
            prefix = ", ".join(_sql(cte) for cte in with_.expressions)
            bare = tree.copy()
            bare.set("with_", None)
        else:
            bare = tree
        suffix = _sql(bare)
        return Rewritten(prefix, suffix, recursive, self.uses, self.generated, self.zones)


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
            found.append(Condition(names, _sql(bare)))
    return found


def _inside(node: exp.IgnoreNulls) -> None:
    """`f(x) IGNORE NULLS` is `f(x IGNORE NULLS)` in DuckDB."""
    called = node.this
    if isinstance(called, exp.Anonymous) and called.expressions:
        last = _sql(called.expressions[-1])
        called.expressions[-1].replace(exp.Var(this=f"{last} IGNORE NULLS"))
        node.replace(called.copy())


def _sql(node: exp.Expr) -> str:
    """DuckDB's text. What cannot be said in it was refused before."""
    return node.sql(dialect="duckdb", identify=True, unsupported_level=ErrorLevel.IGNORE)


def _is_cte(table: exp.Table) -> bool:
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


def _nearest(name: str, known: Any) -> str | None:
    import difflib  # noqa: PLC0415 - only an error needs it

    found = difflib.get_close_matches(name.lower(), list(known), 1, 0.6)
    return found[0] if found else None


__all__ = ["QueryFailed", "Relation", "Resolve", "Rewriter", "Rewritten", "Use", "duckdb", "empty_body"]
