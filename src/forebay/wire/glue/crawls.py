"""What crawlers did and when they run: start and stop, metrics, the runs, schedules."""

from __future__ import annotations

import datetime as dt
import json
import operator
import statistics
from collections.abc import Callable
from typing import Any

import msgspec

from forebay.wire.glue.base import SERVICE, after, crawler, invalid, not_found, page, token
from forebay.wire.glue.crawlers import (
    LOG_GROUP,
    MOST,
    NOUN,
    check_schedule,
    crawler_names,
    document,
    refuse_declared_crawler,
    save,
    spec_of,
)
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, present, seconds

_CRAWL_STATES = {"running": "RUNNING", "completed": "COMPLETED", "failed": "FAILED", "cancelled": "STOPPED"}


# --- runs ---


@SERVICE.operation("StartCrawler")
async def start_crawler(asked: Asked, given: Json) -> Json:
    """Run it now."""
    document(asked, given["Name"])
    await crawler(asked, "start", crawler=given["Name"])
    return {}


@SERVICE.operation("StopCrawler")
async def stop_crawler(asked: Asked, given: Json) -> Json:
    """End its run."""
    document(asked, given["Name"])
    await crawler(asked, "stop", crawler=given["Name"])
    return {}


def _changes(run: Json, *names: str) -> int:
    changes = run.get("changes") or {}
    return sum(len(changes.get(name) or ()) for name in names)


@SERVICE.operation("GetCrawlerMetrics")
async def get_crawler_metrics(asked: Asked, given: Json) -> Json:
    """How long runs took and how many tables they made, changed and removed."""
    known = crawler_names(asked)
    wanted = given.get("CrawlerNameList")
    names, more = page([name for name in known if not wanted or name in wanted], given, MOST)
    found = []
    for name in names:
        runs = [run for run in await crawler(asked, "runs", crawler=name) if run["ended"]]
        took = [(run["ended"] - run["started"]) / 1e6 for run in runs]
        found.append(
            {
                "CrawlerName": name,
                "TimeLeftSeconds": 0.0,
                "StillEstimating": False,
                "LastRuntimeSeconds": took[0] if took else 0.0,
                "MedianRuntimeSeconds": statistics.median(took) if took else 0.0,
                "TablesCreated": sum(_changes(run, "created") for run in runs),
                "TablesUpdated": sum(_changes(run, "updated") for run in runs),
                "TablesDeleted": sum(_changes(run, "deleted", "deprecated") for run in runs),
            }
        )
    return {"CrawlerMetricsList": found, **more}


def summary(run: Json) -> str:
    """What a run changed, as ListCrawls tells it."""
    changes = run.get("changes") or {}
    tables = {
        word: {"Count": len(changes[key]), "Details": {"names": changes[key]}}
        for key, word in (
            ("created", "ADD"),
            ("updated", "UPDATE"),
            ("deleted", "DELETE"),
            ("deprecated", "DEPRECATE"),
        )
        if changes.get(key)
    }
    partitions = {
        word: {"Count": sum(changes[key].values()), "Details": {"tables": changes[key]}}
        for key, word in (
            ("partitions_added", "ADD"),
            ("partitions_updated", "UPDATE"),
            ("partitions_deleted", "DELETE"),
        )
        if changes.get(key)
    }
    found = {
        "TABLE": json.dumps(tables) if tables else "",
        "PARTITION": json.dumps(partitions) if partitions else "",
    }
    return json.dumps({name: text for name, text in found.items() if text})


def _crawl_of(name: str, run: Json) -> Json:
    return present(
        {
            "CrawlId": run["id"],
            "State": _CRAWL_STATES[run["state"]],
            "StartTime": seconds(run["started"]),
            "EndTime": seconds(run["ended"]),
            "Summary": summary(run),
            "ErrorMessage": run.get("error"),
            "LogGroup": LOG_GROUP,
            "LogStream": name,
            "MessagePrefix": run["id"],
            "DPUHour": 0.0,
        }
    )


