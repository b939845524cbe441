"""Whose request it is, on a route that takes API keys only."""

from __future__ import annotations

from forebay.access.keys import Keys
from forebay.errors import ForebayError
from forebay.web.http import RequestHeaders, bearer


class AccessDenied(ForebayError):
    """No key, or one that is not valid (HTTP 401)."""

    status = 401


class KeyNotForRoute(ForebayError):
    """A valid key that does not open this route (HTTP 403)."""

    status = 403


def authenticate(keys: Keys, headers: RequestHeaders, route: str) -> str:
    """The id of the request's key. Raises AccessDenied, KeyNotForRoute."""
    secret = bearer(headers)
    if secret is None:
        raise AccessDenied(
            "KeyMissing",
            "this route takes requests with an API key only",
            fix="send it as x-api-key; make one with: forebay keys create",
        )
    key = keys.verify(secret)
    if key is None:
        raise AccessDenied("KeyInvalid", "the API key is not valid, or was revoked")
    if not key.opens(route):
        raise KeyNotForRoute("KeyNotForRoute", f"this API key does not open the route {route}")
    return key.id
