"""StartQueryExecution and what follows it. An execution is a document; it runs as a task of the front.

An execution that was under way when the process ended is found again as FAILED: it did not finish, and
nothing says that it did.
"""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from typing import Any

from forebay.clock import now_us
from forebay.errors import ForebayError, QueryFailed
from forebay.query.ddl import read_ddl
from forebay.wire.athena import rights, statements
from forebay.wire.athena.base import (
    DEFAULT_BUCKET,
    ENGINE,
    EXECUTION,
    SERVICE,
    TOKEN,
    group_of,
    invalid,
    now,
    page,
    split_url,
)
from forebay.wire.athena.kinds import announced, kind_of, result_key
from forebay.wire.athena.parameters import filled, prepared
from forebay.wire.service import Asked, Json

logger = logging.getLogger("forebay.wire")

AT_ONCE = 8
ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
SECONDS = 1800.0
_running: dict[str, asyncio.Task[None]] = {}
_slots = asyncio.Semaphore(AT_ONCE)
_WORD = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*([A-Za-z]+)", re.DOTALL)


@SERVICE.operation("StartQueryExecution")
async def start_query_execution(asked: Asked, given: Json) -> Json:
    """Begin a query."""
    documents = asked.system.documents
    token = given.get("ClientRequestToken")
    if token is not None and (known := documents.get(TOKEN, token)) is not None:
        if known["query"] != given["QueryString"]:
            raise invalid("Idempotent parameters do not match")
        return {"QueryExecutionId": known["id"]}
    group = group_of(asked, given.get("WorkGroup"))
    if group["State"] != "ENABLED":
        raise invalid(f"WorkGroup {group['Name']} is disabled.")
    execution = _new(asked, given, group)
    id = execution["QueryExecutionId"]
    documents.put(EXECUTION, id, execution)
    if token is not None:
        documents.put(TOKEN, token, {"id": id, "query": given["QueryString"]})
    _running[id] = asyncio.create_task(_run(asked, execution))
    return {"QueryExecutionId": id}


def _new(asked: Asked, given: Json, group: Json) -> Json:
    sql = given["QueryString"].strip()
    if not sql.rstrip(";").strip():
        raise invalid("Queries of this type are not supported: the query is empty")
    asked_for = given.get("ResultConfiguration") or {}
    configured = group["Configuration"].get("ResultConfiguration") or {}
    enforced = group["Configuration"].get("EnforceWorkGroupConfiguration")
    location = configured.get("OutputLocation") if enforced else None
    location = location or asked_for.get("OutputLocation") or configured.get("OutputLocation")
    if not location:
        raise invalid(
            "No output location provided. An output location is required either through the Workgroup result"
            " configuration setting or as an API input."
        )
    bucket, prefix = split_url(location)
    id = str(uuid.uuid4())
    kind, sub = kind_of(sql)
    context = given.get("QueryExecutionContext") or {}
    result = f"s3://{bucket}/{result_key(prefix, id, kind, sub)}"
    return {
        "QueryExecutionId": id,
        "Query": sql,
        "StatementType": kind,
        "SubstatementType": sub,
        "ResultConfiguration": {**asked_for, "OutputLocation": result},
        "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
        "QueryExecutionContext": {
            "Database": (context.get("Database") or asked.system.project().database).strip("`"),
            "Catalog": context.get("Catalog", "awsdatacatalog").lower(),
        },
        "Status": {"State": "QUEUED", "SubmissionDateTime": now()},
        "Statistics": {},
        "WorkGroup": group["Name"],
        "EngineVersion": ENGINE,
        "ExecutionParameters": given.get("ExecutionParameters"),
    }


async def _run(asked: Asked, execution: Json) -> None:
    id = execution["QueryExecutionId"]
    documents = asked.system.documents
    try:
        async with _slots:
            began = now()
            execution["Status"]["State"] = "RUNNING"
            documents.put(EXECUTION, id, execution)
            try:
                done = await _perform(asked, execution)
                execution |= done.pop("execution", {})
                execution["Statistics"] = _statistics(execution, began, done)
                execution["Status"] |= {"State": "SUCCEEDED", "CompletionDateTime": now()}
            except ForebayError as error:
                execution["Statistics"] = _statistics(execution, began, {})
                _fail(execution, error, rights.reason(asked, error) if error.code == rights.DENIED else None)
            except asyncio.CancelledError:
                execution["Statistics"] = _statistics(execution, began, {})
                reason = "Query was cancelled by user"
                execution["Status"] |= {
                    "State": "CANCELLED",
                    "StateChangeReason": reason,
                    "CompletionDateTime": now(),
                }
            except Exception as error:
                logger.exception("query %s failed", id)
                _fail(execution, ForebayError("GENERIC_INTERNAL_ERROR", f"GENERIC_INTERNAL_ERROR: {error!r}"))
    except asyncio.CancelledError:
        reason = "Query was cancelled by user"
        execution["Status"] |= {
            "State": "CANCELLED",
            "StateChangeReason": reason,
            "CompletionDateTime": now(),
        }
    finally:
        documents.put(EXECUTION, id, execution)
        _running.pop(id, None)


async def _perform(asked: Asked, execution: Json) -> Json:
    sql = execution["Query"]
    given = execution["ExecutionParameters"]
    word = (_WORD.match(sql) or [None, ""])[1]
    if str(word).lower() in ("prepare", "execute", "deallocate"):
        sql = await prepared(asked, execution, sql, given)
        if not sql:
            return {}
    elif given:
        sql = filled(sql, given)
    bucket, key = execution["ResultConfiguration"]["OutputLocation"][5:].split("/", 1)
    await rights.may_write(asked, bucket, key)
    if bucket == DEFAULT_BUCKET and bucket not in asked.system.project().sections.get("lake", {}):
        asked.system.documents.put("lake", bucket, {"spec": {}, "meta": {"created": now_us()}})
        await asked.system.apply()
    ddl = read_ddl(sql)
    if ddl is None:
        return await _select(asked, execution, sql, bucket, key)
    return await statements.perform(asked, ddl, execution)


