"""Events as JSON → a table `chunk` with the columns that a plan uses, as Flink's JSON format reads them.

Numbers may be written as text and text as numbers; what is missing is NULL. An event that is no JSON object, has
a value that its column cannot hold, or has no time, is unreadable: Flink's job would fail on it, here it is counted
and passed over, unless `json.ignore-parse-errors` makes such a value NULL.

    raw ─▶ the texts of the columns (one parse an event) ─▶ typed, quickly or by SQL ─▶ computed columns, times

`chunk` has besides the columns: `__row` (the event's offset), `__shard`, `__arrival`, `__ts` (its time in
milliseconds), `__w` (the watermark it gives) and `__before`, the watermark before it, which `marks` knows.
"""

from __future__ import annotations

import re

import duckdb
import pyarrow as pa

from forebay.streamsql import nested
from forebay.streamsql.arrow import Array, pc, whole
from forebay.streamsql.nodes import Type
from forebay.streamsql.plan import Source
from forebay.streamsql.quick import quick
from forebay.streamsql.types import FLOATS, INTEGERS, ISO_TIME, SQL_TIME, TEXTS, TIMES, duck, literal, quoted

_OBJECT = "coalesce(TRY(json_type(j)) = 'OBJECT', false)"
_HIDDEN = ("__row", "__shard", "__arrival")
WARY = 100
"""So many batches after one with an event that is no JSON, more such are expected."""
_DELAY = re.compile(r'\("(?:[^"]|"")+" \+ to_milliseconds\((-?\d+)\)\)')


