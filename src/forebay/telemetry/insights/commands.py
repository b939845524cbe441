"""The commands of a query, each from rows to rows: `fields`, `filter`, `parse`, `stats`, `dedup`, `sort`, `limit`."""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from forebay.errors import DataRejected
from forebay.telemetry.insights.aggregates import MOST_DISTINCT, State
from forebay.telemetry.insights.expressions import Aggregate, Node, Reader, compiled, true
from forebay.telemetry.insights.tokens import Malformed, unexpected
from forebay.telemetry.insights.values import Row, Value, number, shown, sort_key

MOST_ROWS = 10_000
MOST_HELD = 200_000
"""Rows that a command may hold at once, and groups of `stats`."""
NOT_OFFERED = ("pattern", "diff", "anomaly", "unmask", "unnest", "lookup", "join", "filterindex", "source")

Command = Callable[[Iterable[Row]], Iterable[Row]]


@dataclass(slots=True)
class Query:
    """A query, read: its commands, and what is shown (None: what there is by itself)."""

    commands: list[Command] = field(default_factory=list)
    shown: list[str] | None = None
    aggregated: bool = False
    sorted: bool = False
    limit: int | None = None
    counted: list[int] = field(default_factory=lambda: [0])
    """How many rows passed the filters before anything was added up."""


def read(text: str, limit: int | None = None) -> Query:
    """A query, ready; `limit` holds unless it says one itself. Raises Malformed with the place."""
    return _Reading(text).query(limit)


class _Reading:
    def __init__(self, text: str) -> None:
        self._reader = Reader.of(text)
        self._query = Query()

    def query(self, limit: int | None) -> Query:
        reader, query = self._reader, self._query
        last_filter = 0
        while reader.peek().kind != "end":
            token = reader.peek()
            word = token.text.lower()
            if token.kind == "pipe":
                reader.at += 1
                continue
            work = getattr(_Reading, f"_{word}", None) if token.kind == "name" and word in _WORDS else None
            if work is None:
                if word in NOT_OFFERED:
                    raise Malformed(f"forebay does not offer the command {word}", token.start, token.end)
                raise unexpected(token, reader.text)
            reader.at += 1
            before = query.aggregated
            command: Command = work(self)
            query.commands.append(command)
            if word in ("filter", "parse", "fields") and not before:
                last_filter = len(query.commands)
            if reader.peek().kind not in ("pipe", "end"):
                raise unexpected(reader.peek(), reader.text)
        query.commands.insert(last_filter, _counting(query.counted))
        if query.limit is None:
            query.limit = limit or MOST_ROWS
            most = query.limit
            query.commands.append(lambda rows: itertools.islice(rows, most))
        return query

    def _list(self, one: Callable[[], None]) -> None:
        one()
        while self._reader.take(","):
            one()

    def _named(self) -> tuple[str, Node, bool]:
        """An expression, its name (`as`, or as it is written), and whether it is more than a field."""
        reader = self._reader
        start = reader.at
        node = reader.expression()
        plain = reader.at == start + 1
        name = reader.written(start)
        if reader.take("as"):
            return reader.name(), node, True
        return name.replace("`", "") if plain else name, node, not plain

    def _show(self, names: Iterable[str], *, anew: bool = False) -> None:
        if self._query.shown is None or anew:
            self._query.shown = []
        self._query.shown += [name for name in names if name not in self._query.shown]

    def _fields(self) -> Command:
        return self._select(anew=False)

    def _display(self) -> Command:
        return self._select(anew=True)

    def _select(self, *, anew: bool) -> Command:
        made: list[tuple[str, Node]] = []
        names: list[str] = []

        def one() -> None:
            name, node, computed = self._named()
            names.append(name)
            if computed:
                made.append((name, node))

        self._list(one)
        self._show(names, anew=anew)

        def compute(rows: Iterable[Row]) -> Iterator[Row]:
            for row in rows:
                for name, node in made:
                    row.own[name] = node(row)
                yield row

        return compute

    def _filter(self) -> Command:
        test = self._reader.expression()
        return lambda rows: (row for row in rows if true(test(row)))

    _where = _filter

    def _parse(self) -> Command:
        reader = self._reader
        token = reader.peek()
        of = "@message"
        if token.kind == "name":
            of = reader.name()
            token = reader.peek()
        reader.at += 1
        if token.kind == "regex":
            pattern = compiled(token)
            names = list(pattern.groupindex)
        elif token.kind == "text":
            pattern = _glob(token.text[1:-1])
            names = []
        else:
            reader.at -= 1
            raise unexpected(token, reader.text)
        if reader.take("as"):
            names = []
            self._list(lambda: names.append(reader.name()))
        if len(names) != pattern.groups:
            said = f"the pattern has {pattern.groups} parts, and {len(names)} names are given"
            raise Malformed(said, token.start, token.end)
        self._show([*(self._query.shown or ("@timestamp", "@message")), *names])

        def parse(rows: Iterable[Row]) -> Iterator[Row]:
            for row in rows:
                value = row.get(of)
                found = None if value is None else pattern.search(shown(value))
                for at, name in enumerate(names, 1):
                    row.own[name] = _typed(found[at]) if found is not None else None
                yield row

        return parse

    def _dedup(self) -> Command:
        names: list[str] = []
        self._list(lambda: names.append(self._reader.name()))

        def once(rows: Iterable[Row]) -> Iterator[Row]:
            seen: set[tuple[str, ...]] = set()
            for row in rows:
                values = [row.get(name) for name in names]
                if None in values:
                    yield row
                    continue
                key = tuple(map(shown, values))
                if key not in seen:
                    if len(seen) >= MOST_HELD:
                        raise _too_much("dedup", "different values")
                    seen.add(key)
                    yield row

        return once

    def _sort(self) -> Command:
        reader = self._reader
        by: list[tuple[Node, bool]] = []

        def one() -> None:
            node = reader.expression()
            by.append((node, reader.take("asc", "desc") == "desc"))

        self._list(one)
        self._query.sorted = True
        most = self._next_limit()

        def order(rows: Iterable[Row]) -> Iterable[Row]:
            if most is not None and len(by) == 1:
                node, down = by[0]
                pick = heapq.nlargest if down else heapq.nsmallest
                return pick(most, rows, key=lambda row: _missing_last(sort_key(node(row)), down=down))
            held = _held(rows, "sort")
            for node, down in reversed(by):
                key = _keyed(node, down=down)
                held.sort(key=key, reverse=down)
            return held

        return order

    def _next_limit(self) -> int | None:
        """How many rows are wanted of what is sorted here, where nothing but that comes after."""
        tokens = self._reader.tokens[self._reader.at :]
        if tokens[0].kind == "end":
            return MOST_ROWS
        words = [token.text.lower() for token in tokens]
        if len(words) == 4 and words[1] == "limit" and words[2].isdigit():
            return int(words[2])
        return None

    def _limit(self) -> Command:
        token = self._reader.peek()
        most = self._reader.whole()
        if not 1 <= most <= MOST_ROWS:
            raise Malformed(f"limit must be from 1 to {MOST_ROWS}", token.start, token.end)
        self._query.limit = most
        return lambda rows: itertools.islice(rows, most)

    _head = _limit

    def _stats(self) -> Command:
        reader = self._reader
        aggregates: list[Aggregate] = []
        reader.aggregates = aggregates
        outputs: list[tuple[str, Node]] = []

        def one() -> None:
            start = reader.at
            before = len(aggregates)
            name, node, _ = self._named()
            if len(aggregates) == before:
                token = reader.tokens[start]
                raise Malformed("stats takes aggregates: count(*), sum(x), ...", token.start, token.end)
            outputs.append((name, node))

        self._list(one)
        reader.aggregates = None
        keys: list[tuple[str, Node]] = []

        def key() -> None:
            name, node, _ = self._named()
            keys.append((name, node))

        if reader.take("by"):
            self._list(key)
        self._query.aggregated = True
        names = [name for name, _ in (*keys, *outputs)]
        reader.columns = frozenset(names)
        self._show(names, anew=True)
        return lambda rows: _grouped(rows, keys, aggregates, outputs)


