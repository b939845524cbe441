"""Conditions on an item: `attribute_exists(a) AND (b.c > :n OR NOT contains(tags, :t))`.

    OR ─▶ AND ─▶ NOT ─▶ comparison, BETWEEN, IN, function, (condition)

`condition` reads one; calling what it returns with an item says whether it holds. What is not there compares
as false, except that it differs (`<>`) from everything.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from forebay.keyvalue.paths import Path, find, shown
from forebay.keyvalue.tokens import Placeholders, Reader
from forebay.keyvalue.values import TYPES, Value, content_of, equal, kind_of, ordered

Items = Mapping[str, Value]
Test = Callable[[Items], bool]
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
MOST_CHOICES = 100
_FUNCTIONS = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
    "size": 1,
}
_UPDATES_ONLY = ("if_not_exists", "list_append")


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison: a path, the size of what is there, or a value that was given."""

    path: Path | None = None
    value: Value | None = None
    sized: bool = False

    def of(self, item: Items) -> Value | None:
        """Its value in an item; None if it has none."""
        found = self.value if self.path is None else find(item, self.path)
        if not self.sized or found is None:
            return found
        length = _length(found)
        return None if length is None else {"N": str(length)}


def condition(about: str, text: str, placeholders: Placeholders) -> Test:
    """The condition of an expression. Raises Invalid."""
    reader = Reader(about, text, placeholders)
    test = _or(reader)
    reader.finish()
    return test


def paths_in(about: str, text: str, placeholders: Placeholders) -> set[str]:
    """The top-level attributes that an expression names."""
    found = set()
    reader = Reader(about, text, placeholders)
    before = ""
    while reader.next.kind != "end":
        token = reader.next
        if before != ".":
            if token.kind == "name":
                found.add(placeholders.names.get(token.text, ""))
            elif token.kind == "word" and reader.after.text != "(":
                found.add(token.text)
        before = reader.take().text
    return found


def _or(reader: Reader) -> Test:
    parts = [_and(reader)]
    while reader.skip("OR"):
        parts.append(_and(reader))
    return parts[0] if len(parts) == 1 else lambda item: any(part(item) for part in parts)


def _and(reader: Reader) -> Test:
    parts = [_not(reader)]
    while reader.skip("AND"):
        parts.append(_not(reader))
    return parts[0] if len(parts) == 1 else lambda item: all(part(item) for part in parts)


def _not(reader: Reader) -> Test:
    if reader.skip("NOT"):
        inner = _not(reader)
        return lambda item: not inner(item)
    if reader.skip("("):
        inside = _or(reader)
        reader.expect(")")
        return inside
    return _term(reader)


def _term(reader: Reader) -> Test:
    if reader.next.kind == "word" and reader.after.text == "(" and reader.next.text != "size":
        return _function(reader)
    left = operand(reader)
    if reader.skip("BETWEEN"):
        low = operand(reader)
        reader.expect("AND")
        high = operand(reader)
        check_bounds(reader, low, high)
        return lambda item: compare(">=", left, low, item) and compare("<=", left, high, item)
    if reader.skip("IN"):
        return _choice(reader, left)
    if not reader.has("=", "<>", *COMPARISONS):
        raise reader.syntax()
    sign = reader.take().text
    right = operand(reader)
    if left.path is not None and left == right:
        raise reader.invalid(
            "The first operand must be distinct from the remaining operands for this operator or function; "
            f"operator: {sign}, first operand: {shown(left.path)}"
        )
    if sign in COMPARISONS:
        _check_ordered(reader, sign, left, right)
    return lambda item: compare(sign, left, right, item)


def _choice(reader: Reader, left: Operand) -> Test:
    reader.expect("(")
    choices = [operand(reader)]
    while reader.skip(","):
        choices.append(operand(reader))
    reader.expect(")")
    if len(choices) > MOST_CHOICES:
        raise reader.invalid(
            f"The IN operator is provided with too many operands; number of operands: {len(choices)}"
        )
    return lambda item: any(compare("=", left, each, item) for each in choices)


def operand(reader: Reader) -> Operand:
    """A path, a value or a size. Raises Invalid."""
    if reader.next.kind == "value":
        return Operand(value=reader.value())
    if reader.next.kind == "word" and reader.after.text == "(":
        if reader.next.text != "size":
            raise reader.invalid(
                "The function is not allowed to be used this way in an expression; "
                f"function: {reader.next.text}"
            )
        reader.take()
        reader.expect("(")
        inner = operand(reader)
        reader.expect(")")
        return Operand(inner.path, inner.value, sized=True)
    if not reader.at_path():
        raise reader.syntax()
    return Operand(reader.path())


