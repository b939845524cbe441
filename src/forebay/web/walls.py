"""The console's walls: whose requests it takes, and what its answers forbid a browser."""

from __future__ import annotations

from typing import Any, Protocol

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Refuses(Protocol):
    """What `forebay.web.guard.Guard` is here: the judge of a request's Host and Origin."""

    def check(self, host: str | None, origin: str | None) -> Any:
        """None, or why the request is refused."""


class Walls:
    """Refuses a foreign Host or Origin before anything is read or accepted, and sets the security headers."""

    def __init__(self, app: ASGIApp, guard: Refuses) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._guard.check(headers.get(b"host"), headers.get(b"origin"))
        if refusal is not None:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            body = {"error": {"code": refusal.code, "message": refusal.message, "fix": refusal.fix}}
            await JSONResponse(body, refusal.status, headers=SECURITY)(scope, receive, send)
            return

        async def secured(message: Any) -> None:
            if message["type"] == "http.response.start":
                have = {name for name, _ in message["headers"]}
                extra = [(k.lower().encode(), v.encode()) for k, v in SECURITY.items()]
                if b"cache-control" not in have:
                    extra.append((b"cache-control", b"no-store"))
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await self._app(scope, receive, secured)