class Decoder:
    """Reads the events of one source, on a connection of DuckDB's."""

    def __init__(self, db: duckdb.DuckDBPyConnection, source: Source) -> None:
        self._db = db
        self._source = source
        self._columns = [
            (each.name, each.type)
            for each in source.table.persisted
            if each.name in source.wanted and each.type is not None
        ]
        paths = ", ".join(literal(_path(name)) for name, _ in self._columns)
        items = ", ".join(f"s[{at}] AS t{at}" for at in range(1, len(self._columns) + 1))
        extract = f"json_extract_string(j, [{paths}])"
        self._texts = f"SELECT {items} FROM (SELECT {extract} AS s FROM raw)"
        self._careful = f"SELECT {items} FROM (SELECT TRY({extract}) AS s FROM raw)"
        self._wary = 0
        # A pointer such as /0 finds something in an array, too.
        self._suspicious = any(not name.strip("-0123456789") for name, _ in self._columns)
        self._delay = _delay(source)

    def read(self, raw: pa.Table) -> pa.Table:
        """The readable ones of `raw` (j, __row, __shard, __arrival), without `__before`."""
        self._db.register("raw", raw)
        texts: list[Array] = []
        if self._columns:
            texts += [whole(column) for column in self._text().columns]
        fine = self._objects(raw, texts)
        columns = {name: whole(raw.column(name)) for name in _HIDDEN}
        slow: list[int] = []
        for at, (text, (name, type_)) in enumerate(zip(texts, self._columns, strict=True)):
            typed = quick(text, type_, self._source.table.iso_of(name))
            columns[name] = text if typed is None else typed
            if typed is None:
                slow.append(at)
        if slow:
            bad = self._slowly(raw, texts, slow, columns)
            if bad is not None:
                fine = pc.invert(bad) if fine is None else pc.and_(fine, pc.invert(bad))
        typed_table = pa.table(columns)
        if fine is not None:
            typed_table = typed_table.filter(fine)
        return self._timed(typed_table)

    def _text(self) -> pa.Table:
        """The texts of the columns; what is no JSON has none. To expect that costs a tenth."""
        found: pa.Table
        if not self._wary:
            try:
                found = self._db.sql(self._texts).to_arrow_table()
                return found
            except (duckdb.Error, UnicodeDecodeError):  # the latter where it quotes what is no UTF-8
                self._wary = WARY
        self._wary -= 1
        found = self._db.sql(self._careful).to_arrow_table()
        return found

    def rehearse(self, raw: pa.Table) -> None:
        """Every query that there may be, over no events. Raises duckdb.Error."""
        self.read(raw)
        if self._columns:
            self._db.sql(self._careful).to_arrow_table()
        texts: list[Array] = [pa.array([], pa.string()) for _ in self._columns]
        columns = {name: whole(raw.column(name)) for name in _HIDDEN}
        if texts:
            self._slowly(raw, texts, list(range(len(texts))), columns)
        self._calculated(pa.table(columns))

    def _objects(self, raw: pa.Table, texts: list[Array]) -> Array | None:
        """Which events are JSON objects; None for all. What gave a text is one."""
        if texts and not self._suspicious and any(not text.null_count for text in texts):
            return None
        if not texts or self._suspicious:
            return whole(self._db.sql(f"SELECT {_OBJECT} AS ok FROM raw").to_arrow_table().column("ok"))
        none = pc.is_null(texts[0])
        for text in texts[1:]:
            none = pc.and_(none, pc.is_null(text))
        if not pc.any(none).as_py():
            return None
        self._db.register("doubtful", raw.select(["j"]).filter(none))
        judged = self._db.sql(f"SELECT {_OBJECT} AS ok FROM doubtful").to_arrow_table().column("ok")
        return pc.replace_with_mask(pc.invert(none), none, whole(judged))

    def _slowly(
        self, raw: pa.Table, texts: list[Array], slow: list[int], columns: dict[str, Array]
    ) -> Array | None:
        """Put these columns into `columns` by SQL; which events have a value that its column cannot hold."""
        table = self._source.table
        self._db.register("texts", pa.table({"j": raw.column("j"), **{f"t{at}": texts[at] for at in slow}}))
        items, bad = [], []
        for at in slow:
            name, type_ = self._columns[at]
            items.append(f"{_value(f't{at}', name, type_, table.iso_of(name))} AS v{at}")
            if type_.name not in (*TEXTS, "BOOLEAN", "DECIMAL"):
                bad.append(f"(t{at} IS NOT NULL AND v{at} IS NULL)")
        judged = ", " + (" OR ".join(bad)) + " AS bad" if bad and not table.lenient else ""
        found = self._db.sql(f"SELECT {', '.join(items)}{judged} FROM texts").to_arrow_table()
        for at in slow:
            columns[self._columns[at][0]] = whole(found.column(f"v{at}"))
        return whole(found.column("bad")) if judged else None

    def _timed(self, typed: pa.Table) -> pa.Table:
        """With computed columns and times, without what has no time."""
        source = self._source
        nothing = pa.nulls(typed.num_rows, pa.int64())
        if source.rowtime is None and not source.computed:
            return typed.append_column("__ts", nothing).append_column("__w", nothing)
        if not source.computed and (times := self._delayed(typed)) is not None:
            return _there(typed.append_column("__ts", times[0]).append_column("__w", times[1]))
        typed = self._calculated(typed)
        return typed if source.rowtime is None else _there(typed)

    def _calculated(self, typed: pa.Table) -> pa.Table:
        """With computed columns and times, by SQL."""
        source = self._source
        shown = ""
        if any("__shard_id" in sql for _, sql in source.computed):
            shown = ", 'shardId-' || lpad(CAST(__shard AS VARCHAR), 12, '0') AS __shard_id"
        items = [f"{sql} AS {quoted(name)}" for name, sql in source.computed]
        if source.rowtime is None:
            items += ["NULL::BIGINT AS __ts", "NULL::BIGINT AS __w"]
        else:
            items += [f"epoch_ms({quoted(source.rowtime)}) AS __ts", f"epoch_ms({source.watermark}) AS __w"]
        self._db.register("typed", typed)
        more = self._db.sql(f"SELECT {', '.join(items)} FROM (SELECT *{shown} FROM typed)").to_arrow_table()
        for name in more.column_names:
            typed = typed.append_column(name, more.column(name))
        return typed

    def _delayed(self, typed: pa.Table) -> tuple[Array, Array] | None:
        """Times and marks if the watermark is the time less so much, which needs no SQL."""
        if self._delay is None or self._source.rowtime is None:
            return None
        micros = whole(typed.column(self._source.rowtime)).cast(pa.int64())
        least = pc.min(micros).as_py()
        if least is not None and (least < 0 or least // 1000 + self._delay < 0):
            return None
        times = pc.divide(micros, 1000)
        return times, pc.add(times, self._delay)


def _delay(source: Source) -> int | None:
    """What is added to the time for the watermark, in milliseconds, if it is that simple."""
    time, mark = quoted(source.rowtime or ""), source.watermark or ""
    if mark == time:
        return 0
    found = _DELAY.fullmatch(mark)
    return int(found[1]) if found is not None and mark.startswith(f"({time} ") else None


def _there(timed: pa.Table) -> pa.Table:
    times = timed.column("__ts")
    return timed.filter(pc.is_valid(times)) if times.null_count else timed


def _path(name: str) -> str:
    """The JSON pointer of a field."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _value(text: str, name: str, type_: Type, iso: bool) -> str:
    """SQL of any text as the type; of an event that is NULL where its text is not, the value does not fit."""
    if type_.name in TEXTS:
        return text
    if type_.of:
        return nested.read(text, type_, iso)
    if type_.name in INTEGERS:
        return (
            f"(CASE WHEN regexp_full_match(trim({text}), '[+-]?[0-9]+') THEN TRY_CAST(trim({text}) AS {duck(type_)})"
            f" WHEN {text} IS NOT NULL AND TRY(json_type(j, {literal(_path(name))})) = 'DOUBLE' THEN"
            f" TRY_CAST(trunc(TRY_CAST({text} AS DOUBLE)) AS {duck(type_)}) END)"
        )
    if type_.name in FLOATS or type_.name == "DECIMAL":
        return f"TRY_CAST(trim({text}) AS {duck(type_)})"
    if type_.name == "BOOLEAN":
        return f"(lower(trim({text})) = 'true')"
    if type_.name in TIMES:
        pattern = ISO_TIME if iso else SQL_TIME
        given = text
        if type_.name == "TIMESTAMP_LTZ":
            pattern, given = pattern[:-1] + "Z$", f"rtrim({text}, 'Z')"
        return f"(CASE WHEN regexp_matches({text}, '{pattern}') THEN TRY_CAST({given} AS TIMESTAMP) END)"
    return (
        f"(CASE WHEN regexp_full_match({text}, '\\d{{4}}-\\d\\d-\\d\\d') THEN TRY_CAST({text} AS DATE) END)"
    )
