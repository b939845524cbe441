"""A file of Flink SQL → one plan for each INSERT, or what is wrong with it and where."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from forebay.errors import UsageError
from forebay.streamsql import buses, changes, tables
from forebay.streamsql.casts import cast
from forebay.streamsql.nodes import (
    Ask,
    Call,
    ColumnDef,
    CreateTable,
    CreateView,
    Drop,
    Insert,
    Query,
    SetOption,
    TableRef,
    Type,
)
from forebay.streamsql.parser import parse
from forebay.streamsql.plan import Lookup, Plan, Source
from forebay.streamsql.references import Reference, meant
from forebay.streamsql.relation import Relation
from forebay.streamsql.relations import Builder
from forebay.streamsql.scalars import Scalars
from forebay.streamsql.scope import Problem
from forebay.streamsql.tables import Table
from forebay.streamsql.types import LTZ, STRING, TIMES, Typed, duck, fits, quoted
from forebay.streamsql.unions import branches
from forebay.streamsql.walk import names_in
from forebay.streamsql.written import filled, written

_IDLE = "table.exec.source.idle-timeout"
_TTL = "table.exec.state.ttl"
LIVES = 86_400_000
"""Milliseconds that a group of a question is held without an event, unless the SQL says it: as long as streams keep."""
_SET = {
    _IDLE,
    "table.local-time-zone",
    _TTL,
    "parallelism.default",
    "pipeline.name",
    "pipeline.auto-watermark-interval",
}
Tables = tuple[Reference, ...]
_METADATA: dict[str, Typed] = {
    "timestamp": ("make_timestamp(__arrival)", LTZ),
    "shard-id": ("__shard_id", STRING),
    "sequence-number": ("CAST(__row AS VARCHAR)", STRING),
}


def compile_job(
    text: str, idle: int | None = None, known: Tables = (), *, note: bool = False
) -> tuple[Plan, ...]:
    """The plans of the INSERTs, in order; `idle` in milliseconds unless the SQL says it, `known` the catalog's tables.

    Raises UsageError (`StreamSqlSyntax`, `StreamSqlInvalid`, `StreamSqlNotSupported`) with line and column.
    """
    return tuple(plan for plan in compile_all(text, idle, known, note=note)[0] if plan.sink.name)


@lru_cache(maxsize=64)
def compile_all(
    text: str, idle: int | None = None, known: Tables = (), *, note: bool = False
) -> tuple[tuple[Plan, ...], tuple[UsageError, ...]]:
    """Every plan; of a `note` its questions, too, and what is wrong with those that do not run."""
    job = _Job(text, idle, known, asked=note)
    job.lenient = note
    return tuple(job.plans()), tuple(job.doubts)


def compile_question(text: str, declared: Sequence[str] = (), known: Tables = ()) -> Plan:
    """The plan of the one SELECT in `text`, over tables that it or the texts `declared` declare.

    Raises UsageError as `compile_job` does.
    """
    job = _Job(text, None, known, asked=True)
    for each in declared:
        job.know(each)
    plans = list(job.plans())
    if len(plans) != 1 or plans[0].sink.name:
        raise UsageError(
            "StreamSqlInvalid", "a live question is one SELECT", fix="leave out the other statements"
        )
    return plans[0]


class _Job:
    def __init__(self, text: str, idle: int | None, known: Tables, *, asked: bool = False) -> None:
        self._asked = asked
        self._known = known
        self.lenient = False
        self.doubts: list[UsageError] = []
        self._problem = Problem(text)
        self._statements = parse(text)
        self._tables: dict[str, Table] = {}
        self._views: dict[str, CreateView] = {}
        self._idle = idle
        self._ttl: int | None = LIVES

    def plans(self) -> Iterator[Plan]:
        """The INSERTs, each over the tables declared before it."""
        names: dict[str, int] = {}
        last = 0
        for statement in self._statements:
            last = statement.at
            match statement:
                case CreateTable():
                    if self._free(statement.name, statement.if_not_exists, statement.at):
                        self._tables[statement.name] = tables.declare(statement, self._problem)
                case CreateView():
                    if self._free(statement.name, statement.if_not_exists, statement.at):
                        self._views[statement.name] = statement
                case Drop():
                    found = self._tables.pop(statement.name, None) or self._views.pop(statement.name, None)
                    if found is None and not statement.if_exists:
                        self._problem.fail(
                            f"there is no table {statement.name}", statement.at, "DROP TABLE IF EXISTS"
                        )
                case SetOption():
                    self._set(statement)
                case Ask():
                    if not self._asked:
                        self._problem.refuse(
                            "a SELECT without INSERT INTO",
                            statement.at,
                            "INSERT INTO a table over a stream, or ask it live: forebay query --follow",
                        )
                    names.setdefault("", 0)
                    try:
                        yield self._question(statement)
                    except UsageError as error:
                        if not self.lenient:
                            raise
                        self.doubts.append(error)
                case Insert():
                    for query in branches(statement.query, self._views):
                        plan = self._insert(replace(statement, query=query))
                        count = names[plan.name] = names.get(plan.name, 0) + 1
                        plan.name += f"#{count}" if count > 1 else ""
                        yield plan
        if not names:
            self._problem.fail("nothing is inserted", last, "INSERT INTO a table over a stream")

    def _free(self, name: str, if_not_exists: bool, at: int) -> bool:
        if name not in self._tables and name not in self._views:
            return True
        if not if_not_exists:
            self._problem.fail(f"{name} is declared already", at, "IF NOT EXISTS, or DROP it before")
        return False

    def _set(self, option: SetOption) -> None:
        if option.key not in _SET:
            self._problem.refuse(f"SET '{option.key}'", option.at)
        if option.key == "table.local-time-zone" and option.value not in ("UTC", "Etc/UTC", "GMT"):
            self._problem.refuse(f"the time zone {option.value}", option.at, "UTC")
        if option.key == _IDLE:
            self._idle = tables.idle_of(option.value, self._problem, option.at)
        if option.key == _TTL:
            self._ttl = tables.idle_of(option.value, self._problem, option.at)

    def know(self, text: str) -> None:
        """Have the tables and views that another text declares."""
        for statement in parse(text):
            if isinstance(statement, CreateTable) and statement.name not in self._tables:
                self._tables[statement.name] = tables.declare(statement, Problem(text))
            elif isinstance(statement, CreateView):
                self._views.setdefault(statement.name, statement)

    def _question(self, asked: Ask) -> Plan:
        """The plan of a SELECT by itself: what it writes are its own columns."""
        if len(branches(asked.query, self._views)) > 1:
            self._problem.refuse("UNION ALL in a question", asked.at, "ask its parts one by one")
        return self._planned(None, Insert("", (), asked.query, asked.at))

    def _insert(self, insert: Insert) -> Plan:
        sink = self._tables.get(insert.table)
        if sink is None:
            sink = written(insert, self._known, self._problem)
        if sink.ref.noun == "bus":
            buses.writable(sink, insert, self._problem)
        if sink.path:
            self._problem.refuse(
                f"to write the files of {sink.name}", insert.at,
                "'connector' = 'firehose' writes a delivery, which writes files",
            )  # fmt: skip
        return self._planned(sink, insert)

    def _planned(self, into: Table | None, insert: Insert) -> Plan:
        read: list[Relation] = []
        source: list[Table] = []
        used = names_in(insert.query)
        tables_: list[tuple[str, Reference, tuple[tuple[str, Type], ...]]] = []

        def lookup(reference: Reference) -> Relation:
            name = f"lookup{len(tables_)}"
            columns = tuple(each for each in reference.columns if "*" in used or each[0] in used)
            tables_.append((name, reference, columns))
            every = {each: (quoted(each), type_) for each, type_ in reference.columns}
            return Relation(name, every, static=name)

        def base(ref: TableRef) -> Relation | Query:
            if ref.name in self._views:
                used.update(names_in(self._views[ref.name].query))
                return self._views[ref.name].query
            table = self._tables.get(ref.name)
            reference = meant(ref, table, self._known, self._problem)
            if reference is not None:
                return lookup(reference)
            assert table is not None
            if source:
                self._problem.refuse(
                    "a JOIN of streams", ref.at,
                    "an INSERT reads one stream: write what one of them says into a table and join that, or both into "
                    "one stream and group that, or both into deliveries and join their tables in the lake",
                )  # fmt: skip
            if table.ref.noun == "bus":
                buses.readable(table, self._problem)
            source.append(table)
            read.append(self._read(table))
            return read[-1]

        builder = Builder(self._problem, base, used)
        result = builder.select(insert.query)
        if builder.changing is not None:
            changes.settle(builder.changing, into, builder)
            builder.changing.ttl = self._ttl
        if not source:
            self._problem.refuse(
                "a query that reads no stream", insert.at, "forebay query reads tables of the catalog"
            )
        lookups = tuple(
            Lookup(name, reference, columns, *builder.lookups.get(name, (False, False)))
            for name, reference, columns in tables_
        )
        sink = (
            filled(into, insert, result.columns)
            if into is not None
            else tables.answer(result.columns, insert.at)
        )
        hidden = builder.changing.hidden if builder.changing is not None else ()
        output, columns = self._into(sink, insert, result, hidden)
        if lookups and not result.closed:
            output += " ORDER BY __row"
        table = source[0]
        wanted = frozenset(
            table_name
            for table_name in (each.name for each in table.columns)
            if "*" in used or table_name in used
        )
        computed, watermark, needed = self._computed(table, wanted)
        made = Source(
            table,
            frozenset(wanted | needed),
            computed,
            table.watermark[0] if table.watermark is not None else None,
            watermark,
            builder.whole,
        )
        if builder.processing:
            clock = next(column.name for column in table.columns if _is_clock(column))
            made.processing, made.rowtime, made.watermark = True, clock, quoted(clock)
        # What the meaning depends on, not where it stands in the file: a comment closes no windows.
        shape = [
            [(each.name, str(each.type), each.metadata) for each in one.columns] + [one.iso, one.lenient]
            for one in (table, sink)
        ]
        idle = table.idle if table.idle is not None else self._idle
        print_ = repr(
            (shape, idle, computed, watermark, output, builder.windowed, made.whole, sink.partitioned)
            + (str(table.ref), sink.event)
            + ((lookups,) if lookups else ())
        )
        return Plan(
            str(sink.ref), made, sink, output, columns, builder.windowed,
            hashlib.sha256(print_.encode()).hexdigest()[:16], idle, insert.at, lookups, builder.changing,
        )  # fmt: skip

    def _read(self, table: Table) -> Relation:
        columns = {name: (quoted(name), type_) for name, type_ in self._types(table).items()}
        rowtime = frozenset({table.watermark[0]} if table.watermark is not None else ())
        clock = frozenset(column.name for column in table.columns if _is_clock(column))
        return Relation("chunk", columns, frozenset(), rowtime, clock)

    def _types(self, table: Table) -> dict[str, Type]:
        found: dict[str, Type] = {}
        scope = Scalars(self._problem, {}, events=True)
        for column in table.columns:
            if column.type is not None:
                found[column.name] = column.type
        scope.columns = {name: (quoted(name), type_) for name, type_ in found.items()}
        for column in table.columns:
            if column.computed is not None:
                found[column.name] = scope.sql(column.computed)[1]
        return {column.name: found[column.name] for column in table.columns}

    def _computed(
        self, table: Table, wanted: frozenset[str]
    ) -> tuple[list[tuple[str, str]], str | None, set[str]]:
        """(computed and metadata columns that are wanted, the watermark, what they need)."""
        types = self._types(table)
        scope = Scalars(
            self._problem, {name: (quoted(name), type_) for name, type_ in types.items()}, events=True
        )
        needed: set[str] = set()
        watermark = None
        if table.watermark is not None:
            name, expression = table.watermark
            if name not in types:
                self._problem.fail(f"WATERMARK FOR {name}: there is no such column", table.at)
            if types[name].name not in TIMES:
                self._problem.fail(f"WATERMARK FOR {name}: it is {types[name]}, not a TIMESTAMP", table.at)
            if (types[name].p or 0) > 3:
                self._problem.fail(
                    f"WATERMARK FOR {name}: its precision is {types[name].p}, at most 3 runs",
                    table.at,
                    "TIMESTAMP(3)",
                )
            needed |= {name, *names_in(expression)}
            watermark = scope.sql(expression)[0]  # type: ignore[arg-type]
        found = []
        for column in table.columns:
            if column.name not in wanted | needed:
                continue
            if column.metadata is not None:
                sql, type_ = _METADATA[column.metadata]
                shown = cast(sql, type_, column.type or type_)
                found.append((column.name, shown or sql))
            elif column.computed is not None:
                found.append((column.name, scope.sql(column.computed)[0]))
                needed |= names_in(column.computed)
        return found, watermark, needed & types.keys()

    def _into(
        self, sink: Table, insert: Insert, result: Relation, hidden: Sequence[str]
    ) -> tuple[str, list[tuple[str, Type]]]:
        """A query whose columns are those that are written, as the sink declares them."""
        persisted = {column.name: column for column in sink.persisted}
        for name in insert.columns:
            if name not in persisted:
                self._problem.fail(f"{sink.name} has no column {name} to write", insert.at)
        targets = list(insert.columns) or list(persisted)
        if len(targets) != len(result.columns):
            self._problem.fail(
                f"{sink.name} takes {len(targets)} columns, and the query gives {len(result.columns)}",
                insert.at,
            )
        given = dict(zip(targets, result.columns.items(), strict=True))
        items, columns = [], []
        for name, column in persisted.items():
            assert column.type is not None
            columns.append((name, column.type))
            if name not in given:
                items.append(f"CAST(NULL AS {duck(column.type)}) AS {quoted(name)}")
                continue
            own, (sql, type_) = given[name]
            if not fits(type_, column.type):
                self._problem.fail(
                    f"{own} is {type_}, and {sink.name}.{name} is {column.type}",
                    insert.at,
                    f"CAST({own} AS {column.type})",
                )
            made = cast(sql, type_, column.type) if type_.of else f"TRY_CAST({sql} AS {duck(column.type)})"
            items.append(f"{made} AS {quoted(name)}")
        return f"SELECT {', '.join([*items, *hidden])} FROM {result.sql}", columns


def _is_clock(column: ColumnDef) -> bool:
    """Whether a column is processing time."""
    return isinstance(column.computed, Call) and column.computed.name == "PROCTIME"
