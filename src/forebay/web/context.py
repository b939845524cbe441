"""What is known of a request by the names that API Gateway has for it: `$context.requestId` and the others.

Contract: "$context variables for data models, authorizers, mapping templates, and CloudWatch access logging" and
its counterpart for HTTP APIs (API Gateway developer guide).
"""

from __future__ import annotations

import time

from forebay.arn import ACCOUNT
from forebay.ingest.door import Door
from forebay.web.http import Scope

API = "forebay"


class Context:
    """One request's variables; those of its answer are there once it is given. `error` is what it was refused for."""

    __slots__ = (
        "began", "error", "id", "latency", "method", "resource", "route", "scope", "size", "stage", "status",
    )  # fmt: skip

    def __init__(self, scope: Scope, id: str, door: Door, stage: str | None) -> None:
        self.scope = scope
        self.id = id
        self.route = door.name
        self.method, self.resource = door.spec.method, door.spec.path
        self.stage = stage
        self.began = time.time()
        self.status = 0
        self.size = 0
        self.latency = 0
        self.error = ""

    def __call__(self, name: str) -> str | None:
        """A variable's text; None for one that there is not."""
        scope = self.scope
        match name:
            case "requestId" | "extendedRequestId":
                return self.id
            case "identity.sourceIp":
                return scope.client.rpartition(":")[0]
            case "identity.userAgent":
                return str(scope.headers.get("user-agent") or "") or None
            case "requestTime":
                return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(self.began))
            case "requestTimeEpoch":
                return str(int(self.began * 1000))
            case "httpMethod":
                return scope.method
            case "path":
                return scope.path
            case "resourcePath":
                return self.resource
            case "routeKey":
                return f"{self.method} {self.resource}"
            case "stage":
                return self.stage or "$default"
            case "protocol":
                return "HTTP/1.1"
            case "domainName":
                return str(scope.headers.get("host") or scope.authority or "") or None
            case "apiId":
                return API
            case "accountId":
                return ACCOUNT
        return self._answered(name) if self.status else None

    def _answered(self, name: str) -> str | None:
        match name:
            case "status" | "integrationStatus" | "integration.status":
                return str(self.status)
            case "responseLength":
                return str(self.size)
            case "responseLatency" | "integrationLatency" | "integration.latency":
                return str(self.latency)
            case "error.message":
                return self.error or None
            case "error.messageString":
                return f'"{self.error}"' if self.error else None
        return None
