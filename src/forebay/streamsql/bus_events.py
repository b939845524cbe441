"""Rows as the events of a bus: the SQL that makes them. What a bus takes is checked before, in `buses.py`."""

from __future__ import annotations

import json

from forebay.arn import ACCOUNT, REGION
from forebay.streamsql import encode
from forebay.streamsql.buses import KIND, LONGEST_TYPE
from forebay.streamsql.nodes import Type
from forebay.streamsql.plan import Plan
from forebay.streamsql.types import TEXTS, TIMES, literal, quoted


def output_sql(plan: Plan) -> str:
    """The plan's output as `__event`, an event of the bus: NULL where it has no source, no type or no detail."""
    sink, columns = plan.sink, dict(plan.columns)
    given = dict(sink.event)
    whole = "detail" not in columns
    kind = {name: literal(given[name]) if name in given else quoted(name) for name in KIND}
    if whole:
        detail = encode.object_sql(
            [each for each in plan.columns if each[0] in given or each[0] not in KIND], sink.iso
        )
    else:
        detail = _detail(quoted("detail"), columns["detail"], sink.iso)
    made = "make_timestamp(epoch_us(now()))"
    time = None if whole or "time" not in columns else _time(columns["time"])
    time = (
        f"strftime({made}, '{_SECOND}')"
        if time is None
        else f"coalesce({time}, strftime({made}, '{_SECOND}'))"
    )
    resources = "'[]'"
    if not whole and "resources" in columns:
        resources = f"coalesce({encode.json_sql(quoted('resources'), columns['resources'], False)}, '[]')"
    parts = [
        literal('{"version":"0","id":"'), "uuid()", literal('","detail-type":'), _quoted(kind["detail-type"]),
        literal(',"source":'), _quoted(kind["source"]), literal(f',"account":{json.dumps(ACCOUNT)},"time":"'), time,
        literal(f'","region":{json.dumps(REGION)},"resources":'), resources, literal(',"detail":'), "__detail", "'}'",
    ]  # fmt: skip
    fine = (
        f"__detail IS NOT NULL AND {kind['source']} <> '' AND NOT starts_with({kind['source']}, 'aws.') "
        f"AND length({kind['detail-type']}) BETWEEN 1 AND {LONGEST_TYPE}"
    )
    return (
        f"SELECT CASE WHEN {fine} THEN concat({', '.join(parts)}) END AS __event "
        f"FROM (SELECT *, {detail} AS __detail FROM ({plan.output}))"
    )


_SECOND = "%Y-%m-%dT%H:%M:%SZ"


def _time(type_: Type) -> str:
    """The text of the column `time`; text that is no time gives none."""
    column = quoted("time")
    if type_.name not in TIMES:
        column = f"TRY_CAST(replace(rtrim({column}, 'Z'), 'T', ' ') AS TIMESTAMP)"
    return f"strftime({column}, '{_SECOND}')"


def _detail(column: str, type_: Type, iso: bool) -> str:
    if type_.name in TEXTS:
        return f"CASE WHEN TRY(json_type({column})) = 'OBJECT' THEN {column} END"
    return f"CASE WHEN {column} IS NOT NULL THEN {encode.json_sql(column, type_, iso)} END"


def _quoted(text: str) -> str:
    return f"CAST(to_json({text}) AS VARCHAR)"
