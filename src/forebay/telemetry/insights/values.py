"""The values of log events: fields found in JSON, compared and shown as Logs Insights does."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from typing import Any

from forebay.clock import SECOND

Value = Any
"""None, bool, int, float, str, Stamp; what is an object or array stays so."""
DEEPEST = 20


class Stamp(int):
    """A moment, in UTC milliseconds."""

    def __str__(self) -> str:
        moment = dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(milliseconds=int(self))
        return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{int(self) % 1000:03d}"


class Row:
    """What a query sees of an event, or of a group of events after `stats`."""

    __slots__ = ("_json", "_message", "own")

    def __init__(self, own: dict[str, Value], message: str | None) -> None:
        """`own` are fields that are known; others are looked for in the message, which may be JSON."""
        self.own = own
        self._message = message
        self._json: Any = None

    def get(self, name: str) -> Value:
        """A field's value; None if there is none."""
        if name in self.own:
            return self.own[name]
        if self._message is None or name.startswith("@"):
            return None
        return _at(self.json(), name)

    def json(self) -> Any:
        """The message as JSON; an empty object where it is none."""
        if self._json is None:
            self._json = _parsed(self._message or "")
        return self._json

    def discovered(self) -> Iterator[tuple[str, Value]]:
        """Every field in the message, nested ones by their path."""
        yield from _flat(self.json(), "", 0)


def _parsed(message: str) -> Any:
    start = message.find("{")
    if start < 0:
        return {}
    try:
        found = json.loads(message if start == 0 else message[start:])
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _at(value: Any, path: str) -> Value:
    """What is at a path; keys may have dots in them, too."""
    if not path:
        return value
    if isinstance(value, dict):
        if path in value:
            return value[path]
        at = path.find(".")
        while at > 0:
            if path[:at] in value and (found := _at(value[path[:at]], path[at + 1 :])) is not None:
                return found
            at = path.find(".", at + 1)
        return None
    step, _, rest = path.partition(".")
    if isinstance(value, list) and step.isdigit() and int(step) < len(value):
        return _at(value[int(step)], rest)
    return None


def _flat(value: Any, path: str, depth: int) -> Iterator[tuple[str, Value]]:
    if depth < DEEPEST and isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key), depth + 1)
    elif depth < DEEPEST and isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _flat(inner, f"{path}.{at}", depth + 1)
    elif path:
        yield path, value


def number(value: Value) -> float | int | None:
    """A number, or a text that is one; None of others."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        try:
            found = float(value)
        except ValueError:
            return None
        return int(found) if found.is_integer() and abs(found) < 1 << 53 else found
    return None


def shown(value: Value) -> str:
    """As it is answered: whole numbers as such, others with four digits."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else repr(value)
    if isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return str(value)


def equal(one: Value, other: Value) -> bool:
    """Numbers are equal as numbers, also where one of them came as a text."""
    if isinstance(one, bool) or isinstance(other, bool):
        return shown(one).lower() == shown(other).lower() or str(one).lower() == str(other).lower()
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    a, b = number(one), number(other)
    return a == b if a is not None and b is not None else shown(one) == shown(other)


def less(one: Value, other: Value) -> bool | None:
    """By number, or else by text."""
    a, b = number(one), number(other)
    if a is not None and b is not None:
        return a < b
    return shown(one) < shown(other)


_RFC = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")


def sort_key(value: Value) -> tuple[int, float, str]:
    """Numbers before texts, and what is missing last."""
    if value is None:
        return 2, 0.0, ""
    found = number(value)
    return (0, float(found), "") if found is not None else (1, 0.0, shown(value))


_REPORT = re.compile(
    r"REPORT RequestId: (\S+)\s+Duration: ([\d.]+) ms\s+Billed Duration: ([\d.]+) ms\s+Memory Size: (\d+) MB\s+"
    r"Max Memory Used: (\d+) MB(?:.*?Init Duration: ([\d.]+) ms)?"
)
_BEGUN = re.compile(r"(START|END) RequestId: (\S+)")
MB = 1_000_000


def of_function(message: str) -> dict[str, Value]:
    """The fields that Logs Insights finds in the lines that Lambda itself writes."""
    if found := _REPORT.match(message):
        id, took, billed, size, used, init = found.groups()
        fields: dict[str, Value] = {
            "@type": "REPORT",
            "@requestId": id,
            "@duration": float(took),
            "@billedDuration": float(billed),
            "@memorySize": int(size) * MB,
            "@maxMemoryUsed": int(used) * MB,
        }
        return {**fields, "@initDuration": float(init)} if init else fields
    if found := _BEGUN.match(message):
        return {"@type": found[1], "@requestId": found[2]}
    return {}


def now_ms() -> int:
    """UTC milliseconds."""
    return int(dt.datetime.now(dt.UTC).timestamp() * SECOND) // 1000