async def _select(asked: Asked, execution: Json, sql: str, bucket: str, key: str) -> Json:
    done: Json = await asked.system.query.call(
        "export",
        timeout=SECONDS,
        sql=sql,
        database=execution["QueryExecutionContext"]["Database"],
        header=execution["StatementType"] == "DML",
        seconds=SECONDS,
        caller=rights.caller(asked),
    )
    rights.reads(asked, done)
    await statements.register(asked, bucket, key, done)
    shown = execution["StatementType"] == "UTILITY"
    execution["columns"] = announced(done["columns"]) if shown else done["columns"]
    if shown and done["columns"] and done["columns"][0][0] == "column":
        execution["SubstatementType"] = "DESC_VIEW"
    return {"stats": done["stats"], "rows": done["rows"]}


def _statistics(execution: Json, began: float, done: Json) -> Json:
    ended = now()
    queued = int((began - execution["Status"]["SubmissionDateTime"]) * 1000)
    stats = done.get("stats") or {}
    return {
        "EngineExecutionTimeInMillis": int((ended - began) * 1000),
        "DataScannedInBytes": int(stats.get("scanned_bytes") or 0),
        "TotalExecutionTimeInMillis": int((ended - began) * 1000) + queued,
        "QueryQueueTimeInMillis": max(0, queued),
        "QueryPlanningTimeInMillis": int(stats.get("planning_ms") or 0),
        "ServiceProcessingTimeInMillis": 0,
        "ResultReuseInformation": {"ReusedPreviousResult": False},
        **({"DataManifestLocation": done["manifest"]} if "manifest" in done else {}),
    }


def _fail(execution: Json, error: ForebayError, reason: str | None = None) -> None:
    theirs = isinstance(error, QueryFailed) or error.status < 500
    plain = error.message.startswith((error.code, "line "))
    message = reason or (error.message if plain else f"{error.code}: {error.message}")
    execution["Status"] |= {
        "State": "FAILED",
        "StateChangeReason": message,
        "CompletionDateTime": now(),
        "AthenaError": {
            "ErrorCategory": 2 if theirs else 1,
            "ErrorType": 1006 if theirs else 1,
            "Retryable": not theirs,
            "ErrorMessage": message,
        },
    }


def execution_of(asked: Asked, id: str) -> Json:
    """An execution's document. Raises AwsError."""
    found = asked.system.documents.get(EXECUTION, id)
    if found is None:
        raise invalid(f"QueryExecution {id} was not found")
    if found["Status"]["State"] not in ENDED and id not in _running:
        # It was under way when the process ended. Its statement may or may not have had its effect.
        _fail(found, ForebayError("INTERRUPTED", "the system ended while the query ran; start it again"))
        asked.system.documents.put(EXECUTION, id, found)
    return found


@SERVICE.operation("GetQueryExecution")
async def get_query_execution(asked: Asked, given: Json) -> Json:
    """How a query does."""
    return {"QueryExecution": execution_of(asked, given["QueryExecutionId"])}


@SERVICE.operation("BatchGetQueryExecution")
async def batch_get_query_execution(asked: Asked, given: Json) -> Json:
    """How several do."""
    found, missing = [], []
    for id in given["QueryExecutionIds"]:
        if asked.system.documents.get(EXECUTION, id) is None:
            message = f"QueryExecution {id} was not found"
            missing.append({"QueryExecutionId": id, "ErrorCode": "INVALID_INPUT", "ErrorMessage": message})
        else:
            found.append(execution_of(asked, id))
    return {"QueryExecutions": found, "UnprocessedQueryExecutionIds": missing}


@SERVICE.operation("ListQueryExecutions")
async def list_query_executions(asked: Asked, given: Json) -> Json:
    """The ids of a work group's queries, newest first."""
    group = group_of(asked, given.get("WorkGroup"))["Name"]
    mine = [doc for _, doc in asked.system.documents.all(EXECUTION) if doc["WorkGroup"] == group]
    mine.sort(key=lambda doc: doc["Status"]["SubmissionDateTime"], reverse=True)
    ids, more = page([doc["QueryExecutionId"] for doc in mine], given, 50)
    return {"QueryExecutionIds": ids, **more}


@SERVICE.operation("StopQueryExecution")
async def stop_query_execution(asked: Asked, given: Json) -> Json:
    """End a query; one that has ended stays as it is."""
    execution_of(asked, given["QueryExecutionId"])
    task = _running.get(given["QueryExecutionId"])
    if task is not None:
        task.cancel()
        await asyncio.wait([task], timeout=5)
    return {}


@SERVICE.operation("GetQueryRuntimeStatistics", partial="rows and timeline only, no stages")
async def get_query_runtime_statistics(asked: Asked, given: Json) -> Json:
    """What a query took."""
    execution = execution_of(asked, given["QueryExecutionId"])
    statistics: dict[str, Any] = execution.get("Statistics") or {}
    names = (
        "QueryQueueTimeInMillis",
        "QueryPlanningTimeInMillis",
        "EngineExecutionTimeInMillis",
        "ServiceProcessingTimeInMillis",
        "TotalExecutionTimeInMillis",
    )
    timeline = {name: statistics[name] for name in names if name in statistics}
    rows = {"InputBytes": statistics.get("DataScannedInBytes", 0)}
    return {"QueryRuntimeStatistics": {"Timeline": timeline, "Rows": rows}}


__all__ = ["execution_of"]
