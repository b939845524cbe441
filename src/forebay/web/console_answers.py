"""What the console answers with: JSON, CSV, tables, and errors in one shape."""

from __future__ import annotations

import asyncio
import csv
import io
import logging
from collections.abc import Mapping
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from forebay.dashboards.render import table
from forebay.errors import ForebayError, Throttled, Unavailable, UsageError
from forebay.web.live import result_of

logger = logging.getLogger("forebay.console")

BodyT = TypeVar("BodyT")

MAX_BODY = 1 << 20
MAX_ROWS = 10_000


async def failed(_: Request, error: Exception) -> Response:
    """An error that forebay raised on purpose."""
    assert isinstance(error, ForebayError)
    headers = {}
    if isinstance(error, Unavailable | Throttled):
        headers["Retry-After"] = str(error.extra.get("retry_after", 1))
    return JSONResponse({"error": error.to_dict()}, error.status, headers)


async def broken(request: Request, error: Exception) -> Response:
    """A fault of forebay's own."""
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    parts = {"code": "Internal", "message": f"a fault of forebay: {error!r}", "fix": "please report it"}
    return JSONResponse({"error": parts}, 500)


async def body_of(request: Request, kind: type[BodyT]) -> BodyT:
    """The request's JSON body. Raises UsageError."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise UsageError("NotJson", "the body must be application/json")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise UsageError("BodyTooLarge", f"the body may have {MAX_BODY} bytes")
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.MsgspecError as error:
        raise UsageError("BadBody", f"the body cannot be read: {error}") from None


def json_of(parts: Any) -> Response:
    """JSON."""
    return Response(orjson.dumps(parts), media_type="application/json")


def table_of(answer: Mapping[str, Any], zone: ZoneInfo | None = None) -> dict[str, Any]:
    """A query's answer as a table that JSON can hold."""
    result = result_of(answer)
    return {
        **table(result, MAX_ROWS, zone),
        "truncated": result.truncated,
        "stats": answer.get("stats") or {},
    }


async def csv_of(answer: Mapping[str, Any], name: str) -> Response:
    """The rows as a file to keep: NULL is an empty field, the header the columns' names."""

    def write() -> str:
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\r\n")
        rows.writerow([column for column, _ in answer["columns"]])
        rows.writerows(answer["values"])
        return text.getvalue()

    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    if answer.get("truncated"):
        headers["X-Forebay-Truncated"] = str(len(answer["values"]))
    return Response(await asyncio.to_thread(write), headers=headers, media_type="text/csv; charset=utf-8")
