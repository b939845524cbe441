"""What is to be done for one INSERT: SQL of DuckDB over the events as they come, and over windows that close."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import gcd

from forebay.streamsql.nodes import Type
from forebay.streamsql.references import Reference
from forebay.streamsql.tables import Table


def _named(columns: Iterable[tuple[str, str]]) -> str:
    """SQL: these columns after others; (name, value)."""
    return "".join(f", {value} AS {name}" for name, value in columns)


@dataclass(frozen=True, slots=True)
class Window:
    """`size` and `step` in milliseconds: a HOP's slide, a CUMULATE's step; a SESSION's size is its gap."""

    kind: str
    size: int
    step: int

    @property
    def slice(self) -> int:
        """Every window is made of whole slices of so many milliseconds."""
        return gcd(self.size, self.step)


@dataclass(frozen=True, slots=True)
class Part:
    """Part of an aggregate's state: how it begins from events, and how parts of it are put together."""

    name: str
    begin: str
    merge: str


@dataclass(slots=True)
class Distinct:
    """The values that aggregates over DISTINCT saw, of the events that meet `where`."""

    value: str
    where: str | None
    ends: list[tuple[str, str]] = field(default_factory=list)
    """(name, aggregate over `x`)."""

    @property
    def ended(self) -> str:
        """SQL: columns of the aggregates."""
        return _named(self.ends)

    @property
    def counts(self) -> str:
        """SQL: whether an event has a value that counts."""
        return f"({self.value}) IS NOT NULL" + (f" AND {self.where}" if self.where else "")

    def joined(self, of: str) -> str:
        """SQL: those columns, taken from `of`, which may have no row: of no values there are 0."""
        return _named(
            (name, f"coalesce({of}.{name}, 0)" if sql.startswith("count") else f"{of}.{name}")
            for name, sql in self.ends
        )


class Aggregated:
    """What every aggregation has: keys by which its state lies, parts of that, and what comes of them."""

    __slots__ = ()
    keys: list[str]
    parts: list[Part]
    ends: list[tuple[str, str]]

    @property
    def names(self) -> list[str]:
        """The columns of the keys: `k0`, `k1`, ..."""
        return [f"k{index}" for index in range(len(self.keys))]

    @property
    def keyed(self) -> str:
        """SQL: those columns, of events."""
        return _named(zip(self.names, self.keys, strict=True))

    @property
    def begun(self) -> str:
        """SQL: columns of the parts, of events."""
        return _named((part.name, part.begin) for part in self.parts)

    @property
    def merged(self) -> str:
        """SQL: columns of the parts, of parts."""
        return _named((part.name, part.merge) for part in self.parts)

    @property
    def ended(self) -> str:
        """SQL: columns of what comes of the parts."""
        return _named(self.ends)


@dataclass(slots=True)
class Windowed(Aggregated):
    """A windowed aggregation: `keys` are SQL over the events, `parts` the state, `ends` what comes of it."""

    window: Window
    rows: str
    keys: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    ends: list[tuple[str, str]] = field(default_factory=list)
    distincts: list[Distinct] = field(default_factory=list)
    multiplied: bool = False
    """Whether an event may be several rows, or none, as it was joined."""


@dataclass(slots=True)
class Changing(Aggregated):
    """An aggregation whose rows change with every event; as in `Windowed`, without a window.

    `plain`: each event is a row by itself. `ranked`: which rows there are depends on all of them, and with `ordered` they
    have an order; `numbered`: by a ROW_NUMBER that nothing was picked by yet. `ttl` is after how many milliseconds without an event a group is forgotten. `node` is what Flink calls
    it, and `deletes` whether rows go; `at` the place in the text.
    """

    rows: str
    node: str
    at: int
    deletes: bool = False
    plain: bool = False
    ranked: bool = False
    ordered: bool = False
    numbered: bool = False
    ttl: int | None = None
    keys: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    ends: list[tuple[str, str]] = field(default_factory=list)
    distincts: list[Distinct] = field(default_factory=list)

    @property
    def hidden(self) -> tuple[str, ...]:
        """The columns of the output that are no columns of the answer."""
        return ("__group", "__place") if self.ordered else ("__group",)


@dataclass(frozen=True, slots=True)
class Lookup:
    """A table of the catalog as `name` in SQL, with the `columns` that are used.

    `latest`: it is read anew when it changes (FOR SYSTEM_TIME AS OF processing time), and not only when the query begins.
    """

    name: str
    reference: Reference
    columns: tuple[tuple[str, Type], ...]
    latest: bool
    within: bool
    """Whether its rows are in open windows."""


@dataclass(slots=True)
class Source:
    """What is read: `wanted` are the columns used, `computed` (name, SQL) in order, `watermark` SQL of a timestamp."""

    table: Table
    wanted: frozenset[str]
    computed: list[tuple[str, str]]
    rowtime: str | None
    watermark: str | None
    whole: str
    """A query over `chunk` of the events that WHERE clauses leave, to count them."""
    processing: bool = False
    """Whether `rowtime` is processing time."""


@dataclass(slots=True)
class Plan:
    """One INSERT. `output` is a query over `chunk`, or with `windowed` over `fired`; its columns are the sink's.

    `idle` is after how many milliseconds without events a shard holds nothing back, `at` the place in the text.
    """

    name: str
    source: Source
    sink: Table
    output: str
    columns: list[tuple[str, Type]]
    windowed: Windowed | None
    fingerprint: str
    idle: int | None
    at: int
    lookups: tuple[Lookup, ...] = ()
    changing: Changing | None = None
    """Of a question whose rows change."""
