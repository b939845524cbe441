"""Pages that may call a route, and what their browsers are told of it."""

from __future__ import annotations

from collections.abc import Sequence

from forebay.ingest.door import Door
from forebay.web.http import Headers, RequestHeaders

_SHOWN = "x-request-id, retry-after, idempotency-replayed"
_STAGED = ", apigw-requestid, x-amzn-requestid, x-amzn-errortype"
_TAKEN = "content-type, content-encoding, x-api-key, authorization, idempotency-key, x-request-id"
_SIGNING = ", x-amz-date, x-amz-security-token"
MAX_AGE = "600"


def allowed(
    origin: str, headers: RequestHeaders, methods: Sequence[str], door: Door | None, stage: str | None
) -> Headers:
    """The headers for a page that was found good; more of them where it asks beforehand."""
    found = [
        ("access-control-allow-origin", origin),
        ("access-control-expose-headers", _SHOWN if stage is None else _SHOWN + _STAGED),
        ("vary", "Origin"),
    ]
    if headers.get("access-control-request-method"):
        rest = stage is not None and door is not None and door.spec.gateway == "rest"
        shown = ["OPTIONS", *methods] if rest else methods
        found += [
            ("access-control-allow-methods", ", ".join(shown)),
            ("access-control-allow-headers", _TAKEN if stage is None else _TAKEN + _SIGNING),
            ("access-control-max-age", MAX_AGE),
        ]
    return found
