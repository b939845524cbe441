"""The open windows of a query: partial aggregates by slice and key, put together when a window closes.

An event that comes late for some windows of its slice still counts in the later ones (HOP, CUMULATE), so partial
aggregates are kept by (slice, first window end that counts them, key): `__slice`, `__first`, `k0...`, and the parts.
They lie in pieces, one a batch of events, that are put together when there are twice as many rows as there were then;
what DISTINCT saw is kept the same way. `_open` has for each (slice, first) the offset of the first event in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from forebay.streamsql.arrow import pc
from forebay.streamsql.plan import Distinct, Window, Windowed
from forebay.streamsql.spans import NEVER

PIECES = 512
SMALL = 1_000_000
BIG = 100_000
FEW_ENDS = 8


def floor(value: str, by: int) -> str:
    """The greatest multiple of `by` that is not greater."""
    return f"({value} - (({value} % {by}) + {by}) % {by})"


def last_end(window: Window, slice_: str) -> str:
    """SQL: the end of the last window that a slice is in."""
    if window.kind == "TUMBLE":
        return f"({slice_} + {window.size})"
    if window.kind == "HOP":
        return f"({floor(slice_, window.step)} + {window.size})"
    return f"({floor(slice_, window.size)} + {window.size})"


def earliest(window: Window, slice_: str) -> str:
    """SQL: the end of the first window that a slice is in."""
    if window.kind == "HOP":
        return f"(-{floor(f'(-({slice_} + {window.slice - window.size}))', window.step)} + {window.size})"
    return f"({slice_} + {window.step})"


def first_end(window: Window, slice_: str, before: str) -> str:
    """SQL: the end of the first window of a slice that was not closed by the watermark `before`."""
    open_ = f"{before} + 2"  # of a TUMBLE the only one; what it is late for is past its end
    if window.kind == "HOP":
        open_ = f"(-{floor(f'(-({before} + {2 - window.size}))', window.step)} + {window.size})"
    elif window.kind == "CUMULATE":
        open_ = f"-{floor(f'(-({before} + 2))', window.step)}"
    return f"greatest({earliest(window, slice_)}, {open_})"


@dataclass(slots=True)
class Piece:
    """Partial aggregates of slices from `low` to `high`."""

    rows: pa.Table
    low: int
    high: int


class Windows:
    """The state of one aggregation, over a connection that has `chunk`."""

    def __init__(self, db: duckdb.DuckDBPyConnection, made: Windowed) -> None:
        self._db = db
        self._made = made
        self._keys = made.names
        self._pieces: list[list[Piece]] = [[] for _ in range(1 + len(made.distincts))]
        self._dense = [0 for _ in self._pieces]
        self._open: dict[tuple[int, int], int] = {}
        self._fired = NEVER

    # --- events in ---

    def add(self, chunk: pa.Table) -> tuple[int, int]:
        """Take in what `chunk` has; (events that count, events that came too late)."""
        if self._in_time(chunk):
            return self._add_plainly(chunk)
        self._place()
        parts = self._db.sql(self._begin()).to_arrow_table()
        groups = parts.group_by(["__slice", "__first"]).aggregate([("__low", "min"), ("__n", "sum")])
        kept = late = 0
        slices: list[int] = []
        for slice_, first, low, count in zip(*(column.to_pylist() for column in groups.columns), strict=True):
            if first > self._last(slice_):
                late += count
                continue
            kept += count
            slices.append(slice_)
            self._open[slice_, first] = min(self._open.get((slice_, first), low), low)
        if kept:
            if late:
                self._db.register("parts", parts)
                last = last_end(self._made.window, "__slice")
                parts = self._db.sql(f"SELECT * FROM parts WHERE __first <= {last}").to_arrow_table()
            self._keep(0, parts.drop_columns(["__low", "__n"]), slices)
            for index, distinct in enumerate(self._made.distincts, 1):
                self._keep(index, self._db.sql(self._begin_distinct(distinct)).to_arrow_table(), slices)
        return self._counted() if self._made.multiplied else (kept, late)

    def _counted(self) -> tuple[int, int]:
        """How many events of `placed` count and are late, where one may be several rows."""
        events = "count(DISTINCT __row) FILTER (WHERE __first"
        sql = f"SELECT {events} <= __last), {events} > __last) FROM placed"
        kept, late = self._db.execute(sql).fetchall()[0]
        return int(kept), int(late)

    def _in_time(self, chunk: pa.Table) -> bool:
        """Whether no event can be late for any window, as the watermark is before all of them by then."""
        low, mark = pc.min(chunk.column("__ts")).as_py(), chunk.column("__before")[-1].as_py()
        return bool(
            low >= 0 and self._first(low // self._made.window.slice * self._made.window.slice) - 1 > mark
        )

    def _add_plainly(self, chunk: pa.Table) -> tuple[int, int]:
        """Take in events that are all in time: each counts in every window of its slice."""
        self._place(plain=True)
        parts = self._db.sql(self._begin(plain=True)).to_arrow_table()
        if not parts.num_rows:
            return 0, 0
        slices = pc.unique(parts.column("__slice")).to_pylist()
        # No offset in the batch is less, and to begin at a batch is all that is ever done.
        row = int(chunk.column("__row")[0].as_py())
        for slice_ in slices:
            self._open.setdefault((slice_, self._first(slice_)), row)
        self._keep(0, parts.drop_columns(["__n"]), slices)
        for index, distinct in enumerate(self._made.distincts, 1):
            self._keep(
                index, self._db.sql(self._begin_distinct(distinct, plain=True)).to_arrow_table(), slices
            )
        if self._made.multiplied:
            return int(self._db.execute("SELECT count(DISTINCT __row) FROM placed").fetchall()[0][0]), 0
        return int(pc.sum(parts.column("__n")).as_py()), 0

    def _keep(self, index: int, rows: pa.Table, slices: Sequence[int]) -> None:
        pieces = self._pieces[index]
        if rows.num_rows:
            pieces.append(Piece(rows, min(slices), max(slices)))
        held = sum(each.rows.num_rows for each in pieces)
        if len(pieces) > PIECES or held > max(SMALL, 2 * self._dense[index]):
            self._compact(index)

    def _first(self, slice_: int) -> int:
        """The end of the first window that a slice is in."""
        window = self._made.window
        if window.kind == "HOP":
            return -(-(slice_ + window.slice - window.size) // window.step) * window.step + window.size
        return slice_ + window.step

    def _last(self, slice_: int) -> int:
        """The end of the last window that a slice is in."""
        window = self._made.window
        if window.kind == "TUMBLE":
            return slice_ + window.size
        by = window.step if window.kind == "HOP" else window.size
        return slice_ // by * by + window.size

    def _place(self, *, plain: bool = False) -> None:
        """Have `placed`: the events with slice and keys, and unless `plain` with the windows that they are in time for."""
        window = self._made.window
        slice_ = f"(__ts - __ts % {window.slice})" if plain else floor("__ts", window.slice)
        placed = f"SELECT *, {slice_} AS __slice{self._made.keyed} FROM {self._made.rows}"
        last = last_end(window, "__slice")
        # A HOP that slides further than it is wide leaves times that are in no window: nothing is late there.
        if window.kind == "HOP" and window.step > window.size:
            placed = f"SELECT * FROM ({placed}) WHERE {last} > __ts"
        if not plain:
            first = first_end(window, "__slice", f"greatest(__before, {NEVER // 2})")
            placed = f"SELECT *, {first} AS __first, {last} AS __last FROM ({placed})"
        self._db.execute(f"CREATE OR REPLACE TEMP VIEW placed AS {placed}")

    def _begin(self, *, plain: bool = False) -> str:
        counted = f"{self._named()}{self._made.begun}, count(*) AS __n"
        if plain:
            first = earliest(self._made.window, "__slice")
            return f"SELECT {first} AS __first, * FROM (SELECT __slice{counted} FROM placed GROUP BY ALL)"
        return f"SELECT __first, __slice, min(__row) AS __low{counted} FROM placed GROUP BY ALL"

    def _begin_distinct(self, distinct: Distinct, *, plain: bool = False) -> str:
        first = "__first" if not plain else f"{earliest(self._made.window, '__slice')} AS __first"
        kept = "" if plain else "__first <= __last AND "
        values = f"SELECT {first}, __slice{self._named()}, {distinct.value} AS x FROM placed"
        return f"{values} WHERE {kept}{distinct.counts}"

    def _named(self) -> str:
        return "".join(f", {key}" for key in self._keys)

    def rehearse(self) -> None:
        """Everything once, over no events."""
        for plain in (True, False):
            self._place(plain=plain)
            parts = self._db.sql(self._begin(plain=plain)).to_arrow_table()
            for distinct in self._made.distincts:
                self._db.sql(self._begin_distinct(distinct, plain=plain)).to_arrow_table()
        parts = parts.drop_columns(["__low", "__n"])
        self._pieces[0] = [Piece(parts, 0, 0)]
        for index, distinct in enumerate(self._made.distincts, 1):
            self._pieces[index] = [Piece(self._db.sql(self._begin_distinct(distinct)).to_arrow_table(), 0, 0)]
        for index in range(len(self._pieces)):
            self._compact(index)
        self._load()
        for ends in ([(0, 1), (1, 2)], [(at, at + 1) for at in range(FEW_ENDS + 1)]):
            self._db.execute(f"CREATE OR REPLACE TEMP VIEW fired AS {self._closed(ends)}")
        self._prune(0)

    # --- windows out ---

    def fire(self, mark: int, output: str | None) -> pa.Table | None:
        """Close the windows that end by the watermark `mark`; their rows by the query `output` over `fired`."""
        if mark <= self._fired:
            return None
        result = None
        ends = self._ends(mark)
        if ends:
            if output is not None:
                self._load(min(start for start, _ in ends), max(end for _, end in ends))
                self._db.execute(f"CREATE OR REPLACE TEMP VIEW fired AS {self._closed(ends)}")
                result = self._db.sql(output).to_arrow_table()
            self._prune(mark)
        self._fired = mark
        return result

    def _ends(self, mark: int) -> list[tuple[int, int]]:
        window = self._made.window
        found: set[tuple[int, int]] = set()
        for slice_, first in self._open:
            for end in range(first, min(self._last(slice_), mark + 1) + 1, window.step):
                if end - 1 > self._fired:
                    start = end - window.size
                    if window.kind == "CUMULATE":
                        start = (end - 1) // window.size * window.size
                    found.add((start, end))
        return sorted(found)

    def _closed(self, ends: list[tuple[int, int]]) -> str:
        """The rows of these windows: of a few each by itself, of many by a join."""
        if len(ends) <= FEW_ENDS:
            return " UNION ALL ".join(f"({self._rows(start, end)})" for start, end in ends)
        self._db.register("ends", pa.table({"wstart": [a for a, _ in ends], "wend": [b for _, b in ends]}))
        return self._rows("wstart", "wend", " JOIN ends ON") + " ORDER BY b.wend"

    def _rows(self, start: int | str, end: int | str, ends: str = " WHERE") -> str:
        """The rows of a window, or of all that are joined."""
        edges = f"{start}::BIGINT AS wstart, {end}::BIGINT AS wend"
        keys = self._named()
        by = f"{'wstart, wend, ' if isinstance(start, str) else ''}{', '.join(self._keys)}".removesuffix(", ")
        group = f" GROUP BY {by}" if by else ""
        within = f"{ends} {self._within(start, end)}{group}"
        joined, columns = f"(SELECT {edges}{keys}{self._made.ended} FROM s0{within}) b", "b.*"
        for index, distinct in enumerate(self._made.distincts, 1):
            own = f"SELECT {end}::BIGINT AS wend{keys}{distinct.ended} FROM s{index}{within}"
            same = "".join(f" AND b.{key} IS NOT DISTINCT FROM d{index}.{key}" for key in self._keys)
            joined += f" LEFT JOIN ({own}) d{index} ON b.wend = d{index}.wend{same}"
            columns += distinct.joined(f"d{index}")
        return f"SELECT {columns} FROM {joined}"

    def _within(self, start: int | str, end: int | str) -> str:
        if self._made.window.kind == "TUMBLE":
            return f"__slice = {start}"
        return f"__slice >= {start} AND __slice < {end} AND __first <= {end}"

    # --- keeping it small ---

    def _load(self, low: int = NEVER, high: int = -NEVER) -> None:
        """Have as `s0`, `s1` ... what is of slices from `low` on and before `high`, at least."""
        for index, pieces in enumerate(self._pieces):
            wanted = [each.rows for each in pieces if each.high >= low and each.low < high]
            empty = [pieces[0].rows.slice(0, 0)] if pieces else [self._nothing(index)]
            self._db.register(f"s{index}", pa.concat_tables(wanted or empty))

    def _nothing(self, index: int) -> pa.Table:
        """No rows of a table, where nothing was DISTINCT yet."""
        self._place()
        sql = self._begin_distinct(self._made.distincts[index - 1]) if index else self._begin()
        rows: pa.Table = self._db.sql(f"{sql} LIMIT 0").to_arrow_table()
        return rows

    def _prune(self, mark: int) -> None:
        """Let go of what is in no window any more; small pieces go when all of them is."""
        keep = f"{last_end(self._made.window, '__slice')} > {mark + 1}"
        for index, pieces in enumerate(self._pieces):
            left = []
            for piece in pieces:
                if self._last(piece.high) <= mark + 1:
                    continue
                if self._last(piece.low) <= mark + 1 and piece.rows.num_rows > BIG:
                    self._db.register("piece", piece.rows)
                    piece.rows = self._db.sql(f"SELECT * FROM piece WHERE {keep}").to_arrow_table()
                    if not piece.rows.num_rows:
                        continue
                    piece.low = int(pc.min(piece.rows.column("__slice")).as_py())
                left.append(piece)
            self._pieces[index] = left
            self._dense[index] = self._dense[index] if left else 0
        self._open = {each: low for each, low in self._open.items() if self._last(each[0]) > mark + 1}

    def _compact(self, index: int) -> None:
        pieces = self._pieces[index]
        rest = ", x" if index else self._made.merged
        self._db.register("pieces", pa.concat_tables([each.rows for each in pieces]))
        keep = f"{last_end(self._made.window, '__slice')} > {max(self._fired, NEVER) + 1}"
        sql = f"SELECT __first, __slice{self._named()}{rest} FROM pieces WHERE {keep} GROUP BY ALL"
        rows: pa.Table = self._db.sql(sql).to_arrow_table()
        low, high = min(each.low for each in pieces), max(each.high for each in pieces)
        self._pieces[index] = [Piece(rows, low, high)]
        self._dense[index] = rows.num_rows

    def low(self) -> int | None:
        """The offset of the first event that an open window holds."""
        return min(self._open.values(), default=None)

    @property
    def rows(self) -> int:
        """How many partial aggregates are held."""
        return sum(piece.rows.num_rows for pieces in self._pieces for piece in pieces)

    def begin(self, fired: int) -> None:
        """Windows that end by this watermark are closed already."""
        self._fired = fired
