"""The open sessions of a query: windows that end when a key was silent for the gap.

An event first merges with the sessions of its key that are open (touching at exactly the gap counts); only what merges
with none is tested for being late, so an event far behind may still lengthen a session that is open. A session that
closed is gone: what comes after begins another.

An event that is not behind the watermark meets open sessions only, so for keys that have no other events in a batch
their order says nothing, and SQL sorts them by time. The other keys are gone through event by event.

`open0` has for each session `sid`, `__start`, `__end`, `__low` (the offset of its first event), `k0...` and the parts;
`open1...` have the values that aggregates over DISTINCT saw.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import duckdb
import pyarrow as pa

from forebay.streamsql.plan import Windowed
from forebay.streamsql.spans import NEVER


class Sessions:
    """The state of one aggregation over sessions, on a connection that has `chunk`."""

    def __init__(self, db: duckdb.DuckDBPyConnection, made: Windowed) -> None:
        self._db = db
        self._made = made
        self._gap = made.window.size
        self._keys = made.names
        self._by = self._keys or ["__one"]
        self._next = 0
        self._made_tables = False

    # --- events in ---

    def add(self, chunk: pa.Table) -> tuple[int, int]:
        """Take in what `chunk` has; (events that count, events that came too late)."""
        self._place()
        self._declare()
        placed, behind = self._count("SELECT count(*), count(*) FILTER (WHERE __behind) FROM placed")
        if not placed:
            return 0, 0
        self._db.execute(
            f"CREATE OR REPLACE TEMP TABLE touched AS SELECT o.sid, o.__start AS s, o.__end AS e{self._named('o')} "
            f"FROM open0 o SEMI JOIN placed p ON {self._same('o', 'p')}"
        )
        late = self._group(bool(behind))
        kept = placed - late
        if kept:
            self._merge()
        if self._made.multiplied:
            taken = "count(DISTINCT __row) FILTER (WHERE __n IN (SELECT __n FROM grouped))"
            kept, placed = self._count(f"SELECT {taken}, count(DISTINCT __row) FROM placed")
            late = placed - kept
        return kept, late

    def _place(self) -> None:
        one = "" if self._keys else ", 0 AS __one"
        order = "ORDER BY __row" if self._made.multiplied else ""
        self._db.execute(
            f"CREATE OR REPLACE TEMP TABLE placed AS SELECT *, row_number() OVER ({order}) AS __n{self._made.keyed}{one}, "
            f"__ts <= __before + 1 AS __behind FROM {self._made.rows}"
        )

    def _declare(self) -> None:
        """The empty tables, once `placed` says of which types they are."""
        if self._made_tables:
            return
        self._db.execute(
            f"CREATE OR REPLACE TEMP TABLE open0 AS SELECT 0::BIGINT AS sid, __ts AS __start, __ts AS __end, __row AS __low"
            f"{self._named()}{self._made.begun} FROM placed WHERE false GROUP BY ALL"
        )
        for index, distinct in enumerate(self._made.distincts, 1):
            self._db.execute(
                f"CREATE OR REPLACE TEMP TABLE open{index} AS SELECT 0::BIGINT AS sid, {distinct.value} AS x FROM placed LIMIT 0"
            )
        self._made_tables = True

    def _group(self, behind: bool) -> int:
        """Make `grouped`: which events (`__n`) and open sessions (`sid`) are one session (`g` of the key); late ones."""
        by = ", ".join(self._by)
        plain = ""
        if behind:
            self._db.execute(
                f"CREATE OR REPLACE TEMP TABLE slow AS SELECT DISTINCT {by} FROM placed WHERE __behind"
            )
            plain = f" ANTI JOIN slow b ON {self._same('a', 'b')}"
        # Sorted by time, a session begins where all before ended.
        sort = f"PARTITION BY {by} ORDER BY s, e, __n NULLS FIRST, sid"
        self._db.execute(
            f"""CREATE OR REPLACE TEMP TABLE grouped AS
WITH spans AS (
  SELECT {by}, __ts AS s, __ts + {self._gap} AS e, __n, NULL::BIGINT AS sid FROM placed a{plain}
  UNION ALL SELECT {by}, s, e, NULL, sid FROM touched a{plain}),
