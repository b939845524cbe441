"""Athena's SQL to DuckDB's: the first wall, part two, and the meaning of every expression.

    Statement ─ checked (only nodes and functions that we know)
              ─ relations resolved (CTEs, else the catalog; nothing else can be named)
              ─ functions and syntax rewritten
              ─ what depends on types rewritten, once the rest can be bound

The result is SQL in which each table is a CTE named `__t<n>`, whose body the plan fills in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp

from forebay.query.sql import typed, unnest
from forebay.query.sql.build import Arity, call
from forebay.query.sql.casts import Finish, quiet
from forebay.query.sql.composed import spread
from forebay.query.sql.functions import FUNCTIONS
from forebay.query.sql.normal import PREFIX, SUBSCRIPT
from forebay.query.sql.parse import Statement, failed, locate
from forebay.query.sql.relations import CATALOG, Relation, Rewritten, Use, conditions, is_cte, to_sql
from forebay.query.sql.syntax import SIMPLE
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
        self.widened: list[tuple[exp.Expr, Finish]] = []

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
                quiet(node)
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
            if not table.args.get("db") and is_cte(table):
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
            if table.db:
                self._unqualify(table.db, table.name)
            name = f"__t{len(self.uses)}"
            self.uses.append(Use(name, found))
            fresh = exp.Table(this=exp.to_identifier(name), alias=alias.copy())
            for key in ("sample", "joins"):
                if table.args.get(key):
                    fresh.set(key, table.args[key])
            table.replace(fresh)
        if depth == 0:
            self._paths()

    def _unqualify(self, db: str, table: str) -> None:
        """`shop.clicks.id` is `clicks.id`, where `shop.clicks` is a table of the query."""
        for column in self.tree.find_all(exp.Column):
            if (
                column.args.get("db") is not None
                and column.text("db").lower() == db.lower()
                and column.table.lower() == table.lower()
            ):
                column.set("db", None)
                column.set("catalog", None)

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
            if isinstance(node, (exp.Filter, exp.Window)):
                spread_ = spread(node)
                if spread_ is not node:
                    node.replace(spread_)
                return
            simple = SIMPLE.get(type(node))
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
            prefix = ", ".join(to_sql(cte) for cte in with_.expressions)
            bare = tree.copy()
            bare.set("with_", None)
        else:
            bare = tree
        suffix = to_sql(bare)
        return Rewritten(prefix, suffix, recursive, self.uses, self.generated, self.zones)


def _inside(node: exp.IgnoreNulls) -> None:
    """`f(x) IGNORE NULLS` is `f(x IGNORE NULLS)` in DuckDB."""
    called = node.this
    if isinstance(called, exp.Anonymous) and called.expressions:
        last = to_sql(called.expressions[-1])
        called.expressions[-1].replace(exp.Var(this=f"{last} IGNORE NULLS"))
        node.replace(called.copy())


def _nearest(name: str, known: Any) -> str | None:
    import difflib  # noqa: PLC0415 - only an error needs it

    found = difflib.get_close_matches(name.lower(), list(known), 1, 0.6)
    return found[0] if found else None