_MEMBERS = {
    "CRAWL_ID": "CrawlId",
    "STATE": "State",
    "START_TIME": "StartTime",
    "END_TIME": "EndTime",
    "DPU_HOUR": "DPUHour",
}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "EQ": operator.eq,
    "NE": operator.ne,
    "GT": operator.gt,
    "GE": operator.ge,
    "LT": operator.lt,
    "LE": operator.le,
}


def _filter(wanted: Json) -> Callable[[Json], bool]:
    """A filter of ListCrawls. Raises InvalidInputException."""
    name, mark, text = (wanted.get(key) for key in ("FieldName", "FilterOperator", "FieldValue"))
    if not name or not mark or text is None:
        parts = ", ".join(
            f"{key}: {wanted.get(key) or 'null'}" for key in ("FieldName", "FilterOperator", "FieldValue")
        )
        raise invalid(f"Invalid Filter Provided: {parts}")
    if name in ("STATE", "CRAWL_ID") and mark not in ("EQ", "NE"):
        raise invalid(f"Only EQ or NE operator is allowed for field : {name}")
    member, compare = _MEMBERS[name], _COMPARE[mark]
    value: Any = text if name in ("STATE", "CRAWL_ID") else _number(text, moment=name != "DPU_HOUR")
    return lambda crawl: crawl.get(member) is not None and compare(crawl[member], value)


def _number(text: str, *, moment: bool) -> float:
    try:
        value = float(text)
    except ValueError:
        try:
            found = dt.datetime.fromisoformat(text)
        except ValueError:
            raise invalid(f"Invalid Filter Provided: {text} is no time and no number") from None
        return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).timestamp()
    return value / 1000 if moment and value > 1e11 else value  # milliseconds


@SERVICE.operation("ListCrawls")
async def list_crawls(asked: Asked, given: Json) -> Json:
    """The runs, newest first, with what each changed."""
    name = given["CrawlerName"]
    if name not in crawler_names(asked):
        raise not_found(f"Crawler entry with name {name} does not exist")
    filters = [_filter(wanted) for wanted in given.get("Filters") or ()]
    crawls = [_crawl_of(name, run) for run in await crawler(asked, "runs", crawler=name)]
    crawls = [crawl for crawl in crawls if all(passes(crawl) for passes in filters)]
    start = after(given)
    at = int(start) if start.isdigit() else 0
    limit = given.get("MaxResults") or 20
    answer: Json = {"Crawls": crawls[at : at + limit]}
    if at + limit < len(crawls):
        answer["NextToken"] = token(str(at + limit))
    return answer


# --- schedules ---


@SERVICE.operation("UpdateCrawlerSchedule")
async def update_schedule(asked: Asked, given: Json) -> Json:
    """Give a crawler another schedule, or none."""
    name = given["CrawlerName"]
    meta = document(asked, name)
    refuse_declared_crawler(asked, name)
    made = {**meta["crawler"], "Schedule": given.get("Schedule") or None}
    if made["Schedule"]:
        check_schedule(made["Schedule"])
    await save(asked, name, {**meta, "crawler": present(made), "scheduled": True})
    return {}


async def _schedule(asked: Asked, name: str, *, on: bool) -> Json:
    meta = document(asked, name)
    refuse_declared_crawler(asked, name)
    if not meta["crawler"].get("Schedule"):
        raise AwsError("NoScheduleException", f"There is no schedule for crawler {name}", http=400)
    if meta.get("scheduled", True) is on:
        code = "SchedulerRunningException" if on else "SchedulerNotRunningException"
        raise AwsError(code, f"The schedule of {name} is {'already' if on else 'not'} running", http=400)
    spec = msgspec.to_builtins(spec_of(asked, meta["crawler"]))
    if not on:
        spec["schedule"] = None
    asked.system.documents.put(NOUN, name, {"spec": spec, "meta": {**meta, "scheduled": on}})
    await asked.system.apply()
    return {}


@SERVICE.operation("StartCrawlerSchedule")
async def start_schedule(asked: Asked, given: Json) -> Json:
    """Let the schedule run the crawler again."""
    return await _schedule(asked, given["CrawlerName"], on=True)


@SERVICE.operation("StopCrawlerSchedule")
async def stop_schedule(asked: Asked, given: Json) -> Json:
    """Let the schedule rest."""
    return await _schedule(asked, given["CrawlerName"], on=False)
