"""Scalars that came as text: in JSON strings, a query string, a header, a URI or XML."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from typing import Any

from botocore.model import Shape

from forebay.wire.protocol.message import AwsError


def blob(text: str) -> bytes:
    """A blob in base64. Raises AwsError."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise AwsError("SerializationException", "Invalid base64 data") from None


def timestamp(value: Any) -> dt.datetime:
    """A moment, from seconds or any of the text forms that AWS takes. Raises AwsError."""
    try:
        if isinstance(value, dt.datetime):
            return value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return dt.datetime.fromtimestamp(value, dt.UTC)
        text = str(value)
        if re.fullmatch(r"-?\d+(\.\d+)?", text):
            return dt.datetime.fromtimestamp(float(text), dt.UTC)
        if re.match(r"[A-Z][a-z]{2},", text):
            return dt.datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=dt.UTC)
        parsed = dt.datetime.fromisoformat(text)
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError, OSError):
        raise AwsError("SerializationException", f"{value!r} is not a timestamp") from None


_DATES = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")
"""The forms of a date that HTTP knows (RFC 9110, 5.6.7)."""


def http_date(text: str) -> dt.datetime | None:
    """A date of a header; None for what is none, which HTTP passes over."""
    for form in _DATES:
        try:
            return dt.datetime.strptime(text, form).replace(tzinfo=dt.UTC)
        except ValueError:
            continue
    return None


def text_value(shape: Shape, text: str) -> Any:
    """A scalar that came as text: in a query string, a header, a URI or XML."""
    match shape.type_name:
        case "boolean":
            if text.lower() in ("true", "false"):
                return text.lower() == "true"
        case "integer" | "long":
            if re.fullmatch(r"[-+]?\d{1,99}", text.strip()):
                return int(text)
        case "double" | "float":
            try:
                return float(text)
            except ValueError:
                pass
        case "timestamp":
            return timestamp(text)
        case "blob":
            return blob(text)
        case _:
            return text
    raise AwsError("MalformedInput", f"{text!r} is not of type {shape.type_name}")
