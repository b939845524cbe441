"""Logs Insights: queries begun, looked at and stopped; the fields of a group; an event by its pointer.

StartQuery ─▶ kept, answered ─▶ the query process reads logs.db ─▶ results kept ─▶ GetQueryResults
"""

from __future__ import annotations

import asyncio
import base64
import functools
import time
import uuid
from collections import Counter
from typing import Any

from forebay.errors import ForebayError, UsageError
from forebay.layout import Layout
from forebay.runtime.system import System
from forebay.telemetry.groups import Groups
from forebay.telemetry.insights.commands import read
from forebay.telemetry.insights.run import Event, found_again, pointed, row_of
from forebay.telemetry.insights.values import shown
from forebay.telemetry.queries import UNDER_WAY, Queries
from forebay.telemetry.queries import Asked as Kept
from forebay.wire.logs.base import SERVICE, group_name, invalid, kept, name_in, store
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json

MOST_GROUPS = 50
AT_ONCE = 30
PATIENCE = 120.0
MILLISECONDS = 100_000_000_000
"""Times from here on are no seconds: the console sends milliseconds."""
SAMPLED = 1000
SPAN = 15 * 60_000

_tasks: dict[str, asyncio.Task[None]] = {}


@functools.cache
def queries(layout: Layout) -> Queries:
    """The queries of a state folder, opened when first asked for."""
    return Queries(store(layout))


@SERVICE.operation(
    "StartQuery",
    partial="the commands fields, display, filter, parse, stats, dedup, sort and limit; no pattern, diff, anomaly, join,"
    " lookup, unnest; neither SQL nor PPL",
)
async def start_query(asked: Asked, given: Json) -> Json:
    """Begin a query over one or several groups."""
    if given.get("queryLanguage", "CWLI") != "CWLI":
        raise AwsError(
            "NotImplemented", f"forebay does not offer {given['queryLanguage']} in StartQuery", http=501
        )
    names = _groups(given)
    start, end = _milliseconds(given["startTime"]), _milliseconds(given["endTime"], last=True)
    if start > end:
        raise invalid("The startTime must be before the endTime.")
    text = given["queryString"]
    _check(text)
    for name in names:
        await kept(asked, lambda groups, name=name: groups.group(name))  # type: ignore[misc]
    made = Kept(str(uuid.uuid4()), text, names, start, end, given.get("limit"))
    await begin(asked.system, made)
    return {"queryId": made.id}


async def begin(system: System, made: Kept) -> None:
    """Begin a query; it is kept when this returns. Raises AwsError `LimitExceededException`."""
    if len(_tasks) >= AT_ONCE:
        raise AwsError(
            "LimitExceededException",
            "Account maximum query concurrency limit of [30] reached.",
            http=400,
        )
    await asyncio.to_thread(lambda: queries(system.layout).put(made))
    task = asyncio.create_task(_run(system, made))
    _tasks[made.id] = task
    task.add_done_callback(lambda _: _tasks.pop(made.id, None))


async def _run(system: System, made: Kept) -> None:
    began = time.monotonic()
    results: list[Any] | None = None
    try:
        found = await system.query.call(
            "insights",
            timeout=PATIENCE,
            id=made.id,
            groups=made.groups,
            text=made.text,
            start=made.start,
            end=made.end,
            limit=made.limit,
        )
    except ForebayError as error:
        made.status = {"Timeout": "Timeout", "Cancelled": "Cancelled"}.get(error.code, "Failed")
        made.error = error.message
    else:
        made.status, results = "Complete", found["results"]
        made.matched, made.scanned, made.bytes = found["matched"], found["scanned"], found["bytes"]
    made.took = int((time.monotonic() - began) * 1000)
    await asyncio.to_thread(lambda: queries(system.layout).put(made, results))


@SERVICE.operation("GetQueryResults")
async def get_query_results(asked: Asked, given: Json) -> Json:
    """What came of a query, or how far it is."""
    found = await asyncio.to_thread(lambda: queries(asked.system.layout).get(given["queryId"]))
    if found is None:
        raise _missing(given["queryId"])
    made, results = found
    return {
        "queryLanguage": "CWLI",
        "results": [[{"field": name, "value": value} for name, value in row] for row in results],
        "statistics": {
            "recordsMatched": float(made.matched),
            "recordsScanned": float(made.scanned),
            "bytesScanned": float(made.bytes),
            "estimatedRecordsSkipped": 0.0,
            "estimatedBytesSkipped": 0.0,
            "logGroupsScanned": float(len(made.groups)),
        },
        "status": made.status,
    }


