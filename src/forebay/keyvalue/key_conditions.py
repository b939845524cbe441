"""Key conditions: which partition is asked, and which stretch of its sort keys.

    user = :u AND begins_with(at, :day)   ─▶   KeyCondition(partition, low, high)

Bounds are the sortable bytes of `keys`, so that a stretch is one range of rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from forebay.keyvalue.conditions import COMPARISONS, Operand, check_bounds, operand
from forebay.keyvalue.errors import Invalid
from forebay.keyvalue.keys import sortable
from forebay.keyvalue.table import Attribute, KeySchema
from forebay.keyvalue.tokens import Placeholders, Reader
from forebay.keyvalue.values import Value, kind_of

ABOUT = "KeyConditionExpression"
_UNSUPPORTED = "Query key condition not supported"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Sort keys from `low` to `high` (None: no bound), the bounds within or not."""

    low: bytes | None = None
    high: bytes | None = None
    low_in: bool = True
    high_in: bool = True

    def holds(self, key: bytes) -> bool:
        """Whether a sort key lies in it."""
        above = self.low is None or (key >= self.low if self.low_in else key > self.low)
        return above and (self.high is None or (key <= self.high if self.high_in else key < self.high))


@dataclass(frozen=True, slots=True)
class KeyCondition:
    """A partition key's value, and a stretch of its sort keys."""

    partition: Value
    stretch: Stretch


@dataclass(frozen=True, slots=True)
class Part:
    """What is said of one attribute: `sign` is a comparison, BETWEEN or begins_with."""

    name: str
    sign: str
    values: tuple[Value, ...]


def key_condition(text: str, placeholders: Placeholders, schema: KeySchema) -> KeyCondition:
    """The key condition of an expression, for this key. Raises Invalid."""
    reader = Reader(ABOUT, text, placeholders)
    parts = _parts(reader)
    reader.finish()
    return matched(parts, schema)


def matched(parts: list[Part], schema: KeySchema) -> KeyCondition:
    """The conditions by the attributes of a key. Raises Invalid."""
    by_name = {part.name: part for part in parts}
    if len(by_name) < len(parts):
        raise Invalid(f"Invalid {ABOUT}: KeyConditionExpressions must only contain one condition per key")
    hash, range = schema.hash, schema.range
    if len(parts) > 2:
        raise Invalid("Conditions can be of length 1 or 2 only")
    if hash.name not in by_name:
        raise Invalid(f"Query condition missed key schema element: {hash.name}")
    if len(parts) == 2 and (range is None or range.name not in by_name):
        raise Invalid(
            _UNSUPPORTED if range is None else f"Query condition missed key schema element: {range.name}"
        )
    partition = by_name[hash.name]
    if partition.sign != "=":
        raise Invalid(_UNSUPPORTED)
    _check_types(partition, hash)
    stretch = Stretch()
    if len(parts) == 2 and range is not None:
        _check_types(by_name[range.name], range)
        stretch = _stretch(by_name[range.name])
    return KeyCondition(partition.values[0], stretch)


def _check_types(part: Part, key: Attribute) -> None:
    for value in part.values:
        if kind_of(value) != key.type:
            raise Invalid(
                "One or more parameter values were invalid: Condition parameter type does not match schema type"
            )
        if key.type in ("S", "B") and not value[key.type] and part.sign in ("=",):
            raise Invalid(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an"
                f" empty {'string' if key.type == 'S' else 'binary'} value. Key: {key.name}"
            )


def _stretch(part: Part) -> Stretch:
    first = sortable(part.values[0])
    match part.sign:
        case "=":
            return Stretch(first, first)
        case "<":
            return Stretch(None, first, high_in=False)
        case "<=":
            return Stretch(None, first)
        case ">":
            return Stretch(first, None, low_in=False)
        case ">=":
            return Stretch(first, None)
        case "BETWEEN":
            return Stretch(first, sortable(part.values[1]))
    return Stretch(first, _past(first), high_in=False)


def _past(prefix: bytes) -> bytes | None:
    """The least bytes that no longer begin with `prefix`; None if all that follow do."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else None


def _parts(reader: Reader) -> list[Part]:
    found = _one(reader)
    while reader.skip("AND"):
        found += _one(reader)
    if reader.has("OR"):
        raise reader.invalid("Invalid operator used in KeyConditionExpression: OR")
    return found


def _one(reader: Reader) -> list[Part]:
    if reader.has("NOT"):
        raise reader.invalid("Invalid operator used in KeyConditionExpression: NOT")
    if reader.skip("("):
        inner = _parts(reader)
        reader.expect(")")
        return inner
    if reader.next.kind == "word" and reader.after.text == "(":
        return [_begins(reader)]
    left = operand(reader)
    if reader.skip("BETWEEN"):
        low = operand(reader)
        reader.expect("AND")
        high = operand(reader)
        check_bounds(reader, low, high)
        return [Part(_name(reader, left), "BETWEEN", (_value(reader, low), _value(reader, high)))]
    if reader.has("<>", "IN"):
        sign = reader.next.text
        raise reader.invalid(f"Invalid operator used in KeyConditionExpression: {sign.upper()}")
    if not reader.has("=", *COMPARISONS):
        raise reader.syntax()
    sign = reader.take().text
    right = operand(reader)
    if left.path is None:  # `:v = key` says the same
        left, right = right, left
        sign = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(sign, sign)
    return [Part(_name(reader, left), sign, (_value(reader, right),))]


def _begins(reader: Reader) -> Part:
    name = reader.take().text
    if name != "begins_with":
        known = ("attribute_exists", "attribute_not_exists", "attribute_type", "contains", "size")
        if name not in known:
            raise reader.invalid(f"Invalid function name; function: {name}")
        raise reader.invalid(f"Invalid operator used in KeyConditionExpression: {name}")
    reader.expect("(")
    path = operand(reader)
    reader.expect(",")
    value = _value(reader, operand(reader))
    reader.expect(")")
    if kind_of(value) not in ("S", "B"):
        raise reader.invalid(
            "Incorrect operand type for operator or function; operator or function: begins_with, "
            f"operand type: {kind_of(value)}"
        )
    return Part(_name(reader, path), "begins_with", (value,))


def _name(reader: Reader, found: Operand) -> str:
    if found.path is None or found.sized or len(found.path) > 1:
        raise reader.invalid("KeyConditionExpressions cannot have conditions on nested attributes")
    return str(found.path[0])


def _value(reader: Reader, found: Operand) -> Value:
    if found.value is None or found.sized:
        raise reader.invalid(
            "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"
        )
    return found.value
