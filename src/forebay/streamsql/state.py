"""The open windows of a query: partial aggregates by slice and key, put together when a window closes.

An event that comes late for some windows of its slice still counts in the later ones (HOP, CUMULATE), so partial
aggregates are kept by (slice, first window end that counts them, key): `__slice`, `__first`, `__low` (the offset of
the first event in them), `k0...`, and the parts.
"""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa

from forebay.streamsql.decode import NEVER
from forebay.streamsql.plan import Distinct, Window, Windowed

PIECES = 24


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


def first_end(window: Window, slice_: str, before: str) -> str:
    """SQL: the end of the first window of a slice that was not closed by the watermark `before`."""
    if window.kind == "TUMBLE":
        # The only one; what it is late for is past its end.
        return f"greatest({slice_} + {window.size}, {before} + 2)"
    if window.kind == "HOP":
        low = f"(-{floor(f'(-({slice_} + {window.slice - window.size}))', window.step)} + {window.size})"
        open_ = f"(-{floor(f'(-({before} + {2 - window.size}))', window.step)} + {window.size})"
        return f"greatest({low}, {open_})"
    return f"greatest({slice_} + {window.step}, -{floor(f'(-({before} + 2))', window.step)})"


class Windows:
    """The state of one aggregation, over a connection that has `chunk`."""

    def __init__(self, db: duckdb.DuckDBPyConnection, made: Windowed) -> None:
        self._db = db
        self._made = made
        self._keys = [f"k{index}" for index in range(len(made.keys))]
        self._tables: list[list[pa.Table]] = [[] for _ in range(1 + len(made.distincts))]
        self._fired = NEVER

    # --- events in ---

    def add(self) -> tuple[int, int]:
        """Take in what `chunk` has; (events that count, events that came too late)."""
        self._place()
        kept, late = self._db.execute(
            "SELECT count(*) FILTER (WHERE __first <= __last), count(*) FILTER (WHERE __first > __last AND __in) FROM placed"
        ).fetchall()[0]
        if kept:
            for index, sql in enumerate([self._begin(), *map(self._begin_distinct, self._made.distincts)]):
                self._tables[index].append(self._db.sql(sql).to_arrow_table())
            if len(self._tables[0]) > PIECES:
                self._compact()
        return int(kept), int(late)

    def _place(self) -> None:
        window = self._made.window
        keys = "".join(f", {sql} AS {name}" for sql, name in zip(self._made.keys, self._keys, strict=True))
        placed = f"SELECT *, {floor('__ts', window.slice)} AS __slice{keys} FROM {self._made.rows}"
        first = first_end(window, "__slice", f"greatest(__before, {NEVER // 2})")
        last = last_end(window, "__slice")
        # A HOP that slides further than it is wide leaves times that are in no window: nothing is late there.
        inside = f"{last} > __ts" if window.kind == "HOP" else "true"
        self._db.execute(
            f"CREATE OR REPLACE TEMP VIEW placed AS SELECT *, {first} AS __first, {last} AS __last, {inside} AS __in FROM ({placed})"
        )

    def _begin(self) -> str:
        parts = "".join(f", {part.begin} AS {part.name}" for part in self._made.parts)
        return self._grouped(f"min(__row) AS __low{self._named()}{parts}", "true")

    def _begin_distinct(self, distinct: Distinct) -> str:
        where = f"({distinct.value}) IS NOT NULL" + (f" AND {distinct.where}" if distinct.where else "")
        return self._grouped(f"min(__row) AS __low{self._named()}, {distinct.value} AS x", where)

    def _grouped(self, items: str, where: str) -> str:
        return f"SELECT __slice, __first, {items} FROM placed WHERE __first <= __last AND __in AND {where} GROUP BY ALL"

    def _named(self) -> str:
        return "".join(f", {key}" for key in self._keys)

    def rehearse(self) -> None:
        """Everything once, over no events."""
        self._place()
        for index, sql in enumerate([self._begin(), *map(self._begin_distinct, self._made.distincts)]):
            self._tables[index] = [self._db.sql(sql).to_arrow_table()]
        self._compact()
        self._load()
        empty = pa.array([], pa.int64())
        self._db.register("ends", pa.table({"wstart": empty, "wend": empty}))
        self._db.execute(f"CREATE OR REPLACE TEMP TABLE fired AS {self._closed()}")
        self._prune(0)

    # --- windows out ---

    def fire(self, mark: int, output: str | None) -> pa.Table | None:
        """Close the windows that end by the watermark `mark`; their rows by the query `output` over `fired`."""
        result = None
        ends = self._ends(mark)
        if ends:
            if output is not None:
                self._db.register(
                    "ends", pa.table({"wstart": [a for a, _ in ends], "wend": [b for _, b in ends]})
                )
                self._load()
                self._db.execute(f"CREATE OR REPLACE TEMP TABLE fired AS {self._closed()}")
                result = self._db.sql(output).to_arrow_table()
            self._prune(mark)
        self._fired = max(self._fired, mark)
        return result

    def _ends(self, mark: int) -> list[tuple[int, int]]:
        if not self._tables[0]:
            return []
        self._load(only=1)
        window = self._made.window
        last = last_end(window, "__slice")
        found: set[tuple[int, int]] = set()
        rows: list[Any] = self._db.execute(
            f"SELECT DISTINCT __first, {last} FROM s0 WHERE __first <= {mark + 1}"
        ).fetchall()
        for first, upto in rows:
            for end in range(first, min(upto, mark + 1) + 1, window.step):
                if end - 1 > self._fired:
                    start = end - window.size
                    if window.kind == "CUMULATE":
                        start = (end - 1) // window.size * window.size
                    found.add((start, end))
        return sorted(found)

    def _closed(self) -> str:
        keys = "".join(f", s.{key} AS {key}" for key in self._keys)
        ends = "".join(f", {sql} AS {name}" for name, sql in self._made.ends)
        sql = f"SELECT e.wstart, e.wend{keys}{ends} FROM ends e JOIN s0 s ON {self._within()} GROUP BY ALL"
        joined, columns = f"({sql}) b", "b.*"
        for index, distinct in enumerate(self._made.distincts, 1):
            values = "".join(f", {end} AS {name}" for name, end in distinct.ends)
            own = f"SELECT e.wend{keys}{values} FROM ends e JOIN s{index} s ON {self._within()} GROUP BY ALL"
            same = "".join(f" AND b.{key} IS NOT DISTINCT FROM d{index}.{key}" for key in self._keys)
            joined += f" LEFT JOIN ({own}) d{index} ON b.wend = d{index}.wend{same}"
            columns += "".join(
                f", {f'coalesce(d{index}.{name}, 0)' if end.startswith('count') else f'd{index}.{name}'} AS {name}"
                for name, end in distinct.ends
            )
        order = ", ".join(["b.wend", *(f"b.{key}" for key in self._keys)])
        return f"SELECT {columns} FROM {joined} ORDER BY {order}"

    def _within(self) -> str:
        if self._made.window.kind == "TUMBLE":
            return "s.__slice = e.wstart"
        return "s.__slice >= e.wstart AND s.__slice < e.wend AND s.__first <= e.wend"

    # --- keeping it small ---

    def _load(self, only: int | None = None) -> None:
        for index, pieces in enumerate(self._tables[:only]):
            if len(pieces) > 1:
                self._tables[index] = [pa.concat_tables(pieces)]
            self._db.register(f"s{index}", self._tables[index][0])

    def _prune(self, mark: int) -> None:
        self._load()
        keep = f"{last_end(self._made.window, '__slice')} > {mark + 1}"
        for index in range(len(self._tables)):
            left = self._db.sql(f"SELECT * FROM s{index} WHERE {keep}").to_arrow_table()
            self._tables[index] = [left]
        if not self._tables[0][0].num_rows:
            self._tables = [[] for _ in self._tables]

    def _compact(self) -> None:
        self._load()
        merged = "".join(f", {part.merge} AS {part.name}" for part in self._made.parts)
        for index in range(len(self._tables)):
            rest = merged if index == 0 else ", x"
            sql = f"SELECT __slice, __first, min(__low) AS __low{self._named()}{rest} FROM s{index} GROUP BY ALL"
            self._tables[index] = [self._db.sql(sql).to_arrow_table()]

    def low(self) -> int | None:
        """The offset of the first event that an open window holds."""
        if not self._tables[0]:
            return None
        self._load(only=1)
        ((low,),) = self._db.execute("SELECT min(__low) FROM s0").fetchall()
        return None if low is None else int(low)

    @property
    def rows(self) -> int:
        """How many partial aggregates are held."""
        return sum(piece.num_rows for pieces in self._tables for piece in pieces)

    def begin(self, fired: int) -> None:
        """Windows that end by this watermark are closed already."""
        self._fired = fired
