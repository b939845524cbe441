"""Events, or rows of windows that closed, joined with a table of the catalog, as Flink means it.

    JOIN t FOR SYSTEM_TIME AS OF s.proctime    each event with the rows of `t` of then: what has a time or is processing time
                                         has it after the join, too
    JOIN t                               every pair, with `t` as it was when the query began: no column is a time any
                                         more, so that no window is over it

What is read as events is given in their order; in which order the rows of one event are says nothing, as in Flink.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from forebay.streamsql.nodes import Binary, Join, Node, Sub, TableRef
from forebay.streamsql.relation import Relation
from forebay.streamsql.scalars import Scalars
from forebay.streamsql.scope import Problem
from forebay.streamsql.types import Typed, quoted
from forebay.streamsql.walk import columns_in


def called(node: Node) -> str:
    """What columns of it are qualified with."""
    match node:
        case TableRef():
            return node.alias or node.name
        case Sub():
            return node.alias or ""
    return ""


def joined(
    problem: Problem, join: Join, one: tuple[str, Relation], other: tuple[str, Relation], used: Set[str]
) -> Relation:
    """`one JOIN other`, with the columns of the table that are used. Raises UsageError with the place of what does not run."""
    (name, left), (table, right) = one, other
    _check(problem, join, left, right)
    if swapped := bool(left.static):  # every pair is the same the other way round
        (name, left), (table, right) = other, one
    sides = dict(left.sides) or {name: dict(left.columns)}
    if table in sides:
        problem.fail(f"there are two {table or 'queries without a name'} here", join.at, "name it with AS")
    number = len(sides)
    own: dict[str, Typed] = {}
    items: list[str] = []
    for column, (sql, type_) in right.columns.items():
        inner = quoted(f"{number}.{column}")
        if column in used or "*" in used:
            items.append(f"{sql} AS {inner}")
        own[column] = (inner, type_)
    sides[table] = own
    scope = Scalars(problem, {}, sides=sides)
    on = scope.boolean(join.on)
    if join.as_of is not None and not any(_keyed(each, scope, own) for each in _parts(join.on)):
        problem.fail(
            f"{table} is looked up by a column of its own that equals something of the stream, which is missing",
            join.on.at,
            f"ON {table}.id = ...",
        )
    word = "LEFT JOIN" if join.kind == "LEFT" else "JOIN"
    columns_ = ", ".join(items) or f"__at AS {quoted(f'{number}.__at')}"
    sql = f"(SELECT * FROM {left.sql} {word} (SELECT {columns_} FROM {right.sql}) ON {on})"
    columns = dict(left.columns)
    for column, typed in own.items():
        made, count = column, 0
        while made in columns:
            made, count = f"{column}{count}", count + 1
        columns[made] = typed
    timed = join.as_of is not None
    return Relation(
        sql, columns, frozenset(), left.rowtimes if timed else frozenset(), left.proctimes if timed else frozenset(),
        left.closed, left.edges, dict(reversed(sides.items())) if swapped else sides, left.stream or name,
    )  # fmt: skip


def _check(problem: Problem, join: Join, left: Relation, right: Relation) -> None:
    if left.static and right.static:
        problem.refuse("a JOIN of tables without a stream", join.at, "forebay query joins them")
    if left.static and (join.kind == "LEFT" or join.as_of is not None or right.sides):
        problem.refuse("a table of the catalog before the stream", join.at, "FROM the stream JOIN the table")
    if not left.static and not right.static:
        problem.refuse(
            "a JOIN of two streams", join.right.at,
            "INSERT both into deliveries and join their tables in the lake; or put what one of them says last of each "
            "key into a table, and join that",
        )  # fmt: skip
    if join.kind in ("RIGHT", "FULL"):
        problem.refuse(
            f"{join.kind} JOIN with a table of the catalog", join.at,
            "which of its rows have no event is known only at the end, which a stream has not: JOIN or LEFT JOIN",
        )  # fmt: skip
    if join.as_of is None:
        if join.kind == "LEFT":
            problem.refuse(
                "LEFT JOIN without FOR SYSTEM_TIME AS OF", join.at,
                "its rows change when the table's come, and a stream takes no update changes, in Flink either: "
                "JOIN t FOR SYSTEM_TIME AS OF s.proctime, with proctime AS PROCTIME()",
            )  # fmt: skip
        return
    origin = left.origin(join.as_of)
    if origin in left.rowtimes:
        problem.refuse(
            "FOR SYSTEM_TIME AS OF event time", join.as_of.at,
            "a table of the catalog has no versions by time: declare proctime AS PROCTIME(), and write AS OF s.proctime",
        )  # fmt: skip
    if origin is None or origin not in left.proctimes:
        problem.fail(
            "FOR SYSTEM_TIME AS OF takes a column of the stream that is processing time", join.as_of.at,
            "declare proctime AS PROCTIME() in its CREATE TABLE, and write AS OF s.proctime",
        )  # fmt: skip


def _parts(on: Node) -> Iterator[Node]:
    """What is to hold, each by itself."""
    if isinstance(on, Binary) and on.op == "AND":
        yield from _parts(on.left)
        yield from _parts(on.right)
    else:
        yield on


def _keyed(part: Node, scope: Scalars, own: dict[str, Typed]) -> bool:
    """Whether it is a column of the table that equals something without one."""
    if not isinstance(part, Binary) or part.op != "=":
        return False
    mine = {sql for sql, _ in own.values()}
    sides = [{scope.sql(column)[0] for column in columns_in(side)} for side in (part.left, part.right)]
    return any(len(one) == 1 and one <= mine and not other & mine for one, other in (sides, sides[::-1]))
