"""What a scalar may say, by kind: text → value, or `Unfit` with a way to mend it."""

from __future__ import annotations

import functools
import re
import zoneinfo
from collections.abc import Callable
from typing import Any

from forebay.project.athena import athena_type
from forebay.project.near import nearest
from forebay.project.secrets import USE
from forebay.project.unfit import Unfit

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
BYTES = {
    "B": 1,
    "kB": 1000,
    "KB": 1000,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}
PER = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
METHODS = ("POST", "PUT", "PATCH", "GET", "DELETE", "ANY")

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_DURATION = re.compile(rf"({_NUMBER})\s*(ms|s|m|h|d|w)")
_SIZE = re.compile(rf"({_NUMBER})\s*([A-Za-z]+)")
_RATE = re.compile(rf"({_NUMBER})\s*/\s*(s|min|m|h)")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_SEGMENT = re.compile(r"[A-Za-z0-9._~@-]+")
_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(\+?)\}")
_CONDITION = re.compile(rf"(?:(?:=|==|!=|>=|<=|>|<)\s*-?|(?:outside|above|below)\s+){_NUMBER}")


def duration(text: str) -> float:
    """`30s`, `24h`, `1h30m` → seconds."""
    total, at = 0.0, 0
    while match := _DURATION.match(text, at):
        total += float(match[1]) * SECONDS[match[2]]
        at = match.end()
    if not text or at != len(text):
        bare = re.fullmatch(_NUMBER, text)
        raise Unfit(
            f"{text!r} is no duration",
            fix=f"write {text}s" if bare else "a number and ms, s, m, h, d or w: 30s, 24h, 1h30m",
        )
    return total


def size(text: str) -> int:
    """`64MiB` → bytes."""
    match = _SIZE.fullmatch(text)
    if match is None or match[2] not in BYTES:
        bare = re.fullmatch(_NUMBER, text)
        raise Unfit(
            f"{text!r} is no size",
            fix=f"write {text}MiB, or {text}B" if bare else f"a number and one of {', '.join(BYTES)}",
        )
    return round(float(match[1]) * BYTES[match[2]])


def rate(text: str) -> float:
    """`2000/s` → events a second."""
    match = _RATE.fullmatch(text)
    if match is None:
        bare = re.fullmatch(_NUMBER, text)
        raise Unfit(
            f"{text!r} is no rate", fix=f"write {text}/s" if bare else "a number and /s, /m or /h: 2000/s"
        )
    if not float(match[1]):
        raise Unfit("a rate of nothing", fix="leave it out, or 1/h at least")
    return float(match[1]) / PER[match[2]]


def number(text: str) -> float:
    """`60`, `0.5`."""
    if not re.fullmatch(rf"-?{_NUMBER}", text):
        raise Unfit(f"{text!r} is no number")
    return float(text)


def megabytes(text: str) -> int:
    """`64` → bytes."""
    return round(number(text) * (1 << 20))


def route(text: str) -> str:
    """`POST /clicks/{id}`, checked."""
    method, _, path = text.partition(" ")
    path = path.strip()
    if method.upper() not in METHODS or not path:
        raise Unfit(f"{text!r} is no route", fix=f"a method ({', '.join(METHODS)}) and a path: POST /events")
    if not path.startswith("/"):
        raise Unfit(f"the path {path!r} does not begin with /", fix=f"write {method} /{path}")
    if path == "/":
        return f"{method.upper()} {path}"
    names: set[str] = set()
    parts = path[1:].split("/")
    for index, part in enumerate(parts):
        parameter = _PARAMETER.fullmatch(part)
        if parameter is None and not _SEGMENT.fullmatch(part):
            raise Unfit(
                f"{part!r} is no part of a path" if part else f"the path {path!r} has an empty part",
                fix="letters, digits and . _ ~ @ -, or a parameter as a whole part: /clicks/{id}",
            )
        if parameter and parameter[1] in names:
            raise Unfit(f"the parameter {parameter[1]!r} is there twice", fix="give one another name")
        if parameter and parameter[2] and index < len(parts) - 1:
            raise Unfit(f"{part} takes the rest of the path and must be last")
        if parameter:
            names.add(parameter[1])
    return f"{method.upper()} {path}"


def clock(text: str) -> str:
    """`04:00`, checked."""
    if not _CLOCK.fullmatch(text):
        raise Unfit(f"{text!r} is no time of day", fix='HH:MM, as "04:00"')
    return text


def span(text: str) -> str:
    """`09:00-23:00`, checked; one that passes midnight is fine."""
    first, dash, last = text.partition("-")
    if not dash or not _CLOCK.fullmatch(first.strip()) or not _CLOCK.fullmatch(last.strip()):
        raise Unfit(f"{text!r} is no span of the day", fix='HH:MM-HH:MM, as "09:00-23:00"')
    return text


def timezone(text: str) -> str:
    """`Europe/Berlin`, checked against the time zone database."""
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise Unfit(f"{text!r} is no time zone", fix=_near_zone(text)) from None
    return text


def _near_zone(text: str) -> str:
    return f"did you mean {nearest(text, zoneinfo.available_timezones()) or 'UTC'}?"


def condition(text: str) -> str:
    """`> 10`, checked."""
    if not _CONDITION.fullmatch(text):
        raise Unfit(
            f"{text!r} is no condition",
            fix='an operator and a number: "> 10"; or the width of a learned band: "outside 3"',
        )
    return text


def origin(text: str) -> str:
    """`https://shop.example:8443`, checked: what a browser sends as Origin, compared as a whole."""
    if not re.fullmatch(r"https?://[A-Za-z0-9._\[\]:-]+", text):
        fix = "name each site" if "*" in text else "https://shop.example, without a path"
        raise Unfit(f"{text!r} is no web origin", fix=fix)
    return text


def host(text: str) -> str:
    """`events.local`, checked."""
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?", text):
        raise Unfit(f"{text!r} is no host's name", fix="events.local, without https:// and without a port")
    return text


def path(text: str) -> str:
    """A path without what no file's name should hold; whether it is there is looked at later."""
    if not text or any(ord(char) < 32 or char == "\x7f" for char in text):
        raise Unfit(f"{text!r} is no path")
    return text


def name(text: str) -> str:
    """An identifier, `database.table` included."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_][A-Za-z0-9_.-]*)?", text):
        raise Unfit(f"{text!r} is no name", fix="letters, digits, - and _")
    return text


def sql(text: str) -> str:
    """SQL that is there at all; what it says is looked at elsewhere."""
    if not text.strip():
        raise Unfit("the SQL is empty")
    return text


def secret_names(text: str) -> list[str]:
    """The names of the secrets in `text`. Raises Unfit for one that is spelt wrong."""
    if "${secret" in USE.sub("", text):
        raise Unfit("a secret is written ${secret:NAME}", fix="letters, digits and _ between : and }")
    return USE.findall(text)


@functools.cache
def readers() -> dict[str, Callable[[str], Any]]:
    """By kind. What is not here is taken as it stands."""
    return {
        "duration": duration,
        "seconds": number,
        "size": size,
        "megabytes": megabytes,
        "rate": rate,
        "route": route,
        "type": athena_type,
        "clock": clock,
        "span": span,
        "timezone": timezone,
        "condition": condition,
        "path": path,
        "handler": path,
        "callable": path,
        "origin": origin,
        "host": host,
        "name": name,
        "sql": sql,
    }
