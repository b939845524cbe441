"""Why a pattern is refused, to the letter: with the place in the text at which EventBridge's compiler gives up."""

from __future__ import annotations

import json
from collections.abc import Iterator

from forebay.bus.operators import InvalidPattern
from forebay.bus.pattern import compile_pattern
from forebay.wire.events.jackson import Malformed, Node, located, read

_HEAD = "Event pattern is not valid. Reason: "
_PLACELESS = ("Malformed CIDR", "Nonstandard IP", "Invalid IP", "IPv", "Rule is too complex")
_ITEM = (
    "prefix/suffix match",
    "wildcard match",
    "Inside anything but list, start",
    "Inside anything-but/",
    "Null",
)
Found = tuple[str, int]
"""A reason, and the offset that the compiler has got to."""


def refusal(text: str, error: InvalidPattern) -> str:
    """The message for a pattern that is not valid."""
    reason = error.message.removeprefix(_HEAD)
    try:
        node = read(text)
    except Malformed as malformed:
        return _HEAD + located(text, malformed.reason, malformed.at)
    if node is None or node.kind != "object":
        return _HEAD + located(text, "Filter is not an object", 0 if node is None else node.lazy)
    for found, at in _wrong(node):
        if found == reason and not reason.startswith(_PLACELESS):
            return _HEAD + _at(text, reason, at, node)
        break
    return _HEAD + reason


def _at(text: str, reason: str, at: int, node: Node) -> str:
    said = located(text, reason, at)
    # What is wrong with an item of a list is caught and said once more, with the place again.
    twice = reason.startswith(_ITEM) and any(at in (item.lazy, item.done) for item in _items(node))
    return located(text, said, at) if twice else said


def _items(node: Node, *, inside: bool = False) -> Iterator[Node]:
    """The items of the lists that stand in match expressions."""
    if inside:
        yield from node.items
    for name, inner in node.fields:
        yield from _items(inner, inside=name == "anything-but" or inside)
    for inner in node.items:
        if inner.kind == "object":
            yield from _items(inner)


def _wrong(node: Node, *, in_or: bool = False) -> Iterator[Found]:
    """What is wrong with an object of a pattern, in the order in which it is met."""
    if not node.fields:
        yield "Empty objects are not allowed", node.done
    for name, value in node.fields:
        if name == "$or":
            yield from _wrong_or(value)
            continue
        if in_or and _reserved(name):
            yield f"{name} is Ruler reserved fieldName which cannot be used inside $or.", value.lazy
        if value.kind == "object":
            yield from _wrong(value, in_or=in_or)
        elif value.kind != "array":
            yield f'"{name}" must be an object or an array', value.lazy
        else:
            yield from _wrong_tests(value)


def _reserved(name: str) -> bool:
    return _said(json.dumps({"$or": [{name: ["x"]}, {"x": ["x"]}]})) is not None


def _wrong_or(value: Node) -> Iterator[Found]:
    if value.kind != "array":
        yield "It must be an Array followed with $or.", value.lazy
        return
    for branch in value.items:
        if branch.kind != "object":
            yield "Only JSON object is allowed in array of $or relationship.", branch.lazy
        yield from _wrong(branch, in_or=True)
    if len(value.items) < 2:
        yield "There must have at least 2 Objects in $or relationship.", value.done


def _wrong_tests(value: Node) -> Iterator[Found]:
    for item in value.items:
        if item.kind == "array":
            yield "Match value must be String, number, true, false, or null", item.lazy
        elif item.kind == "object":
            reason = _said(f'{{"field": [{_text(item)}]}}')
            if reason is not None:
                yield reason, _place(item, reason)
    if not value.items:
        yield "Empty arrays are not allowed", value.done


def _text(node: Node) -> str:
    """A node as JSON, with its numbers as they were written, which messages show."""
    if node.kind == "object":
        return "{" + ",".join(f"{json.dumps(name)}:{_text(inner)}" for name, inner in node.fields) + "}"
    if node.kind == "array":
        return "[" + ",".join(map(_text, node.items)) + "]"
    return str(node.value) if node.kind == "number" else json.dumps(node.value)


def _said(pattern: str) -> str | None:
    """Why a pattern is refused; None where it is not."""
    try:
        compile_pattern(pattern)
    except InvalidPattern as error:
        return error.message.removeprefix(_HEAD)
    return None


def _place(node: Node, reason: str) -> int:
    """Where the compiler stands in a match expression when it gives this reason."""
    if not node.fields:
        return node.done
    name, value = node.fields[0]
    nested = name in ("anything-but", "prefix", "suffix") and value.kind == "object" and value.fields
    inner = value.fields[0][1] if nested else value
    if reason.startswith("Unrecognized match type"):
        return value.lazy
    if reason == "Only one key allowed in match expression":
        more = value.fields if value.kind == "object" and len(value.fields) > 1 else node.fields
        return more[1][1].lazy
    if "expression name not found" in reason:
        return value.done
    if reason.startswith("Unsupported "):
        return inner.lazy
    if name == "numeric":
        return _place_numeric(node, value, reason)
    return _place_value(node, value, inner, reason)


def _place_value(node: Node, value: Node, inner: Node, reason: str) -> int:
    if reason == "Too many elements in numeric expression":
        more = value.fields if value.kind == "object" and len(value.fields) > 1 else node.fields
        return more[1][1].lazy
    if inner.kind == "array" and node.fields[0][0] == "anything-but":
        for item in inner.items:
            if reason.startswith("Null prefix/suffix") and item.value == "":
                return item.done
            if reason.startswith(_ITEM) and item.kind != "text":
                if reason.startswith("Inside anything but list, start") and item.kind == "number":
                    continue
                return item.lazy
        return inner.done
    if reason.startswith(("Null prefix/suffix", "Consecutive wildcard", "Invalid escape")):
        return inner.done
    return inner.lazy


def _place_numeric(node: Node, value: Node, reason: str) -> int:
    if value.kind != "array":
        return value.lazy
    places = [item.done if item.kind == "text" else item.lazy for item in value.items]
    wanted = {
        "Invalid member": 0,
        "Unrecognized numeric range operator": 1,
        "Bad value in numeric range": 2,
        "Bad numeric range operator": 2,
        "Too many terms": 4,
    }
    at = next((at for head, at in wanted.items() if reason.startswith(head)), None)
    if at is None and reason.startswith("Value of"):
        at = 3 if len(places) > 2 and value.items[2].kind == "text" and value.items[1].kind == "number" else 1
    if at is None and reason.startswith("Too many elements"):
        at = 2 if len(places) > 2 else None
        if at is None:
            return node.fields[1][1].lazy
    return places[at] if at is not None and at < len(places) else value.done
