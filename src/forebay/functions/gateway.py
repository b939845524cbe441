"""What a function sees of an HTTP request, and what its answer becomes: API Gateway's proxy integration.

Payload format 2.0 is that of HTTP APIs, 1.0 that of REST APIs. Contracts: "AWS Lambda proxy integrations for
HTTP APIs" and "Lambda proxy integrations in API Gateway" (API Gateway developer guide).
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from forebay.arn import ACCOUNT

Pairs = Sequence[tuple[str, str]]

_TEXT = (
    "text/",
    "application/json",
    "application/xml",
    "application/javascript",
    "application/x-www-form-urlencoded",
)
_OWN = frozenset({"content-length", "transfer-encoding", "connection"})
"""Headers that the server writes itself."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it came. `path` is percent-decoded, `resource` the route's own path: `/shops/{shop}`.

    `any` says that the route is of any method.
    """

    method: str
    path: str
    resource: str
    query: str
    headers: Pairs
    body: bytes
    client: str
    id: str
    parameters: Mapping[str, str]
    stage: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    any: bool = False

    @property
    def key(self) -> str:
        """The route, as HTTP APIs name it: `POST /shops/{shop}`."""
        return f"{'ANY' if self.any else self.method} {self.resource}"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What goes back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def event(request: HttpRequest, version: str) -> bytes:
    """The event, in payload format `1.0` or `2.0`."""
    made = _second(request) if version == "2.0" else _first(request)
    return json.dumps(made, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _first(request: HttpRequest) -> dict[str, Any]:
    headers, query = _grouped(request.headers), _grouped(_query(request))
    body, encoded = _body(request)
    now = time.time()
    stage = request.stage or "prod"
    return {
        "resource": request.resource,
        "path": request.path,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(request.parameters) or None,
        "stageVariables": dict(request.variables) or None,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "forebay",
            "domainName": headers.get("host", ["localhost"])[0],
            "extendedRequestId": request.id,
            "httpMethod": request.method,
            "identity": {
                "accessKey": None,
                "accountId": None,
                "caller": None,
                "sourceIp": request.client,
                "user": None,
                "userAgent": headers.get("user-agent", [None])[0],
                "userArn": None,
            },
            "path": f"/{stage}{request.path}" if request.stage else request.path,
            "protocol": "HTTP/1.1",
            "requestId": request.id,
            "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "requestTimeEpoch": int(now * 1000),
            "resourcePath": request.resource,
            "stage": stage,
        },
        "body": body,
        "isBase64Encoded": encoded,
    }


def _second(request: HttpRequest) -> dict[str, Any]:
    headers = {
        name: ",".join(values) for name, values in _grouped(request.headers).items() if name != "cookie"
    }
    cookies = [
        cookie.strip()
        for name, value in request.headers
        if name.lower() == "cookie"
        for cookie in value.split(";")
    ]
    body, encoded = _body(request)
    now = time.time()
    stage = request.stage or "$default"
    raw = f"/{request.stage}{request.path}" if request.stage else request.path
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": request.key,
        "rawPath": raw,
        "rawQueryString": request.query,
    }
    if cookies:
        made["cookies"] = cookies
    made["headers"] = headers
    query = {name: ",".join(values) for name, values in _grouped(_query(request), lower=False).items()}
    if query:
        made["queryStringParameters"] = query
    made["requestContext"] = {
        "accountId": ACCOUNT,
        "apiId": "forebay",
        "domainName": headers.get("host", "localhost"),
        "domainPrefix": "forebay",
        "http": {
            "method": request.method,
            "path": raw,
            "protocol": "HTTP/1.1",
            "sourceIp": request.client,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request.id,
        "routeKey": request.key,
        "stage": stage,
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "timeEpoch": int(now * 1000),
    }
    if request.parameters:
        made["pathParameters"] = dict(request.parameters)
    if request.variables:
        made["stageVariables"] = dict(request.variables)
    if body is not None:
        made["body"] = body
    made["isBase64Encoded"] = encoded
    return made


def _query(request: HttpRequest) -> Pairs:
    return parse_qsl(request.query, keep_blank_values=True)


def _grouped(pairs: Pairs, *, lower: bool = True) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name.lower() if lower else name, []).append(value)
    return found


def _body(request: HttpRequest) -> tuple[str | None, bool]:
    if not request.body:
        return None, False
    headers = _grouped(request.headers)
    kind = headers.get("content-type", [""])[0].lower()
    if "content-encoding" not in headers and (not kind or kind.startswith(_TEXT) or "json" in kind):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode(), True


def answer(payload: bytes, version: str) -> HttpAnswer:
    """What a handler's answer becomes. Raises ValueError for one that a REST API calls malformed.

    With 2.0, what is no `{statusCode, ...}` is a body by itself, of JSON.
    """
    said = json.loads(payload)
    if version == "2.0" and not (isinstance(said, dict) and "statusCode" in said):
        text = said.encode() if isinstance(said, str) else payload
        return HttpAnswer(200, [("content-type", "application/json")], text)
    if not isinstance(said, dict):
        raise ValueError("the handler did not return an object with statusCode")
    status = int(said.get("statusCode") or 200)
    if not 100 <= status <= 599:
        raise ValueError(f"{status} is no status")
    headers = [(str(name).lower(), _text(value)) for name, value in (said.get("headers") or {}).items()]
    for name, values in (said.get("multiValueHeaders") or {}).items():
        headers = [pair for pair in headers if pair[0] != str(name).lower()]
        headers += [(str(name).lower(), _text(value)) for value in values]
    headers += [("set-cookie", str(cookie)) for cookie in said.get("cookies") or ()]
    headers = [pair for pair in headers if pair[0] not in _OWN]
    if any("\r" in part or "\n" in part or not part.isprintable() for pair in headers for part in pair):
        raise ValueError("a header holds what no header may")
    if not any(name == "content-type" for name, _ in headers):
        kind = "application/json" if version == "1.0" else "text/plain;charset=utf-8"
        headers.append(("content-type", kind))
    body = said.get("body")
    if body is None:
        body = ""
    elif not isinstance(body, str):
        if version == "1.0":
            raise ValueError("the body is no string")
        body = json.dumps(body)
    if said.get("isBase64Encoded"):
        return HttpAnswer(status, headers, base64.b64decode(body, validate=True))
    return HttpAnswer(status, headers, body.encode("utf-8", "backslashreplace"))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
