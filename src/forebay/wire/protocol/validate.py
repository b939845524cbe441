"""Constraints of the models (required, length, range, pattern, enum), refused in the words AWS uses.

`2 validation errors detected: Value '' at 'streamName' failed to satisfy constraint: Member must have
length greater than or equal to 1; Value ...`: clients and test suites match on these texts.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from forebay.wire.protocol.message import AwsError

MOST_SHOWN = 10


def validate(shape: Shape | None, value: dict[str, Any], *, code: str = "ValidationException") -> None:
    """Raise AwsError `code` with every constraint that `value` breaks."""
    if shape is None:
        return
    found = []
    for problem in _problems(shape, value, ""):
        found.append(problem)
        if len(found) == MOST_SHOWN:
            break
    if found:
        n = len(found)
        raise AwsError(code, f"{n} validation error{'s' if n > 1 else ''} detected: " + "; ".join(found))


def _camel(name: str) -> str:
    """`StreamName` → `streamName`, `ARN` → `aRN`, as AWS's validator spells members."""
    return name[:1].lower() + name[1:]


def _problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if value is None:
        yield _said(None, path, "Member must not be null")
        return
    if isinstance(shape, StructureShape):
        for name in shape.required_members:
            if name not in value:
                yield _said(None, _join(path, _camel(name)), "Member must not be null")
        for name, inner in value.items():
            if name in shape.members:
                yield from _problems(shape.members[name], inner, _join(path, _camel(name)))
        return
    limits = shape.metadata
    if isinstance(shape, ListShape):
        yield from _sized(limits, len(value), value, path)
        if _is_plain(shape.member):
            yield from _each(shape.member, value, value, path, "Member")
            return
        for at, item in enumerate(value, 1):
            yield from _problems(shape.member, item, f"{path}.{at}.member")
    elif isinstance(shape, MapShape):
        yield from _sized(limits, len(value), value, path)
        yield from _each(shape.key, value, value, path, "Map keys")
        if _is_plain(shape.value):
            yield from _each(shape.value, value.values(), value, path, "Map value")
            return
        for key, item in value.items():
            yield from _problems(shape.value, item, f"{path}.{key}.member")
    elif isinstance(value, str):
        # The characters before the length: what Kinesis and EventBridge are known to say first.
        if "pattern" in limits and not _fits(limits["pattern"], value):
            yield _said(value, path, f"Member must satisfy regular expression pattern: {limits['pattern']}")
        yield from _sized(limits, len(value), value, path)
        if isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
            yield _said(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    elif isinstance(value, bytes):
        yield from _sized(limits, len(value), value, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if "min" in limits and value < limits["min"]:
            yield _said(value, path, f"Member must have value greater than or equal to {limits['min']}")
        if "max" in limits and value > limits["max"]:
            yield _said(value, path, f"Member must have value less than or equal to {limits['max']}")


def _is_plain(shape: Shape) -> bool:
    return not isinstance(shape, StructureShape | ListShape | MapShape)


def _each(shape: Shape, items: Iterable[Any], whole: Any, path: str, what: str) -> Iterator[str]:
    """What is wrong with plain values that are many: said once, of all of them, with all that is asked of each."""
    if not any(True for item in items for _ in _problems(shape, item, path)):
        return
    limits = shape.metadata
    asked = []
    if "max" in limits:
        asked.append(f"Member must have length less than or equal to {limits['max']}")
    if "min" in limits:
        asked.append(f"Member must have length greater than or equal to {limits['min']}")
    if "pattern" in limits:
        asked.append(f"Member must satisfy regular expression pattern: {limits['pattern']}")
    if isinstance(shape, StringShape) and shape.enum:
        asked.append(f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    if not asked:
        asked.append("Member must not be null")
    yield _said(whole, path, f"{what} must satisfy constraint: [{', '.join(asked)}]")


def _sized(limits: Any, size: int, value: Any, path: str) -> Iterator[str]:
    if "min" in limits and size < limits["min"]:
        yield _said(value, path, f"Member must have length greater than or equal to {limits['min']}")
    if "max" in limits and size > limits["max"]:
        yield _said(value, path, f"Member must have length less than or equal to {limits['max']}")


@functools.cache
def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text)
    except re.error:  # Java's syntax, where it is not Python's: `\p{L}` and the like
        try:
            return re.compile(re.sub(r"\\p\{[A-Za-z]+\}", r"\\w", text))
        except re.error:
            return None


def _fits(pattern: str, value: str) -> bool:
    compiled = _pattern(pattern)
    return compiled is None or compiled.fullmatch(value) is not None


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _said(value: Any, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{_shown(value)}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _shown(value: Any) -> str:
    """As Java prints it: lists and structures by their members, blobs by their buffer."""
    if isinstance(value, bytes):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    if isinstance(value, list):
        return "[" + ", ".join(_shown(item) for item in value[:50]) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_shown(item)}" for key, item in list(value.items())[:50]) + "}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
