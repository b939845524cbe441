"""Templates of the Kinesis Data Generator, as they are: text with `{{group.field(arguments)}}` in it.

What the generator does is done: line ends fall away, text around the whole does too, and arguments are JSON, or
text where they are none. Stricter than it: a field it does not know, or arguments that it would take for
something else in silence (single quotes, keys without quotes, two numbers for one), are a fault of the
template, told with line and column before anything is sent.

https://awslabs.github.io/amazon-kinesis-data-generator/web/help.html
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from forebay.project.near import nearest
from forebay.simulate.fields import GROUPS, NAMES, BadArguments, Context, Make

_NAME = re.compile(r"\s*([A-Za-z_$][\w$]*(?:\s*\.\s*[A-Za-z_$][\w$]*)*)?\s*")
_TAKES_TEXT = re.compile(r"[^\"'\[\]{}]*")


class TemplateFault(Exception):
    """What is wrong with a template, and where; the parts are those of a finding."""

    def __init__(
        self, text: str, at: int, message: str, *, why: str | None = None, fix: str | None = None
    ) -> None:
        super().__init__(message)
        self.line = text.count("\n", 0, at) + 1
        self.column = at - text.rfind("\n", 0, at)
        self.message = message
        self.why = why
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Use:
    """A field in a template: where it begins, its name, and its arguments."""

    at: int
    group: str
    name: str
    arguments: tuple[Any, ...]


Part = str | Use


def parse(text: str) -> list[Part]:
    """The text between fields, and the fields. Raises TemplateFault."""
    parts: list[Part] = []
    at = 0
    while (begin := text.find("{{", at)) >= 0:
        parts.append(text[at:begin])
        use, at = _field(text, begin)
        parts.append(use)
    parts.append(text[at:])
    if all(isinstance(part, str) and not part.strip() for part in parts):
        raise TemplateFault(text, 0, "the template is empty", fix='{"id": "{{random.uuid}}"}')
    return parts


def _field(text: str, begin: int) -> tuple[Use, int]:
    found = _NAME.match(text, begin + 2)
    assert found is not None  # it matches the empty text
    dotted = re.sub(r"\s", "", found[1] or "")
    at = found.start(1) if found[1] else begin
    group, _, name = dotted.partition(".")
    if name not in GROUPS.get(group, {}):
        near = _near(group, name, dotted) if dotted else None
        known = (
            f"{group} has {', '.join(GROUPS[group])}" if group in GROUPS else f"groups: {', '.join(GROUPS)}"
        )
        raise TemplateFault(
            text,
            at,
            f"there is no field {dotted}" if dotted else "{{ begins a field, and there is no name",
            fix=f"did you mean {near}?" if near else known,
        )
    arguments: list[Any] = []
    end = found.end()
    if text.startswith("(", end):
        arguments, end = _arguments(text, end)
    while end < len(text) and text[end].isspace():
        end += 1
    if not text.startswith("}}", end):
        raise TemplateFault(text, begin, f"the field {dotted} has no end", fix=f"{{{{{dotted}}}}}")
    return Use(at, group, name, tuple(arguments)), end + 2


def _near(group: str, name: str, dotted: str) -> str | None:
    if group not in GROUPS:
        return nearest(dotted, NAMES)
    near = nearest(name, GROUPS[group])
    return f"{group}.{near}" if near else None


def _arguments(text: str, begin: int) -> tuple[list[Any], int]:
    """What is between parentheses, and where that ends."""
    depth, quoted, at = 0, False, begin
    while at < len(text):
        char = text[at]
        if quoted:
            at += char == "\\"
            quoted = char != '"'
        elif char == '"':
            quoted = True
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if not depth:
                return _values(text, begin + 1, at), at + 1
        at += 1
    why = 'a " is not closed' if quoted else None
    raise TemplateFault(text, begin, "( without )", why=why, fix="close it before }}")


def _values(text: str, begin: int, end: int) -> list[Any]:
    given = text[begin:end].strip()
    if not given:
        return []
    try:
        values = json.loads(f"[{given}]")
    except json.JSONDecodeError as error:
        if _TAKES_TEXT.fullmatch(given):  # {{date.now(YYYY-MM-DD)}}
            return [given]
        start = begin + len(text[begin:end]) - len(text[begin:end].lstrip())
        raise TemplateFault(
            text,
            min(start + max(error.pos - 1, 0), end),
            f"the arguments are no JSON: {error.msg}",
            fix="texts and keys stand in double quotes" if "'" in given or "{" in given else None,
        ) from None
    return [] if values == [""] else list(values)


def rehearse(text: str) -> None:
    """Raises TemplateFault for what cannot be made."""
    compiled(text, Context(random.Random(0)))(1)  # noqa: S311 - not for secrets


def compiled(text: str, context: Context) -> Callable[[int], list[bytes]]:
    """A function that makes so many events. Raises TemplateFault."""
    makers: list[Make] = []
    around: list[str] = []
    for part in parse(text):
        if isinstance(part, str):
            around.append(part.replace("\r", "").replace("\n", "").replace("%", "%%"))
            continue
        try:
            makers.append(GROUPS[part.group][part.name](context, list(part.arguments)))
        except BadArguments as bad:
            raise TemplateFault(
                text, part.at, f"{part.group}.{part.name}: {bad.message}", fix=bad.fix
            ) from None
    shape = "%s".join(around).strip()
    return lambda count: [(shape % tuple([make() for make in makers])).encode() for _ in range(count)]