def _function(reader: Reader) -> Test:
    name = reader.take().text
    if name in _UPDATES_ONLY:
        raise reader.invalid(f"The function is not allowed in a condition expression; function: {name}")
    if name not in _FUNCTIONS:
        raise reader.invalid(f"Invalid function name; function: {name}")
    reader.expect("(")
    given = [operand(reader)]
    while reader.skip(","):
        given.append(operand(reader))
    reader.expect(")")
    if len(given) != _FUNCTIONS[name]:
        raise reader.invalid(
            "Incorrect number of operands for operator or function; "
            f"operator or function: {name}, number of operands: {len(given)}"
        )
    return _called(reader, name, given)


def _called(reader: Reader, name: str, given: list[Operand]) -> Test:
    first = given[0]
    if name.startswith("attribute_") and (first.path is None or first.sized):
        raise reader.invalid(
            f"The operator or function requires a document path; operator or function: {name}"
        )
    if name == "attribute_exists":
        return lambda item: first.of(item) is not None
    if name == "attribute_not_exists":
        return lambda item: first.of(item) is None
    second = given[1]
    if first.path is not None and first == second:
        raise reader.invalid(
            "The first operand must be distinct from the remaining operands for this operator or function; "
            f"operator: {name}, first operand: {shown(first.path)}"
        )
    if name == "attribute_type":
        wanted = _type(reader, second)
        return lambda item: (found := first.of(item)) is not None and kind_of(found) == wanted
    if name == "begins_with":
        for each in given:
            if each.value is not None and kind_of(each.value) not in ("S", "B"):
                raise wrong_type(reader, name, each.value, named="operator or function")
        return lambda item: begins(first.of(item), second.of(item))
    return lambda item: contains(first.of(item), second.of(item))


def _type(reader: Reader, wanted: Operand) -> str:
    if wanted.value is None or kind_of(wanted.value) != "S":
        raise reader.invalid(
            "Incorrect operand type for operator or function; operator or function: attribute_type, "
            f"operand type: {kind_of(wanted.value) if wanted.value else 'PATH'}"
        )
    name = str(content_of(wanted.value))
    if name not in TYPES:
        raise reader.invalid(
            f"Invalid attribute type name found; type: {name}, valid types: {{B,NULL,SS,BOOL,L,BS,N,NS,S,M}}"
        )
    return name


def wrong_type(reader: Reader, name: str, value: Value, *, named: str = "operator or function") -> Exception:
    """The refusal of an operand whose type an operator or function does not take."""
    return reader.invalid(
        f"Incorrect operand type for operator or function; {named}: {name}, operand type: {kind_of(value)}"
    )


def _check_ordered(reader: Reader, sign: str, *operands: Operand) -> None:
    for each in operands:
        if each.value is not None and not each.sized and kind_of(each.value) not in ("S", "N", "B"):
            raise wrong_type(reader, sign, each.value)


def check_bounds(reader: Reader, low: Operand, high: Operand) -> None:
    """Refuse bounds of a BETWEEN that cannot be right."""
    _check_ordered(reader, "BETWEEN", low, high)
    if low.value is None or high.value is None:
        return
    if kind_of(low.value) != kind_of(high.value):
        raise reader.invalid(
            "The BETWEEN operator requires same data type for lower and upper bounds; "
            f"lower bound operand: {_java(low.value)}, upper bound operand: {_java(high.value)}"
        )
    if ordered(high.value) < ordered(low.value):
        raise reader.invalid(
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
            f"lower bound operand: {_java(low.value)}, upper bound operand: {_java(high.value)}"
        )


def _java(value: Value) -> str:
    return f"AttributeValue: {{{kind_of(value)}:{content_of(value)}}}"


def compare(sign: str, left: Operand, right: Operand, item: Items) -> bool:
    """Whether two operands compare so in an item."""
    one, other = left.of(item), right.of(item)
    if sign == "<>":
        return one is None or other is None or not equal(one, other)
    if one is None or other is None:
        return False
    if sign == "=":
        return equal(one, other)
    if kind_of(one) != kind_of(other):
        return False
    low, high = ordered(one), ordered(other)
    return low is not None and COMPARISONS[sign](low, high)


def begins(value: Value | None, prefix: Value | None) -> bool:
    """Whether a text (or bytes) begins with another."""
    if (
        value is None
        or prefix is None
        or kind_of(value) != kind_of(prefix)
        or kind_of(value) not in ("S", "B")
    ):
        return False
    return bool(content_of(value).startswith(content_of(prefix)))


def contains(value: Value | None, part: Value | None) -> bool:
    """Whether a text, a set or a list has a part in it."""
    if value is None or part is None:
        return False
    kind, content = kind_of(value), content_of(value)
    if kind == "L":
        return any(equal(each, part) for each in content)
    if kind in ("SS", "NS", "BS"):
        return kind_of(part) == kind[0] and content_of(part) in content
    return kind in ("S", "B") and kind_of(part) == kind and content_of(part) in content


def _length(value: Value) -> int | None:
    content = content_of(value)
    return len(content) if kind_of(value) in ("S", "B", "SS", "NS", "BS", "L", "M") else None
