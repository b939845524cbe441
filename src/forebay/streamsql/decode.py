"""Events as JSON → a table `chunk` with the columns that a plan uses, as Flink's JSON format reads them.

Numbers may be written as text and text as numbers; what is missing is NULL. An event that is no JSON object, has
a value that its column cannot hold, or has no time, is unreadable: Flink's job would fail on it, here it is counted
and passed over, unless `json.ignore-parse-errors` makes such a value NULL.

`chunk` has besides the columns: `__row` (the event's offset), `__ts` (its time in milliseconds) and `__before`, the
watermark before it. The watermark of a shard is the greatest so far, that of the query the least over the shards
that are open there and, with an idle timeout, had an event within it by the log's arrival times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forebay.streamsql.functions import SQL_TIME
from forebay.streamsql.nodes import Type
from forebay.streamsql.plan import Source
from forebay.streamsql.types import FLOATS, INTEGERS, TEXTS, TIMES, duck, literal, quoted

NEVER = -(1 << 62)
_ISO_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?$"


@dataclass(frozen=True, slots=True)
class ShardSpan:
    """A shard takes events from offset `first` on, and once closed none from `closed` on."""

    number: int
    first: int = 0
    closed: int | None = None


def chunk_sql(
    source: Source, marks: dict[int, tuple[int, int]], shards: Sequence[ShardSpan], now: int, idle: int | None
) -> str:
    """The query that makes `chunk` of `raw` (j, __row, __shard, __arrival).

    `marks` has watermark and last arrival (microseconds) of each shard, `now` the watermark of the query so far;
    `idle` is in milliseconds.
    """
    columns = [each for each in source.table.persisted if each.name in source.wanted]
    paths = ", ".join(literal("/" + each.name.replace("~", "~0").replace("/", "~1")) for each in columns)
    texts = f", TRY(json_extract_string(j, [{paths}])) AS __s" if columns else ""
    read, bad = [], []
    for index, column in enumerate(columns, 1):
        assert column.type is not None
        value = _value(f"__s[{index}]", column.name, column.type, source.table.iso)
        read.append(f"{value} AS {quoted(column.name)}")
        if column.type.name not in (*TEXTS, "BOOLEAN", "DECIMAL"):
            bad.append(f"(__s[{index}] IS NOT NULL AND {quoted(column.name)} IS NULL)")
    computed = "".join(f", {sql} AS {quoted(name)}" for name, sql in source.computed)
    fine = "__ok" if source.table.lenient or not bad else f"__ok AND NOT ({' OR '.join(bad)})"
    time, mark = "NULL::BIGINT", "NULL::BIGINT"
    if source.rowtime is not None:
        time, mark = f"epoch_ms({quoted(source.rowtime)})", f"epoch_ms({source.watermark})"
    hidden = "__row, __shard, __arrival"
    if any("__shard_id" in sql for _, sql in source.computed):
        hidden += ", 'shardId-' || lpad(CAST(__shard AS VARCHAR), 12, '0') AS __shard_id"
    timed = " WHERE __ts IS NOT NULL" if source.rowtime is not None else ""
    before = _before(marks, shards, now, idle) if source.rowtime is not None else "NULL::BIGINT"
    return f"""
WITH parsed AS (SELECT {hidden}, j, coalesce(TRY(json_type(j)) = 'OBJECT', false) AS __ok{texts} FROM raw),
  typed AS (SELECT * EXCLUDE (j{", __s" if columns else ""}){", j AS __j, __s" if columns else ""}{"".join(", " + each for each in read)} FROM parsed WHERE __ok),
  fine AS (SELECT *{computed} FROM typed WHERE {fine}),
  timed AS (SELECT * EXCLUDE ({"__j, __s, " if columns else ""}__ok), {time} AS __ts, {mark} AS __w FROM fine)
SELECT *, {before} AS __before FROM timed{timed}"""


def _value(text: str, name: str, type_: Type, iso: bool) -> str:
    if type_.name in TEXTS:
        return text
    if type_.name in INTEGERS:
        path = literal("/" + name.replace("~", "~0").replace("/", "~1"))
        return (
            f"(CASE WHEN regexp_full_match(trim({text}), '[+-]?[0-9]+') THEN TRY_CAST(trim({text}) AS {duck(type_)})"
            f" WHEN {text} IS NOT NULL AND json_type(j, {path}) = 'DOUBLE' THEN"
            f" TRY_CAST(trunc(TRY_CAST({text} AS DOUBLE)) AS {duck(type_)}) END)"
        )
    if type_.name in FLOATS or type_.name == "DECIMAL":
        return f"TRY_CAST(trim({text}) AS {duck(type_)})"
    if type_.name == "BOOLEAN":
        return f"(lower(trim({text})) = 'true')"
    if type_.name in TIMES:
        pattern = _ISO_TIME if iso else SQL_TIME
        given = text
        if type_.name == "TIMESTAMP_LTZ":
            pattern, given = pattern[:-1] + "Z$", f"rtrim({text}, 'Z')"
        return f"(CASE WHEN regexp_matches({text}, '{pattern}') THEN TRY_CAST({given} AS TIMESTAMP) END)"
    return (
        f"(CASE WHEN regexp_full_match({text}, '\\d{{4}}-\\d\\d-\\d\\d') THEN TRY_CAST({text} AS DATE) END)"
    )


def _before(
    marks: dict[int, tuple[int, int]], shards: Sequence[ShardSpan], now: int, idle: int | None
) -> str:
    over = "OVER (ORDER BY __row ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    if len(shards) < 2:
        return f"greatest({now}, coalesce(max(__w) {over}, {NEVER}))"
    each = []
    for shard in shards:
        mark, arrival = marks.get(shard.number, (NEVER, NEVER))
        own = f"FILTER (WHERE __shard = {shard.number}) {over}"
        value = f"greatest({mark}, coalesce(max(__w) {own}, {NEVER}))"
        there = f"__row >= {shard.first}" + (
            f" AND __row < {shard.closed}" if shard.closed is not None else ""
        )
        if idle is not None:
            there += f" AND greatest({arrival}, coalesce(max(__arrival) {own}, {NEVER})) > __arrival - {idle * 1000}"
        each.append(f"CASE WHEN {there} THEN {value} END")
    # The watermark never goes back, so it is the greatest of what it was at any row so far.
    least = f"least({', '.join(each)})"
    return f"greatest({now}, coalesce({least}, {NEVER}))"