@SERVICE.operation("StopQuery")
async def stop_query(asked: Asked, given: Json) -> Json:
    """End a query that is under way."""
    found = await asyncio.to_thread(lambda: queries(asked.system.layout).get(given["queryId"]))
    if found is None:
        raise _missing(given["queryId"])
    if found[0].status not in UNDER_WAY:
        raise invalid(f"Query with ID {given['queryId']} has already ended with status {found[0].status}")
    answer = await asked.system.query.call("insights_stop", id=given["queryId"])
    return {"success": bool(answer["stopped"])}


@SERVICE.operation("DescribeQueries")
async def describe_queries(asked: Asked, given: Json) -> Json:
    """Queries of the last seven days, newest first."""
    name, status = given.get("logGroupName"), given.get("status")
    listed = await asyncio.to_thread(lambda: queries(asked.system.layout).listed())
    chosen = [
        each
        for each in listed
        if (name is None or name in each.groups) and (status is None or each.status == status)
    ]
    start = _after(given.get("nextToken"))
    most = given.get("maxResults") or 1000
    page = chosen[start : start + most]
    more = {"nextToken": _token(start + most)} if start + most < len(chosen) else {}
    return {
        "queries": [
            {
                "queryLanguage": "CWLI",
                "queryId": each.id,
                "queryString": each.text,
                "status": each.status,
                "createTime": each.created,
                "logGroupName": each.groups[0],
            }
            for each in page
        ],
        **more,
    }


@SERVICE.operation("GetLogRecord")
async def get_log_record(asked: Asked, given: Json) -> Json:
    """An event by the `@ptr` that a query answered: all its fields."""
    id = pointed(given["logRecordPointer"])
    event = None
    if id is not None:
        event = await asyncio.to_thread(lambda: found_again(asked.system.layout.log_groups, id))
    if event is None:
        raise invalid("The specified log record pointer is invalid.")
    row = row_of(event)
    fields = {**dict(row.discovered()), **row.own}
    return {"logRecord": {name: shown(value) for name, value in fields.items() if value is not None}}


@SERVICE.operation("GetLogGroupFields", partial="of the last 1,000 events of the time asked for")
async def get_log_group_fields(asked: Asked, given: Json) -> Json:
    """The fields in a group's events, and in what share of them each is."""
    name = group_name(given)
    end = _milliseconds(given["time"], last=True) + SPAN // 2 if "time" in given else int(time.time() * 1000)

    def sample(groups: Groups) -> list[Event]:
        found = groups.read(
            groups.group(name), None, start=end - SPAN, end=end + 1, backwards=True, most=SAMPLED
        )
        return [Event(each.id, name, each.at, each.taken, each.stream, each.message) for each in found]

    events = await kept(asked, sample)
    return {"logGroupFields": await asyncio.to_thread(_shares, events)}


def _shares(events: list[Event]) -> list[Json]:
    seen: Counter[str] = Counter()
    for event in events:
        row = row_of(event)
        seen.update({name for name in row.own if name != "@ptr"} | {name for name, _ in row.discovered()})
    return [{"name": name, "percent": round(100 * n / len(events))} for name, n in seen.most_common(1000)]


def _groups(given: Json) -> list[str]:
    ways = [given.get("logGroupName"), given.get("logGroupNames"), given.get("logGroupIdentifiers")]
    chosen = [way for way in ways if way]
    if len(chosen) != 1:
        raise invalid("Exactly one of logGroupName, logGroupNames or logGroupIdentifiers must be provided.")
    names = [chosen[0]] if isinstance(chosen[0], str) else list(chosen[0])
    if len(names) > MOST_GROUPS:
        raise invalid(f"At most {MOST_GROUPS} log groups can be queried.")
    return list(dict.fromkeys(name_in(name) for name in names))


def _check(text: str) -> None:
    """Raises AwsError `MalformedQueryException` with the place."""
    try:
        read(text)
    except UsageError as error:
        location = {
            "startCharOffset": error.extra.get("start", 0),
            "endCharOffset": error.extra.get("end", len(text)),
        }
        raise AwsError(
            "MalformedQueryException",
            error.message,
            http=400,
            queryCompileError={"location": location, "message": error.message},
        ) from None


def _missing(id: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Query with ID {id} does not exist.", http=400)


def _milliseconds(given: int, *, last: bool = False) -> int:
    if given >= MILLISECONDS:
        return given
    return given * 1000 + (999 if last else 0)


def _token(at: int) -> str:
    return base64.urlsafe_b64encode(f"queries-{at}".encode()).decode()


def _after(token: str | None) -> int:
    if token is None:
        return 0
    try:
        kind, _, at = base64.urlsafe_b64decode(token.encode()).decode().partition("-")
    except ValueError:
        kind, at = "", ""
    if kind != "queries" or not (at.isdecimal() and len(at) < 19):
        raise invalid("The specified nextToken is invalid.")
    return int(at)
