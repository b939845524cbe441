"""Plans: a statement rewritten once, and used again for as long as its tables are what they were."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, NoReturn

import duckdb
import pyarrow as pa
from sqlglot import exp

from forebay.query import show
from forebay.query.errors import nearest, translate
from forebay.query.permit import Permit
from forebay.query.snapshot import Snapshot, Table
from forebay.query.sql.macros import Macros
from forebay.query.sql.parse import Statement, failed, parse
from forebay.query.sql.relations import CATALOG, Relation, Rewritten
from forebay.query.sql.rewrite import Rewriter

KEPT = 512


@dataclass(slots=True)
class Plan:
    """A statement, ready but for the moment.

    `looked_up` are the tables that were asked for, with the versions they had (None: there was none).
    `tables` and `virtual` (of information_schema) are by the name of their CTE in `rewritten`, as are
    `conditions`: what the query says of partition columns alone.
    """

    statement: Statement
    rewritten: Rewritten | None = None
    looked_up: list[tuple[str, str, tuple[int, int] | None]] = field(default_factory=list)
    tables: dict[str, Table] = field(default_factory=dict)
    virtual: dict[str, str] = field(default_factory=dict)
    conditions: dict[str, list[str]] = field(default_factory=dict)
    shown: pa.Table | None = None

    @property
    def columns(self) -> list[str]:
        """Every column that the query could have meant."""
        return [name for table in self.tables.values() for name in table.all_columns]

    def holds(self, snapshot: Snapshot) -> bool:
        """Whether every table is still what it was."""
        for db, name, key in self.looked_up:
            table = snapshot.table(db, name)
            if (table.key if table else None) != key:
                return False
        return True

    def permitted(self, permit: Permit) -> None:
        """Ask whether everything that is looked up may be. Raises QueryFailed."""
        for db, name, _ in self.looked_up:
            permit.table(db, name)
        for table in self.tables.values():
            permit.partitions(table)
        if self.virtual:
            permit.databases()
            permit.tables("*")


class Planner:
    """Makes plans and keeps the latest. Thread-safe."""

    def __init__(self, root: duckdb.DuckDBPyConnection) -> None:
        self._root = root
        self._macros = Macros(root)
        self._plans: OrderedDict[tuple[str, str], Plan] = OrderedDict()
        self._lock = threading.Lock()

    def known(self, sql: str, database: str) -> Plan | None:
        """The plan that was made before, whether or not it still holds."""
        with self._lock:
            return self._plans.get((sql, database))

    def plan(self, sql: str, database: str, snapshot: Snapshot, permit: Permit | None = None) -> Plan:
        """The plan of `sql` for the tables of `snapshot`. Raises QueryFailed.

        A new plan asks `permit` before each look at the catalog; of one that was kept it is the caller's to ask.
        """
        key = (sql, database)
        with self._lock:
            plan = self._plans.get(key)
            if plan is not None:
                self._plans.move_to_end(key)
        if plan is not None and plan.holds(snapshot):
            return plan
        plan = self._make(sql, database, snapshot, permit)
        if plan.rewritten is None:
            return plan  # SHOW and the like: nothing to keep
        with self._lock:
            self._plans[key] = plan
            while len(self._plans) > KEPT:
                self._plans.popitem(last=False)
        return plan

    def _make(self, sql: str, database: str, snapshot: Snapshot, permit: Permit | None) -> Plan:
        statement = parse(sql)
        plan = Plan(statement)
        if statement.tree is None:
            return plan
        relations: dict[Any, Table] = {}
        cursor = self._root.cursor()

        def resolve(db: str | None, name: str) -> Relation | exp.Query:
            named = ((db or database).lower(), name.lower())
            if permit is not None and named[0] != "information_schema":
                permit.table(*named)
            return _resolve(plan, snapshot, relations, named)

        rewriter = Rewriter(statement, resolve, lambda text: self._bind(cursor, text))
        try:
            rewritten = rewriter.run()
        except duckdb.Error as error:
            columns = [name for table in relations.values() for name in table.all_columns]
            raise translate(error, statement, columns) from None
        except RecursionError:
            raise failed("SYNTAX_ERROR", "the query is nested too deep", (1, 1)) from None
        finally:
            cursor.close()
        for use in rewritten.uses:
            if use.relation.key not in relations:
                plan.virtual[use.name] = use.relation.key[1]
                continue
            table = plan.tables[use.name] = relations[use.relation.key]
            keys = {name for name, _ in table.partition_keys}
            plan.conditions[use.name] = [c.sql for c in use.conditions if c.columns <= keys]
        plan.rewritten = rewritten
        return plan

    def _bind(self, cursor: duckdb.DuckDBPyConnection, text: str) -> None:
        """Let DuckDB bind `text` without running it. Raises duckdb.Error where it cannot."""
        self._macros.ensure(text)
        cursor.sql(text)


def _resolve(
    plan: Plan, snapshot: Snapshot, relations: dict[Any, Table], named: tuple[str, str]
) -> Relation | exp.Query:
    db, name = named
    if db == "information_schema" and name in show.INFORMATION_SCHEMA:
        columns = dict.fromkeys(show.INFORMATION_SCHEMA[name], "VARCHAR")
        if name == "columns":
            columns["ordinal_position"] = "BIGINT"
        return Relation(("information_schema", name), columns)
    table = snapshot.table(db, name)
    plan.looked_up.append((db, name, table.key if table else None))
    if table is None:
        _no_table(plan.statement, snapshot, db, name)
    if table.kind == "view":
        return _view(table)
    relations[table.key] = table
    return Relation(table.key, table.all_columns)


def _no_table(statement: Statement, snapshot: Snapshot, db: str, name: str) -> NoReturn:
    if db not in snapshot.databases():
        hint = nearest(db, snapshot.databases())
        message = f"Schema '{db}' does not exist"
        raise failed("SCHEMA_NOT_FOUND", message, statement.place(db), hint=hint and f"did you mean {hint}?")
    hint = nearest(name, snapshot.names(db))
    message = f"Table '{CATALOG}.{db}.{name}' does not exist"
    raise failed("TABLE_NOT_FOUND", message, statement.place(name), hint=hint and f"did you mean {hint}?")


def _view(table: Table) -> exp.Query:
    """A view's query. Raises QueryFailed if its text is none."""
    statement = parse(str(table.doc.get("view_sql") or ""))
    if statement.kind != "query" or statement.tree is None:
        raise failed("INVALID_VIEW", f"View '{table.db}.{table.name}' is no query", None)
    return statement.tree
