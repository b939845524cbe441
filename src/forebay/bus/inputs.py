"""What of an event a target gets: all of it, a part (input path), a constant, or a text made of parts.

Contract: "Amazon EventBridge input transformation" (EventBridge User Guide). A variable that the event does
not have is an empty text. Within quotes, text is put in as it is and objects and lists without their quotes;
outside, every value is JSON.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import orjson

from forebay.clock import iso
from forebay.errors import UsageError

Make = Callable[[list[bytes], Callable[[], Sequence[int]]], list[bytes]]
"""(events, their arrivals in UTC microseconds, asked for only if needed) → what the target gets of each."""

PREDEFINED = (
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
)
_PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.\-]+)>")
_STEP = re.compile(r"""\.([^.\[\]*]+)|\[(\d+)\]|\[['"]([^'"\]]+)['"]\]""")
_MISSING = object()
BATCH = 2000

Path = tuple[str | int, ...]


def parse_path(text: str) -> Path:
    """`$.detail.items[0]` → ("detail", "items", 0). Raises UsageError `InvalidPath`."""
    if not text.startswith("$"):
        raise UsageError("InvalidPath", f"{text!r} is no JSON path: it begins with $")
    at, steps = 1, []
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            raise UsageError("InvalidPath", f"{text!r} is no JSON path that a rule knows")
        steps.append(int(found[2]) if found[2] is not None else found[1] or found[3])
        at = found.end()
    return tuple(steps)


def placeholders(template: str) -> list[str]:
    """The names that a template asks for."""
    return _PLACEHOLDER.findall(template)


def whole(events: list[bytes], _: Callable[[], Sequence[int]]) -> list[bytes]:
    """The events as they are."""
    return events


def constant(text: bytes) -> Make:
    """Always the same."""
    return lambda events, _: [text] * len(events)


@functools.cache
def part(path: Path) -> Make:
    """What lies at `path`, as JSON; `null` if nothing does."""
    if not path:
        return whole
    cut = cutter(path)
    quick = _many(path) if all(isinstance(step, str) for step in path) else None

    def make(events: list[bytes], _: Callable[[], Sequence[int]]) -> list[bytes]:
        if quick is not None:
            try:
                return quick(events)
            except (msgspec.MsgspecError, AttributeError):
                pass  # one of them has nothing there
        return [cut(event) or b"null" for event in events]

    return make


def _shape(path: Path) -> Any:
    shape: Any = msgspec.Raw
    for step in reversed(path):
        fields: Any = [("v", shape)]
        shape = msgspec.defstruct("Part", fields, rename={"v": str(step)}.get, gc=False)
    return shape


def _many(path: Path) -> Callable[[list[bytes]], list[bytes]]:
    decode = msgspec.json.Decoder(list[_shape(path)]).decode  # type: ignore[misc]
    get = attrgetter(".".join("v" for _ in path))

    def cut(events: list[bytes]) -> list[bytes]:
        found: list[bytes] = []
        for first in range(0, len(events), BATCH):
            rows = decode(b"[" + b",".join(events[first : first + BATCH]) + b"]")
            found += map(bytes, map(get, rows))
        return found

    return cut


def cutter(path: Path) -> Callable[[bytes], bytes | None]:
    """Cuts the JSON text at `path` out of an event; None where there is nothing."""
    if any(isinstance(step, int) for step in path):

        def walk(event: bytes) -> bytes | None:
            value = at(orjson.loads(event), path)
            return None if value is _MISSING else orjson.dumps(value)

        return walk
    decode = msgspec.json.Decoder(_shape(path)).decode
    depth = len(path)

    def cut(event: bytes) -> bytes | None:
        try:
            found = decode(event)
        except msgspec.MsgspecError:
            return None
        for _ in range(depth):
            found = found.v
        return bytes(found)

    return cut


def text_at(path: Path) -> Callable[[bytes], str | None]:
    """Reads what lies at `path` as text: a string's own, else its JSON. For partition keys."""
    cut = cutter(path)

    def read(event: bytes) -> str | None:
        found = cut(event)
        if found is None:
            return None
        value = orjson.loads(found)
        return value if isinstance(value, str) else found.decode()

    return read


def at(value: Any, path: Path) -> Any:
    """What lies at `path`."""
    for step in path:
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                return _MISSING
            value = value[step]
        else:
            if not isinstance(value, dict) or step not in value:
                return _MISSING
            value = value[step]
    return value


def transformer(template: str, paths: Mapping[str, Path], rule: str, arn: str) -> Make:
    """A text made of parts: `<name>` stands for what lies at `paths[name]`, or for one of PREDEFINED.

    `rule` and `arn` are the rule's own.
    """
    pieces = _pieces(template)

    def one(event: bytes, arrival: int) -> bytes:
        parsed = orjson.loads(event)
        known: dict[str, Any] = {
            "aws.events.rule-arn": arn,
            "aws.events.rule-name": rule,
            "aws.events.event.ingestion-time": iso(arrival),
        }
        out = []
        for literal, name, quoted in pieces:
            out.append(literal)
            if name is None:
                continue
            if name in known:
                value = known[name]
            elif name == "aws.events.event.json":
                value = parsed
            elif name == "aws.events.event":
                value = {
                    ("detailType" if k == "detail-type" else k): v for k, v in parsed.items() if k != "detail"
                }
            else:
                value = at(parsed, paths[name]) if name in paths else _MISSING
            out.append(_inside(value) if quoted else _outside(value))
        return "".join(out).encode()

    def make(events: list[bytes], arrivals: Callable[[], Sequence[int]]) -> list[bytes]:
        return [one(event, arrival) for event, arrival in zip(events, arrivals(), strict=True)]

    return make


def _inside(value: Any) -> str:
    if value is _MISSING:
        return ""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)[1:-1]
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace('\\"', "").replace('"', "") if isinstance(value, dict | list) else text


def _outside(value: Any) -> str:
    return '""' if value is _MISSING else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _pieces(template: str) -> Sequence[tuple[str, str | None, bool]]:
    """(text before, placeholder, whether it stands within quotes), and what comes after the last."""
    found: list[tuple[str, str | None, bool]] = []
    last, quoted = 0, False
    for match in _PLACEHOLDER.finditer(template):
        literal = template[last : match.start()]
        quoted = _quotes(literal, quoted)
        found.append((literal, match[1], quoted))
        last = match.end()
    found.append((template[last:], None, False))
    return found


def _quotes(text: str, quoted: bool) -> bool:
    escaped = False
    for letter in text:
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == '"':
            quoted = not quoted
    return quoted
