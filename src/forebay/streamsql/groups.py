"""The rows that change, of a question: a state for each group, and what became of its row with each batch of events.

    chunk ─▶ touched groups, as they were ─▶ output ─┐
          ─▶ the same, with the new events ─▶ output ─┴▶ what differs: +I, -U and +U, -D

Within a batch a row changes once, as Flink has it with mini-batches. Groups that had no event for `ttl` are forgotten,
and their rows go (-D): Flink forgets them, too, and leaves their rows. Of an order without groups the events are held
that are in it, as no other can come into it later.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from forebay.errors import UsageError
from forebay.streamsql.arrow import pc
from forebay.streamsql.plan import Changing, Distinct

MOST_GROUPS = 100_000
MOST_VALUES = 500_000
"""So many values that are DISTINCT in them."""


@dataclass(slots=True)
class Changes:
    """Rows as events, what became of each (`ops`), and which row it is; `order` has the rows there are, first to last."""

    records: list[bytes] = field(default_factory=list)
    ops: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    order: list[int] | None = None


class Groups:
    """The state of one question, on a connection of DuckDB's. `output` is a query over `fired`."""

    def __init__(self, db: duckdb.DuckDBPyConnection, made: Changing, output: str) -> None:
        self._db = db
        self._made = made
        self._output = output
        self._keys = made.names
        self._held: pa.Table | None = None
        self._values: list[pa.Table | None] = [None for _ in made.distincts]
        self._shown: pa.Table | None = None
        self._next = 0

    @property
    def rows(self) -> int:
        """How many groups, or events, are held."""
        return self._held.num_rows if self._held is not None else 0

    def add(self, now: int) -> Changes:
        """Take in `chunk`, whose first event arrived at `now` (milliseconds).

        Raises UsageError `TooManyGroups` when there is more than can be held.
        """
        changes = self.forget(now)
        new = self._db.sql(self._new()).to_arrow_table()
        if not new.num_rows:
            return changes
        if self._made.plain:
            self._hold(new)
        else:
            before, touched = self._merge(new)
            if not self._made.ranked:
                self._told(changes, before, self._shape(touched))
        if self._made.ranked or self._made.plain:
            self._rank(changes)
        self._bounded()
        return changes

    def forget(self, now: int) -> Changes:
        """Let go of groups that had no event since `now` less the time to live."""
        changes = Changes()
        ttl, held = self._made.ttl, self._held
        if (
            ttl is None
            or held is None
            or not held.num_rows
            or pc.min(held.column("__seen")).as_py() + ttl > now
        ):
            return changes
        old = pc.less_equal(held.column("__seen"), now - ttl)
        gone, self._held = held.filter(old), held.filter(pc.invert(old))
        shown = self._shape(gone) if not (self._made.ranked or self._made.plain) else None
        for index, values in enumerate(self._values):
            if values is not None:
                lost = pc.is_in(values.column("__group"), gone.column("__group").combine_chunks())
                self._values[index] = values.filter(pc.invert(lost))
        if shown is not None:
            self._told(changes, shown, shown.slice(0, 0))
        else:
            self._rank(changes)
        return changes

    def rehearse(self) -> None:
        """Every query that there is, over no events. Raises duckdb.Error."""
        new = self._db.sql(self._new()).to_arrow_table()
        if self._made.plain:
            self._hold(new)
        else:
            before, touched = self._merge(new)
            self._told(Changes(), before, self._shape(touched))
        self._rank(Changes())

    # --- events into groups ---

    def _new(self) -> str:
        """The groups of the batch, each with its part of the state, or the events of it."""
        seen = "__arrival // 1000"
        if self._made.plain:
            return f"SELECT *, __row AS __group, {seen} AS __seen FROM {self._made.rows}"
        by = ", ".join(str(at + 3) for at in range(len(self._keys)))
        return (
            f"SELECT max({seen}) AS __seen, min(__row) AS __low{self._made.keyed}{self._made.begun} "
            f"FROM {self._made.rows}{f' GROUP BY {by}' if by else ''} HAVING count(*) > 0"
        )

    def _hold(self, new: pa.Table) -> None:
        self._held = new if self._held is None else pa.concat_tables([self._held, new])

    def _merge(self, new: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Take in the groups of a batch; what rows there were of them, and their state now."""
        held = self._held if self._held is not None else self._nothing(new)
        self._db.register("held", held)
        self._db.register("new", new)
        same = " AND ".join(f"h.{key} IS NOT DISTINCT FROM n.{key}" for key in self._keys) or "true"
        touched = self._db.sql(f"SELECT h.* FROM held h SEMI JOIN new n ON {same}").to_arrow_table()
        before = self._shape(touched)
        self._db.register("touched", touched)
        keys = "".join(f"{key}, " for key in self._keys)
        by = f" GROUP BY {', '.join(self._keys)}" if self._keys else " HAVING count(*) > 0"
        both = "SELECT *, NULL::BIGINT AS __low FROM touched UNION ALL BY NAME SELECT *, NULL::BIGINT AS __group FROM new"
        state = f"SELECT {keys}max(__seen) AS __seen, min(__group) AS __old, min(__low) AS __low{self._made.merged} FROM ({both}){by}"
        number = f"{self._next} + row_number() OVER (PARTITION BY __old IS NULL ORDER BY __low) - 1"
        names = "".join(f", {part.name}" for part in self._made.parts)
        now = self._db.sql(
            f"SELECT {keys}__seen, coalesce(__old, {number}) AS __group{names} FROM ({state}) ORDER BY __group"
        ).to_arrow_table()
        self._next += now.num_rows - touched.num_rows
        rest = held.filter(
            pc.invert(pc.is_in(held.column("__group"), touched.column("__group").combine_chunks()))
        )
        self._held = pa.concat_tables([rest, now]).combine_chunks()
        self._db.register("merged", now)
        for index, distinct in enumerate(self._made.distincts):
            self._add_values(index, distinct)
        return before, now

    def _nothing(self, new: pa.Table) -> pa.Table:
        """No groups, with the columns that there will be."""
        columns = [*self._keys, "__seen"]
        made = new.select(columns).append_column("__group", pa.nulls(new.num_rows, pa.int64()))
        for part in self._made.parts:
            made = made.append_column(part.name, new.column(part.name))
        return made.slice(0, 0)

    def _add_values(self, index: int, distinct: Distinct) -> None:
        """The values that were not there yet."""
        given = f"SELECT DISTINCT {distinct.value} AS x{self._made.keyed} FROM {self._made.rows} WHERE {distinct.counts}"
        same = " AND ".join(f"m.{key} IS NOT DISTINCT FROM n.{key}" for key in self._keys) or "true"
        sql = f"SELECT m.__group, n.x FROM ({given}) n JOIN merged m ON {same}"
        there = self._values[index]
        if there is None:
            self._values[index] = self._db.sql(sql).to_arrow_table()
            return
        self._db.register("there", there)
        new = self._db.sql(
            f"SELECT a.* FROM ({sql}) a ANTI JOIN there t ON a.__group = t.__group AND a.x IS NOT DISTINCT FROM t.x"
        ).to_arrow_table()
        self._values[index] = pa.concat_tables([there, new]).combine_chunks()

    # --- groups into rows ---

    def _shape(self, groups: pa.Table) -> pa.Table:
        """The rows of these groups: `__group`, `__event`, and of an order `__place`."""
        self._db.register("groups", groups)
        self._db.execute(f"CREATE OR REPLACE TEMP VIEW fired AS {self._fired()}")
        rows: pa.Table = self._db.sql(self._output).to_arrow_table()
        return rows

    def _fired(self) -> str:
        if self._made.plain:
            return "SELECT * FROM groups"
        keys = "".join(f", {key}" for key in self._keys)
        joined, columns = (
            f"(SELECT __group{keys}{self._made.ended} FROM groups GROUP BY __group{keys}) b",
            "b.*",
        )
        for index, distinct in enumerate(self._made.distincts):
            values = self._values[index]
            if values is None:  # what type they have says the first batch of them
                columns += "".join(
                    f", {0 if sql.startswith('count') else 'NULL'} AS {name}" for name, sql in distinct.ends
                )
                continue
            self._db.register(f"values{index}", values)
            own = f"SELECT __group{distinct.ended} FROM values{index} SEMI JOIN groups USING (__group) GROUP BY __group"
            joined += f" LEFT JOIN ({own}) d{index} ON b.__group = d{index}.__group"
            columns += distinct.joined(f"d{index}")
        return f"SELECT {columns} FROM {joined}"

    def _rank(self, changes: Changes) -> None:
        """The rows of all there is, against those there were."""
        if self._held is None:
            return
        after = self._shape(self._held)
        if self._made.plain:  # what is not in it now never will be
            kept = pc.is_in(self._held.column("__group"), after.column("__group").combine_chunks())
            self._held = self._held.filter(kept).combine_chunks()
        self._told(changes, self._shown if self._shown is not None else after.slice(0, 0), after)
        self._shown = after
        if self._made.ordered:
            order: list[Any] = after.sort_by("__place").column("__group").to_pylist()
            changes.order = order

    def _told(self, changes: Changes, before: pa.Table, after: pa.Table) -> None:
        """What differs."""
        self._db.register("before", before.select(["__group", "__event"]))
        self._db.register("after", after.select(["__group", "__event"]))
        rows = self._db.execute(
            "SELECT coalesce(a.__group, b.__group), b.__event, a.__event FROM after a FULL JOIN before b"
            " ON a.__group = b.__group WHERE a.__event IS DISTINCT FROM b.__event ORDER BY 1"
        ).fetchall()
        for group, old, new in rows:
            if old is not None:
                _say(changes, "-D" if new is None else "-U", group, old)
            if new is not None:
                _say(changes, "+I" if old is None else "+U", group, new)

    def _bounded(self) -> None:
        values = sum(each.num_rows for each in self._values if each is not None)
        if self.rows > MOST_GROUPS or values > MOST_VALUES:
            what, most = (
                ("groups", MOST_GROUPS) if self.rows > MOST_GROUPS else ("DISTINCT values", MOST_VALUES)
            )
            raise UsageError(
                "TooManyGroups",
                f"there are more than {most:,} {what}",
                why="a live question holds every one, so that their rows can change",
                fix="leave some out with WHERE, GROUP BY fewer columns or a window, or forget them sooner: "
                "SET 'table.exec.state.ttl' = '10 min'; before the SELECT",
            )


def _say(changes: Changes, op: str, group: int, event: str) -> None:
    changes.records.append(event.encode())
    changes.ops.append(op)
    changes.groups.append(group)
