"""The words of an expression, one after the other, and what all expressions have in common.

    reader = Reader("ConditionExpression", "size(#a) > :n", placeholders)

Names, values and paths are read here; what they are put together to is the business of `conditions`,
`updates` and `projections`. Every refusal names the expression, as the service does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from forebay.keyvalue.errors import Invalid
from forebay.keyvalue.paths import Path, clash
from forebay.keyvalue.reserved import RESERVED
from forebay.keyvalue.values import Value, normal

LONGEST = 4096
_TOKEN = re.compile(
    r"\s*(?:(?P<word>[A-Za-z][A-Za-z0-9_]*)|(?P<name>#[A-Za-z0-9_]+)|(?P<value>:[A-Za-z0-9_]+)|(?P<index>\d+)"
    r"|(?P<sign><>|<=|>=|[=<>()\[\].,+-])|(?P<other>\S))"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word of an expression, and where it stands. `kind`: word, name, value, index, sign, other or end."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(slots=True)
class Placeholders:
    """What `#name` and `:value` stand for in the expressions of one request, and which of them were met."""

    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Value] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, names: Mapping[str, str] | None, values: Mapping[str, Any] | None) -> Placeholders:
        """Those of a request. Raises Invalid for values that are none, or names that are no placeholders."""
        for name in names or ():
            if not re.fullmatch(r"#[A-Za-z0-9_]+", name):
                raise Invalid(f'ExpressionAttributeNames contains invalid key: Syntax error; key: "{name}"')
        checked = {}
        for name, value in (values or {}).items():
            if not re.fullmatch(r":[A-Za-z0-9_]+", name):
                raise Invalid(f'ExpressionAttributeValues contains invalid key: Syntax error; key: "{name}"')
            try:
                checked[name] = normal(value)
            except Invalid as error:
                raise Invalid(
                    f"ExpressionAttributeValues contains invalid value: {error.message} for key {name}"
                ) from None
        return cls(names or {}, checked)

    def check_all_met(self) -> None:
        """Raise Invalid if a placeholder was given and not used."""
        for word, given in (("Names", self.names), ("Values", self.values)):
            unused = [key for key in given if key not in self.met]
            if unused:
                raise Invalid(
                    f"Value provided in ExpressionAttribute{word} unused in expressions: keys: {{{', '.join(unused)}}}"
                )


class Reader:
    """The tokens of one expression, read from left to right. `about` is the parameter it came in."""

    def __init__(self, about: str, text: str, placeholders: Placeholders) -> None:
        self.about = about
        self.placeholders = placeholders
        self._text = text
        self._at = 0
        if not text.strip():
            raise self.invalid("The expression can not be empty;")
        if len(text.encode()) > LONGEST:
            raise self.invalid(
                f"Expression size has exceeded the maximum allowed size; expression size: {len(text.encode())}"
            )
        self._tokens = [
            Token(
                str(found.lastgroup),
                found[found.lastgroup or 0],
                found.start(found.lastgroup or 0),
                found.end(),
            )
            for found in _TOKEN.finditer(text)
        ]
        self._end = Token("end", "<EOF>", len(text), len(text))
        for token in self._tokens:
            if token.kind == "other":
                self._at = self._tokens.index(token)
                raise self.syntax()

    def invalid(self, why: str) -> Invalid:
        """The refusal of this expression."""
        return Invalid(f"Invalid {self.about}: {why}")

    def syntax(self) -> Invalid:
        """The refusal of the token that comes next, with its neighbours."""
        token = self.next
        last = len(self._tokens) - 1
        start = self._tokens[max(0, min(self._at - 1, last))].start if self._tokens else 0
        end = self._tokens[min(self._at + 1, last)].end if self._tokens else 0
        return self.invalid(f'Syntax error; token: "{token.text}", near: "{self._text[start:end]}"')

    @property
    def next(self) -> Token:
        """The token that comes next; one of kind `end` after the last."""
        return self._tokens[self._at] if self._at < len(self._tokens) else self._end

    @property
    def after(self) -> Token:
        """The token after the next."""
        return self._tokens[self._at + 1] if self._at + 1 < len(self._tokens) else self._end

    def take(self) -> Token:
        """The next token, which is then past."""
        token = self.next
        self._at += 1
        return token

    def has(self, *texts: str) -> bool:
        """Whether the next token is one of these signs, or keywords (in capitals)."""
        token = self.next
        return (token.text.upper() if token.kind == "word" else token.text) in texts and token.kind in (
            "word",
            "sign",
        )

    def skip(self, *texts: str) -> bool:
        """Take the next token if it is one of these."""
        if self.has(*texts):
            self._at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        """Take the next token, which must be this. Raises Invalid."""
        if not self.skip(text):
            raise self.syntax()

    def finish(self) -> None:
        """Raise Invalid unless all was read."""
        if self.next.kind != "end":
            raise self.syntax()

    def at_path(self) -> bool:
        """Whether a path comes next."""
        return self.next.kind in ("word", "name")

    def path(self) -> Path:
        """A document path. Raises Invalid."""
        parts: list[str | int] = [self._name()]
        while True:
            if self.skip("."):
                parts.append(self._name())
            elif self.has("["):
                self.take()
                if self.next.kind != "index":
                    raise self.syntax()
                parts.append(int(self.take().text))
                self.expect("]")
            else:
                return tuple(parts)

    def _name(self) -> str:
        token = self.next
        if token.kind == "name":
            self.take()
            self.placeholders.met.add(token.text)
            if token.text not in self.placeholders.names:
                raise self.invalid(
                    "An expression attribute name used in the document path is not defined; "
                    f"attribute name: {token.text}"
                )
            return self.placeholders.names[token.text]
        if token.kind != "word":
            raise self.syntax()
        if token.text.lower() in RESERVED:
            raise self.invalid(f"Attribute name is a reserved keyword; reserved keyword: {token.text}")
        self.take()
        return token.text

    def value(self) -> Value:
        """What a `:value` stands for. Raises Invalid."""
        token = self.next
        if token.kind != "value":
            raise self.syntax()
        self.take()
        self.placeholders.met.add(token.text)
        if token.text not in self.placeholders.values:
            raise self.invalid(
                f"An expression attribute value used in expression is not defined; attribute value: {token.text}"
            )
        return self.placeholders.values[token.text]


def projection(
    text: str, placeholders: Placeholders, about: str = "ProjectionExpression"
) -> tuple[Path, ...]:
    """The paths of a projection. Raises Invalid."""
    reader = Reader(about, text, placeholders)
    paths = [reader.path()]
    while reader.skip(","):
        paths.append(reader.path())
    reader.finish()
    if (wrong := clash(paths)) is not None:
        raise reader.invalid(wrong)
    return tuple(paths)