marked AS (SELECT *, s > coalesce(max(e) OVER ({sort} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), {NEVER}) AS new FROM spans)
SELECT {by}, s, e, __n, sid, CAST(sum(CAST(new AS BIGINT)) OVER ({sort} ROWS UNBOUNDED PRECEDING) AS BIGINT) AS g FROM marked"""
        )
        if not behind:
            return 0
        ranked = f"dense_rank() OVER (ORDER BY {by})"
        rows: list[Any] = self._db.execute(
            f"""SELECT {ranked} AS kid, s, e, __before, __n, sid FROM (
  SELECT {by}, s, e, NULL::BIGINT AS __before, NULL::BIGINT AS __n, sid FROM touched a SEMI JOIN slow b ON {self._same("a", "b")}
  UNION ALL SELECT {by}, __ts, __ts + {self._gap}, __before, __n, NULL FROM placed a SEMI JOIN slow b ON {self._same("a", "b")})
ORDER BY kid, __n NULLS FIRST, sid"""
        ).fetchall()
        groups = one_by_one(rows)
        self._db.register("decided", _ints(("__n", "sid", "g"), groups))
        names = ", ".join(f"a.{each}" for each in self._by)
        self._db.execute(
            f"INSERT INTO grouped SELECT {names}, __ts, __ts + {self._gap}, a.__n, NULL, d.g "
            f"FROM placed a JOIN decided d ON a.__n = d.__n "
            f"UNION ALL SELECT {names}, s, e, NULL, a.sid, d.g FROM touched a JOIN decided d ON a.sid = d.sid"
        )
        return len(rows) - len(groups)

    def _merge(self) -> None:
        """Put what is `grouped` into the tables of open sessions, under new numbers."""
        by = ", ".join(self._by)
        self._db.execute(
            f"CREATE OR REPLACE TEMP TABLE instances AS SELECT {by}, g, min(s) AS __start, max(e) AS __end, "
            f"{self._next} + row_number() OVER () AS nid FROM grouped GROUP BY {by}, g"
        )
        self._db.execute(
            "CREATE OR REPLACE TEMP TABLE numbered AS SELECT a.__n, a.sid, i.nid FROM grouped a "
            f"JOIN instances i ON a.g = i.g AND {self._same('a', 'i')}"
        )
        (self._next,) = self._count("SELECT max(nid) FROM instances")
        parts = "".join(f", o.{part.name}" for part in self._made.parts)
        rows = "(SELECT p.*, m.nid FROM placed p JOIN numbered m ON p.__n = m.__n)"
        pieces = (
            f"SELECT nid, min(__row) AS __low{self._made.begun} FROM {rows} GROUP BY nid UNION ALL BY NAME "
            f"SELECT m.nid, o.__low{parts} FROM open0 o JOIN numbered m ON o.sid = m.sid"
        )
        merged = f"SELECT nid, min(__low) AS __low{self._made.merged} FROM ({pieces}) GROUP BY nid"
        values = "".join(f", m.{part.name}" for part in self._made.parts)
        kept = "SELECT o.* FROM open0 o ANTI JOIN touched t ON o.sid = t.sid"
        named = self._named("i")
        self._replace(
            0,
            f"{kept} UNION ALL BY NAME SELECT m.nid AS sid, i.__start, i.__end, m.__low{named}{values} "
            f"FROM ({merged}) m JOIN instances i ON m.nid = i.nid",
        )
        for index, distinct in enumerate(self._made.distincts, 1):
            self._replace(
                index,
                f"SELECT coalesce(m.nid, o.sid) AS sid, x FROM open{index} o LEFT JOIN numbered m ON o.sid = m.sid "
                f"UNION SELECT nid AS sid, {distinct.value} AS x FROM {rows} WHERE {distinct.counts}",
            )

    def _replace(self, index: int, sql: str) -> None:
        self._db.execute(f"CREATE OR REPLACE TEMP TABLE opened AS {sql}")
        self._db.execute(f"DROP TABLE open{index}")
        self._db.execute(f"ALTER TABLE opened RENAME TO open{index}")

    def rehearse(self) -> None:
        """Everything once, over no events."""
        self._place()
        self._declare()
        self._db.execute(
            f"CREATE OR REPLACE TEMP TABLE touched AS SELECT sid, __start AS s, __end AS e{self._named()} FROM open0"
        )
        self._group(True)
        self._db.execute(f"CREATE OR REPLACE TEMP TABLE fired AS {self._closed(0)}")

    # --- sessions out ---

    def fire(self, mark: int, output: str | None) -> pa.Table | None:
        """Close the sessions that end by the watermark `mark`; their rows by the query `output` over `fired`."""
        if not self._made_tables:
            return None
        (due,) = self._count(f"SELECT count(*) FROM open0 WHERE __end - 1 <= {mark}")
        if not due:
            return None
        result = None
        if output is not None:
            self._db.execute(f"CREATE OR REPLACE TEMP TABLE fired AS {self._closed(mark)}")
            result = self._db.sql(output).to_arrow_table()
        self._replace(0, f"SELECT * FROM open0 WHERE __end - 1 > {mark}")
        for index in range(1, len(self._made.distincts) + 1):
            self._replace(index, f"SELECT o.* FROM open{index} o SEMI JOIN open0 s ON o.sid = s.sid")
        return result

    def _closed(self, mark: int) -> str:
        keys = self._named() if self._keys else ""
        joined = (
            f"(SELECT sid, __start AS wstart, __end AS wend{keys}{self._made.ended} FROM open0 "
            f"WHERE __end - 1 <= {mark} GROUP BY sid, __start, __end{keys}) b"
        )
        columns = "b.* EXCLUDE (sid)"
        for index, distinct in enumerate(self._made.distincts, 1):
            joined += f" LEFT JOIN (SELECT sid{distinct.ended} FROM open{index} GROUP BY sid) d{index} ON b.sid = d{index}.sid"
            columns += distinct.joined(f"d{index}")
        order = ", ".join(["b.wend", *(f"b.{key}" for key in self._keys)])
        return f"SELECT {columns} FROM {joined} ORDER BY {order}"

    # --- what is held ---

    def low(self) -> int | None:
        """The offset of the first event that an open session holds."""
        if not self._made_tables:
            return None
        ((low,),) = self._db.execute("SELECT min(__low) FROM open0").fetchall()
        return None if low is None else int(low)

    @property
    def rows(self) -> int:
        """How many sessions, and values of them, are held."""
        if not self._made_tables:
            return 0
        tables = range(len(self._made.distincts) + 1)
        return sum(self._count(f"SELECT count(*) FROM open{index}")[0] for index in tables)

    def begin(self, fired: int) -> None:
        """Nothing: what closed by the watermark `fired` is found behind it again, and closes again."""

    def _count(self, sql: str) -> tuple[int, ...]:
        return tuple(int(each or 0) for each in self._db.execute(sql).fetchall()[0])

    def _named(self, of: str = "") -> str:
        return "".join(f", {of}.{key}" if of else f", {key}" for key in self._by)

    def _same(self, one: str, other: str) -> str:
        return " AND ".join(f"{one}.{key} IS NOT DISTINCT FROM {other}.{key}" for key in self._by)


def one_by_one(rows: Iterable[tuple[Any, ...]]) -> list[tuple[int | None, int | None, int]]:
    """(event, session, group): each event of a key in the order in which they came, as Flink merges sessions.

    A row is (key, start, end, watermark before it, event, session); sessions that are open come first. Late events
    are left out.
    """
    found: list[tuple[int | None, int | None, int]] = []
    into: dict[int, int] = {}
    held: list[tuple[int, int, int]] = []  # (start, end, group) of the sessions of the key
    last: object = None
    for group, (key, start, end, before, event, session) in enumerate(rows, 1):
        if key != last:
            last, held = key, []
        if event is None:
            held.append((start, end, -group))
            found.append((None, session, -group))
            continue
        held = [each for each in held if each[1] - 1 > before]
        met = [each for each in held if each[0] <= end and each[1] >= start]
        if not met and end - 1 <= before:
            continue
        for _, _, other in met:
            into[other] = -group
        held = [each for each in held if each not in met]
        held.append((min([start, *(m[0] for m in met)]), max([end, *(m[1] for m in met)]), -group))
        found.append((event, None, -group))
    return [(event, session, _end_of(into, group)) for event, session, group in found]


def _end_of(into: dict[int, int], group: int) -> int:
    path = []
    while group in into:
        path.append(group)
        group = into[group]
    for each in path:
        into[each] = group
    return group


def _ints(names: tuple[str, ...], rows: list[tuple[int | None, int | None, int]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pa.table({name: pa.array(column, pa.int64()) for name, column in zip(names, columns, strict=True)})
