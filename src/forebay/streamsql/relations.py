"""Queries of Flink SQL → DuckDB's over `chunk` (events) or `fired` (windows that close)."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import replace

from forebay.streamsql import aggregates, changes
from forebay.streamsql.froms import WINDOWS
from forebay.streamsql.joins import called, joined
from forebay.streamsql.nodes import (
    Binary,
    Call,
    Column,
    Interval,
    Join,
    Node,
    Query,
    Select,
    Star,
    Sub,
    TableRef,
    Union,
    WindowRef,
)
from forebay.streamsql.plan import Changing, Window, Windowed
from forebay.streamsql.relation import Relation
from forebay.streamsql.scalars import Scalars
from forebay.streamsql.scope import Hook, Problem
from forebay.streamsql.types import BIGINT, PROCTIME, TIMESTAMP, Typed, quoted

EDGES = {"START": ("wstart", 0), "END": ("wend", 0), "ROWTIME": ("wend", 1)}
TVF = {"window_start": "START", "window_end": "END", "window_time": "ROWTIME"}
HIDDEN = ("__row", "__ts", "__before", "__arrival")


class Builder:
    """Builds one INSERT's query. `windowed` is its aggregation, `whole` the events that WHERE leaves.

    `used` are the names of columns that there are in it (`*` for all). `lookups` are the tables of the catalog that are joined: whether as of processing time, and whether with events.
    """

    def __init__(
        self, problem: Problem, base: Callable[[TableRef], Relation | Query], used: Set[str]
    ) -> None:
        self.problem = problem
        self._base = base
        self._used = used
        self.windowed: Windowed | None = None
        self.changing: Changing | None = None
        self.processing = False
        self.whole = ""
        self.lookups: dict[str, tuple[bool, bool]] = {}

    def select(self, select: Query, given: Relation | None = None) -> Relation:
        """A SELECT, of what it reads or of `given`. Raises UsageError with the place of what does not run."""
        if isinstance(select, Union):
            self.problem.refuse(
                "UNION ALL beneath a window", select.at, "INSERT both into a stream, and read that"
            )
        source = select.source
        window: WindowRef | None = None
        match source:
            case WindowRef():
                window = source
                relation = self.table(source.table)
                relation.names |= {source.alias} if source.alias else frozenset()
            case _:
                relation = given if given is not None else self.table(source)
        group = [each for each in select.group if not _is_window(each)]
        legacy = [each for each in select.group if _is_window(each)]
        if (select.order or select.limit is not None) and window is None and not legacy:
            return changes.ordered(self, select, relation)
        if window is not None or legacy:
            if select.distinct or select.order or select.limit is not None:
                self.problem.refuse(
                    "DISTINCT, ORDER BY or LIMIT of windows", select.at,
                    "a query around it with ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY ...)",
                )  # fmt: skip
            return self._aggregated(select, relation, window, legacy, group)
        if select.distinct:
            select = changes.distinct(self, select, relation)
        if self.aggregates(select):
            return changes.grouped(self, select, relation)
        numbered = changes.numbers(select)
        if numbered is not None and not relation.closed and not relation.static:
            relation = changes.held(self, relation, "ROW_NUMBER", numbered.at)
        scope = self.scope(relation, events=not (relation.closed or relation.static))
        where = scope.boolean(select.where) if select.where is not None else None
        if self.changing is not None and where is not None:
            self.changing.numbered = False
        if relation.closed:
            scope.hook = self._numbering(relation, scope)
        return self._projected(select, relation, scope, where)

    def aggregates(self, select: Select) -> bool:
        """Whether it groups, or aggregates everything."""
        return bool(
            select.group or select.having is not None or any(_aggregate(item) for item, _ in select.items)
        )

    def table(self, ref: Node) -> Relation:  # noqa: RET503 - to refuse is to raise
        """What is read: a table, a view, a query, or what is joined of them."""
        match ref:
            case Sub():
                if isinstance(ref.query, Select) and (ref.query.order or ref.query.limit is not None):
                    self.problem.refuse(
                        "ORDER BY or LIMIT within FROM", ref.at, "ROW_NUMBER(), and a filter on it"
                    )
                return replace(
                    self.select(ref.query), names=frozenset({ref.alias} if ref.alias else ()), sides={}
                )
            case TableRef():
                found = self._base(ref)
                relation = found if isinstance(found, Relation) else self.select(found)
                return replace(relation, names=frozenset({ref.name, ref.alias or ref.name}), sides={})
            case Join():
                left, right = self.table(ref.left), self.table(ref.right)
                if left.changing or right.changing:
                    self.problem.refuse(
                        "a join of rows that change", ref.at, "join first, and group what comes of it"
                    )
                closed = left.closed or right.closed
                self.lookups[right.static or left.static] = (ref.as_of is not None, not closed)
                result = joined(
                    self.problem, ref, (called(ref.left), left), (called(ref.right), right), self._used
                )
                if not closed:
                    self.whole = result.sql
                return result
            case WindowRef():
                self.problem.refuse(
                    "a join of windows that are not grouped",
                    ref.at,
                    "group the window, and join what comes of it",
                )
        self.problem.refuse("this in FROM", ref.at)

    def scope(self, relation: Relation, hook: Hook | None = None, *, events: bool = False) -> Scalars:
        """Where an expression over a relation stands."""
        return Scalars(
            self.problem, relation.columns, relation.names, hook, events=events, sides=relation.sides
        )

    def _projected(self, select: Select, relation: Relation, scope: Scalars, where: str | None) -> Relation:
        columns: dict[str, Typed] = {}
        items: list[str] = []
        rowtimes, proctimes, edges = set(), set(), {}
        for item, alias in self.expanded(select, relation):
            clock = relation.closed and isinstance(item, Call) and item.name == "PROCTIME"
            sql, type_ = ("NULL::TIMESTAMP", PROCTIME) if clock else scope.sql(item)
            name = alias or (item.name if isinstance(item, Column) else f"EXPR${len(columns)}")
            if name in columns:  # as Flink names them
                name = next(made for number in range(1000) if (made := f"{name}{number}") not in columns)
            origin = relation.origin(item)
            if origin in relation.rowtimes:
                rowtimes.add(name)
            if clock or origin in relation.proctimes:
                proctimes.add(name)
            if origin in relation.edges:
                edges[name] = relation.edges[origin]
            columns[name] = (quoted(name), type_)
            items.append(f"{sql} AS {quoted(name)}")
        if relation.changing:
            items.append("__group")
        elif relation.static:
            items.append("__at")
        elif not relation.closed:
            items += HIDDEN
        condition = f" WHERE {where}" if where is not None else ""
        sql = f"(SELECT {', '.join(items)} FROM {relation.sql}{condition})"
        if not relation.closed and not relation.static:
            self.whole = sql
        return Relation(
            sql, columns, frozenset(), frozenset(rowtimes), frozenset(proctimes), relation.closed, edges,
            static=relation.static, changing=relation.changing,
        )  # fmt: skip

    def expanded(self, select: Select, relation: Relation) -> list[tuple[Node, str | None]]:
        """What is selected, each column of a `*` by itself."""
        found: list[tuple[Node, str | None]] = []
        for item, alias in select.items:
            if isinstance(item, Star):
                if item.of is not None and item.of not in (relation.sides or relation.names):
                    self.problem.fail(f"there is no {item.of}", item.at)
                if relation.sides:
                    found += [
                        (Column((side, name), at=item.at), None)
                        for side, names in relation.sides.items()
                        for name in names
                        if item.of in (None, side)
                    ]
                    continue
                found += [(Column((name,), at=item.at), None) for name in relation.columns]
            else:
                found.append((item, alias))
        return found

    def _numbering(self, relation: Relation, scope: Scalars) -> Callable[[Node], Typed | None]:
        """ROW_NUMBER over the rows of one window, which are all there at once."""

        def hook(node: Node) -> Typed | None:
            if not isinstance(node, Call) or node.over is None or node.name != "ROW_NUMBER":
                return None
            by = {relation.edges.get(each.name) for each in node.over.partition if isinstance(each, Column)}
            if relation.changing and self.changing is not None:
                self.changing.ranked = self.changing.deletes = self.changing.numbered = True
                self.changing.node = "Rank(rankType=[ROW_NUMBER])"
            elif not {"START", "END"} <= by:
                self.problem.refuse(
                    "ROW_NUMBER over all windows", node.at, "PARTITION BY window_start, window_end, ..."
                )
            if not node.over.order:
                self.problem.fail("ROW_NUMBER needs ORDER BY", node.at)
            partition = ", ".join(scope.sql(each)[0] for each in node.over.partition) or "1"
            order = []
            for value, descending, first in node.over.order:
                nulls = (not descending) if first is None else first
                order.append(
                    f"{scope.sql(value)[0]} {'DESC' if descending else 'ASC'} NULLS {'FIRST' if nulls else 'LAST'}"
                )
            if relation.changing:
                order.append("__group")
            return f"row_number() OVER (PARTITION BY {partition} ORDER BY {', '.join(order)})", BIGINT

        return hook

    # --- windows ---

    def _aggregated(
        self, select: Select, relation: Relation, ref: WindowRef | None, legacy: list[Node], group: list[Node]
    ) -> Relation:
        at = ref.at if ref is not None else legacy[0].at
        if relation.closed or self.windowed is not None:
            self.problem.refuse("a window over windows", at)
        if (ref is not None and legacy) or len(legacy) > 1:
            self.problem.fail("one window at a time", legacy[-1].at)
        window, time, call = self._window(ref, legacy)
        own = relation.origin(call.args[0]) if call is not None else time
        self.processing = own in relation.proctimes
        if own not in relation.rowtimes | relation.proctimes:
            self.problem.fail(
                f"a window is over a column with a WATERMARK, which {time} is not", at,
                "declare WATERMARK FOR it, or a column AS PROCTIME()",
            )  # fmt: skip
        if ref is not None:
            named = {each.name for each in group if isinstance(each, Column)}
            if not {"window_start", "window_end"} <= named:
                if group:
                    self.problem.refuse("a GROUP BY without window_start and window_end", group[0].at)
                how = "GROUP BY window_start, window_end and a key, of which FIRST_VALUE(...) is of the first event"
                self.problem.refuse("a window function without GROUP BY", at, how)
            group = [each for each in group if not (isinstance(each, Column) and each.name in TVF)]
            if ref.kind == "SESSION" and set(ref.keys) != {
                each.name if isinstance(each, Column) else "" for each in group
            }:
                self.problem.refuse(
                    "a SESSION that is partitioned by other columns than it is grouped by",
                    at,
                    "PARTITION BY the columns of GROUP BY besides window_start and window_end",
                )
        rows = self.scope(relation, events=True)
        where = f" WHERE {rows.boolean(select.where)}" if select.where is not None else ""
        self.whole = f"(SELECT * FROM {relation.sql}{where})"
        made = self.windowed = Windowed(window, self.whole, multiplied=bool(self.lookups))

        def edge(node: Node) -> Typed | None:
            if isinstance(node, Column):
                return _edge(TVF[node.name]) if ref is not None and node.name in TVF else None
            return self._edge_of(node, call) if isinstance(node, Call) else None

        result = self.grouped(select, relation, made, group, edge)
        for item, alias in select.items:
            found = self._edge_name(item, ref, call)
            if found is not None:
                result.edges[alias or (item.name if isinstance(item, Column) else "")] = found
        return result

    def grouped(
        self, select: Select, relation: Relation, made: Windowed | Changing, group: list[Node], edge: Hook
    ) -> Relation:
        """What is selected of the groups; `edge` knows what there is besides keys and aggregates."""
        rows = self.scope(relation, events=True)
        keys: list[tuple[Node, Typed]] = []
        for index, node in enumerate(group):
            if _aggregate(node):
                self.problem.fail("GROUP BY takes no aggregate", node.at)
            sql, type_ = rows.sql(node)
            made.keys.append(sql)
            keys.append((_bare(node, rows), (f"k{index}", type_)))
        known: dict[Call, Typed] = {}

        def hook(node: Node) -> Typed | None:
            bare = _bare(node, rows)
            for key, typed in keys:
                if key == bare:
                    return typed
            if isinstance(node, Call) and node.over is None:
                if node.name in aggregates.NAMES:
                    return aggregates.add(node, rows, made, known)
                if node.name in aggregates.KNOWN_ELSEWHERE:
                    self.problem.refuse(f"the aggregate {node.name}", node.at)
                return edge(node)
            if isinstance(node, Column):
                if (found := edge(node)) is not None:
                    return found
                if node.name in relation.columns or relation.sides:
                    self.problem.fail(
                        f"{node.name} is neither grouped by nor in an aggregate",
                        node.at,
                        f"GROUP BY {node.name}",
                    )
            return None

        scope = Scalars(self.problem, {}, relation.names, hook)
        closed = Relation("fired", {}, relation.names, closed=True, changing=isinstance(made, Changing))
        if any(isinstance(item, Star) for item, _ in select.items):
            self.problem.fail("SELECT * of groups: name the columns", select.at)
        having = scope.boolean(select.having) if select.having is not None else None
        return self._projected(select, closed, scope, having)

    def _window(self, ref: WindowRef | None, legacy: list[Node]) -> tuple[Window, str, Call | None]:
        """The window, the column of its time, and the call in GROUP BY."""
        call: Call | None = None
        if ref is not None:
            kind, sizes, time, at = ref.kind, ref.sizes, ref.time, ref.at
        else:
            call = next(each for each in legacy if isinstance(each, Call))
            kind, at = call.name, call.at
            column = call.args[0] if call.args else None
            given = [each for each in call.args[1:] if isinstance(each, Interval)]
            if (
                not isinstance(column, Column)
                or len(given) != WINDOWS[kind]
                or len(call.args) != len(given) + 1
            ):
                if len(given) > WINDOWS[kind]:
                    self.problem.refuse("a window's offset", at)
                self.problem.fail(f"{kind} takes a column and {WINDOWS[kind]} interval(s)", at)
            time, sizes = column.name, tuple(each.ms for each in given)
            if kind == "CUMULATE":
                self.problem.fail("CUMULATE is a table function", at, "FROM TABLE(CUMULATE(TABLE ...))")
        if any(size <= 0 for size in sizes):
            self.problem.fail("a window's size is a positive interval of days to seconds", at)
        step, size = (sizes[0], sizes[-1]) if len(sizes) == 2 else (sizes[0], sizes[0])
        if kind == "CUMULATE" and size % step:
            self.problem.fail("CUMULATE's size is a multiple of its step", at)
        if ref is not None and kind == "HOP" and size % step:
            self.problem.fail("HOP's size is a multiple of its slide", at)
        return Window(kind, size, step), time, call

    def _edge_of(self, node: Call, call: Call | None) -> Typed | None:
        kind, _, edge = node.name.rpartition("_")
        if kind not in WINDOWS or edge not in (*EDGES, "PROCTIME"):
            return None
        if call is None or kind != call.name or node.args != call.args:
            self.problem.fail(f"{node.name} is not of the window in GROUP BY", node.at)
        if edge == "PROCTIME":
            self.problem.refuse(node.name, node.at)
        return _edge(edge)

    def _edge_name(self, item: Node, ref: WindowRef | None, call: Call | None) -> str | None:
        if isinstance(item, Column) and ref is not None:
            return TVF.get(item.name)
        if isinstance(item, Call) and call is not None:
            kind, _, edge = item.name.rpartition("_")
            return edge if kind in WINDOWS and edge in EDGES else None
        return None


def _edge(edge: str) -> Typed:
    column, less = EDGES[edge]
    return f"epoch_ms({column}{f' - {less}' if less else ''})", TIMESTAMP


def _is_window(node: Node) -> bool:
    return isinstance(node, Call) and node.name in WINDOWS


def _bare(node: Node, scope: Scalars) -> Node:
    """A column without what qualifies it, so that `t.a` is `a`; of what was joined, as it is called in SQL."""
    if not isinstance(node, Column):
        return node
    if scope.sides and not (len(node.parts) == 1 and node.name in TVF):
        return Column((scope.sql(node)[0],), at=node.at)
    return Column(node.parts[-1:], at=node.at)


def _aggregate(node: Node) -> bool:
    """Whether there is an aggregate in an expression."""
    if isinstance(node, Call):
        if node.over is None and node.name in aggregates.NAMES | aggregates.KNOWN_ELSEWHERE:
            return True
        return any(_aggregate(arg) for arg in node.args)
    if isinstance(node, Binary):
        return _aggregate(node.left) or _aggregate(node.right)
    inner = getattr(node, "value", None)
    return isinstance(inner, Node) and _aggregate(inner)
