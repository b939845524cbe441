"""Where what is sent on comes from: the expressions of API Gateway's integrations, compiled once.

    $request.body  $request.body.user.id  $request.header.X-Tenant  $request.querystring.kind  $request.path.shop
    $context.requestId  $stageVariables.table  ${request.path.shop}-${context.stage}  a fixed text
    $input.body  $input.json('$.user')  $input.path('$.user.id')  $input.params('kind')  $util.base64Encode(...)

The first two lines are those of HTTP APIs ("Create AWS service integrations for HTTP APIs", API Gateway developer
guide), the third what their REST counterparts write most. What is not there is an empty text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qs

import msgspec

from forebay.errors import UsageError


class Headers(Protocol):
    """The part of a request's headers that is asked."""

    def get(self, key: str, default: Any = None) -> Any:
        """A header's value, by its lower-case name."""


@dataclass(slots=True)
class Seen:
    """A request, as expressions see it. `context` has what `$context.` names; `variables` are the stage's."""

    headers: Headers
    query: str = ""
    path: Mapping[str, str] = field(default_factory=dict)
    context: Callable[[str], str | None] = lambda _: None
    variables: Mapping[str, str] = field(default_factory=dict)


Read = Callable[[Seen, bytes], bytes]
"""From a request and a body (an event of it, as JSON) to a text."""

_WHOLE = re.compile(
    r"\$(?P<kind>request\.(?:body|header|querystring|path)|context|stageVariables)(?P<rest>(?:[.\[].*)?)"
)
_INSIDE = re.compile(
    r"\$\{(?P<kind>request\.(?:body|header|querystring|path)|context|stageVariables)(?P<rest>(?:[.\[][^}]*)?)\}"
)
_CALL = re.compile(r"\$input\.(?P<call>json|path|params)\(\s*(['\"])(?P<argument>.*)\2\s*\)")
_ENCODED = re.compile(r"\$util\.base64Encode\((?P<inner>.*)\)", re.DOTALL)
_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d+)\]|\[['"]([^'"\]]+)['"]\]""")
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Taken:
    """An expression, compiled. `fixed` is its text if it never changes, `body` whether it is the body as it is."""

    text: str
    read: Read
    fixed: str | None = None
    body: bool = False


def compile_mapping(text: str) -> Taken:
    """Read an expression. Raises UsageError `BadMapping`."""
    bare = text.strip()
    if (match := _ENCODED.fullmatch(bare)) is not None:  # what a blob is sent as; here it is the blob itself
        return compile_mapping(match["inner"])
    if bare in ("$input.body", "$request.body", "$input.json('$')", '$input.json("$")'):
        return Taken(text, _body, body=True)
    if (match := _CALL.fullmatch(bare)) is not None:
        return Taken(text, _called(match["call"], match["argument"], text))
    if (match := _WHOLE.fullmatch(bare)) is not None:
        return Taken(text, _reader(match["kind"], match["rest"], text))
    if bare.startswith("$") and not bare.startswith("${"):
        raise _wrong(text, f"{bare} names nothing that a request has")
    return _composed(text)


def _composed(text: str) -> Taken:
    """A text with expressions in it."""
    pieces: list[bytes | Read] = []
    last = 0
    for match in _INSIDE.finditer(text):
        pieces.append(text[last : match.start()].encode())
        pieces.append(_reader(match["kind"], match["rest"], text))
        last = match.end()
    rest = text[last:]
    if "${" in rest or any("${" in each.decode() for each in pieces if isinstance(each, bytes)):
        raise _wrong(text, "what stands in ${...} names nothing that a request has")
    if not pieces:
        fixed = text.encode()
        return Taken(text, lambda _seen, _body: fixed, fixed=text)
    pieces.append(rest.encode())

    def read(seen: Seen, body: bytes) -> bytes:
        return b"".join(each if isinstance(each, bytes) else each(seen, body) for each in pieces)

    return Taken(text, read)


def _body(_: Seen, body: bytes) -> bytes:
    return body


def _reader(kind: str, rest: str, text: str) -> Read:
    if kind == "request.body":
        return _at(_steps(rest, text)) if rest else _body
    name = rest.removeprefix(".")
    if not name or name == rest:
        raise _wrong(text, f"{kind} wants a name: ${kind}.name")
    match kind:
        case "request.header":
            lower = name.lower()
            return lambda seen, _: str(seen.headers.get(lower) or "").encode()
        case "request.querystring":
            return lambda seen, _: _asked(seen, name).encode()
        case "request.path":
            return lambda seen, _: seen.path.get(name, "").encode()
        case "context":
            return lambda seen, _: (seen.context(name) or "").encode()
    return lambda seen, _: seen.variables.get(name, "").encode()


def _asked(seen: Seen, name: str) -> str:
    return ",".join(parse_qs(seen.query, keep_blank_values=True).get(name, ()))


def _called(call: str, argument: str, text: str) -> Read:
    if call == "params":  # the path, then the query string, then the headers
        lower = argument.lower()
        return lambda seen, _: (
            seen.path.get(argument) or _asked(seen, argument) or str(seen.headers.get(lower) or "")
        ).encode()
    if not argument.startswith("$"):
        raise _wrong(text, f"{argument} is no JSON path: it begins with $")
    steps = _steps(argument[1:], text)
    return _at(steps, json=call == "json")


def _steps(rest: str, text: str) -> tuple[str | int, ...]:
    steps: list[str | int] = []
    at = 0
    while at < len(rest):
        match = _STEP.match(rest, at)
        if match is None:
            raise _wrong(text, f"{rest!r} is no JSON path")
        steps.append(int(match[2]) if match[2] is not None else match[1] or match[3])
        at = match.end()
    return tuple(steps)


def _at(steps: tuple[str | int, ...], *, json: bool = False) -> Read:
    """What lies there: a string's own text (with `json`, as JSON), else its JSON."""

    def read(_: Seen, body: bytes) -> bytes:
        value = at(body, steps)
        if value is None:
            return b'""' if json else b""
        return value.encode() if isinstance(value, str) and not json else _encode(value)

    return read


def at(body: bytes, steps: tuple[str | int, ...]) -> Any:
    """What lies at `steps` in a JSON text; None if nothing does."""
    try:
        value = _decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    for step in steps:
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                return None
            value = value[step]
        elif isinstance(value, dict):
            value = value.get(step)
        else:
            return None
    return value


def _wrong(text: str, why: str) -> UsageError:
    return UsageError(
        "BadMapping",
        f"{text!r} cannot be read",
        why=why,
        fix="$request.body.x, $request.header.x, $request.querystring.x, $request.path.x, $context.x,"
        " $stageVariables.x, or a fixed text with these in ${...}",
    )