_WORDS = ("fields", "display", "filter", "where", "parse", "dedup", "sort", "limit", "head", "stats")


def _grouped(
    rows: Iterable[Row],
    keys: list[tuple[str, Node]],
    aggregates: list[Aggregate],
    outputs: list[tuple[str, Node]],
) -> Iterator[Row]:
    room = [MOST_DISTINCT]
    groups: dict[tuple[str | None, ...], tuple[list[Value], list[State]]] = {}
    for row in rows:
        values = [node(row) for _, node in keys]
        key = tuple(None if value is None else shown(value) for value in values)
        group = groups.get(key)
        if group is None:
            if len(groups) >= MOST_HELD:
                raise _too_much("stats", "groups")
            group = groups[key] = (values, [each.make(room, each.given) for each in aggregates])
        at = number(row.get("@timestamp")) or 0
        for each, state in zip(aggregates, group[1], strict=True):
            state.take(1 if each.of is None else each.of(row), int(at))
    if not groups and not keys:
        groups[()] = ([], [each.make(room, each.given) for each in aggregates])
    for values, states in groups.values():
        slots = {each.slot: state.answer() for each, state in zip(aggregates, states, strict=True)}
        inner = Row(slots, None)
        found = {name: value for (name, _), value in zip(keys, values, strict=True)}
        for name, node in outputs:
            found[name] = node(inner)
            inner.own.setdefault(name, found[name])  # later ones may speak of it
        yield Row(found, None)


def _counting(counted: list[int]) -> Command:
    def count(rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            counted[0] += 1
            yield row

    return count


def _held(rows: Iterable[Row], what: str) -> list[Row]:
    held = list(itertools.islice(rows, MOST_HELD + 1))
    if len(held) > MOST_HELD:
        raise _too_much(what, "rows")
    return held


def _too_much(what: str, of: str) -> DataRejected:
    return DataRejected(
        "TooMuch", f"{what} met more than {MOST_HELD:,} {of}", fix="filter first, or ask of less time"
    )


def _keyed(node: Node, *, down: bool) -> Callable[[Row], tuple[int, float, str]]:
    return lambda row: _missing_last(sort_key(node(row)), down=down)


def _missing_last(key: tuple[int, float, str], *, down: bool) -> tuple[int, float, str]:
    return (-1, 0.0, "") if down and key[0] == 2 else key


def _glob(text: str) -> re.Pattern[str]:
    """`user=*, took * ms`: each star is a part, as short as can be; the last takes the rest."""
    parts = re.sub(r"\\([\"'\\])", r"\1", text).split("*")
    body = "(.*?)".join(map(re.escape, parts))
    if body.endswith("(.*?)"):
        body = body[: -len("(.*?)")] + "(.*)"
    return re.compile(body, re.S)


def _typed(text: str | None) -> Value:
    return text
