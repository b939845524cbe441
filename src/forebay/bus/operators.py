"""The tests that an event pattern may put a value to, and how each is written.

One class an operator. `accepts` takes a JSON value as Python has it; numbers compare as doubles, and
text only ever equals text: `1` is not `"1"`. Contract: "Comparison operators for use in event patterns
in Amazon EventBridge" (EventBridge User Guide), and where that is silent, AWS's own open matcher,
event-ruler; error texts are those that TestEventPattern answers.
"""

from __future__ import annotations

import ipaddress
import math
import re
from dataclasses import dataclass
from typing import Any, Protocol

from forebay.errors import ForebayError

Scalar = str | int | float | bool | None


class InvalidPattern(ForebayError):
    """An event pattern that AWS would refuse; `message` is AWS's `Event pattern is not valid. Reason: ...`."""

    status = 400

    def __init__(self, reason: str) -> None:
        super().__init__("InvalidEventPatternException", f"Event pattern is not valid. Reason: {reason}")


class Number(float):
    """A JSON number of a pattern: its value, and its text for messages."""

    text: str


def number(text: str) -> Number:
    """The number that JSON text writes; infinite where a double cannot hold it."""
    value = Number(text)
    value.text = text
    return value


class Operator(Protocol):
    """One test of one value."""

    def accepts(self, value: Scalar) -> bool:
        """Does `value`, a leaf of the event, pass?"""


def is_number(value: Scalar) -> bool:
    """JSON's numbers; Python counts True as one, JSON does not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def identity(value: Scalar) -> tuple[str, Any]:
    """A key under which equal JSON values meet: 1 and 1.0 do, 1 and "1" and true do not."""
    if is_number(value):
        return ("n", float(value))  # type: ignore[arg-type]
    return (type(value).__name__, value)


@dataclass(frozen=True, slots=True)
class Equals:
    """A plain value, or `{"exactly": text}`."""

    key: tuple[str, Any]

    def accepts(self, value: Scalar) -> bool:
        """Equal as JSON."""
        return identity(value) == self.key


@dataclass(frozen=True, slots=True)
class Address:
    """A plain value that is an IP address: another spelling of the same address passes too."""

    packed: bytes

    def accepts(self, value: Scalar) -> bool:
        """Is it this address?"""
        address = _address(value) if isinstance(value, str) else None
        return address is not None and address.packed == self.packed


@dataclass(frozen=True, slots=True)
class Prefix:
    """`{"prefix": text}` or `{"prefix": {"equals-ignore-case": text}}`."""

    text: str
    ignore_case: bool = False

    def accepts(self, value: Scalar) -> bool:
        """Does it start so?"""
        if not isinstance(value, str):
            return False
        return (value.lower() if self.ignore_case else value).startswith(self.text)


@dataclass(frozen=True, slots=True)
class Suffix:
    """`{"suffix": text}` or `{"suffix": {"equals-ignore-case": text}}`."""

    text: str
    ignore_case: bool = False

    def accepts(self, value: Scalar) -> bool:
        """Does it end so?"""
        if not isinstance(value, str):
            return False
        return (value.lower() if self.ignore_case else value).endswith(self.text)


@dataclass(frozen=True, slots=True)
class EqualsIgnoreCase:
    """`{"equals-ignore-case": text}`; `text` is in lower case."""

    text: str

    def accepts(self, value: Scalar) -> bool:
        """Equal but for case."""
        return isinstance(value, str) and value.lower() == self.text


@dataclass(frozen=True, slots=True)
class Wildcard:
    r"""`{"wildcard": text}`: `*` is any run of characters, `\*` and `\\` are themselves."""

    text: str
    regex: re.Pattern[str]

    def accepts(self, value: Scalar) -> bool:
        """Does the whole value fit?"""
        return isinstance(value, str) and self.regex.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class Range:
    """`{"numeric": [...]}` as one interval."""

    low: float
    low_open: bool
    high: float
    high_open: bool

    def accepts(self, value: Scalar) -> bool:
        """Is it a number inside?"""
        if not is_number(value):
            return False
        n = float(value)  # type: ignore[arg-type]
        above = n > self.low if self.low_open else n >= self.low
        return above and (n < self.high if self.high_open else n <= self.high)


@dataclass(frozen=True, slots=True)
class Cidr:
    """`{"cidr": "10.0.0.0/24"}`: from the address as written to the end of its block."""

    low: bytes
    high: bytes

    def accepts(self, value: Scalar) -> bool:
        """Is it an address inside?"""
        address = _address(value) if isinstance(value, str) else None
        if address is None or len(address.packed) != len(self.low):
            return False
        return self.low <= address.packed <= self.high


@dataclass(frozen=True, slots=True)
class AnythingBut:
    """`{"anything-but": ...}`: the field is there, and none of `tests` accepts it."""

    tests: tuple[Operator, ...]

    def accepts(self, value: Scalar) -> bool:
        """Is it something else?"""
        return not any(test.accepts(value) for test in self.tests)


@dataclass(frozen=True, slots=True)
class Exists:
    """`{"exists": true}`: there is a leaf; `{"exists": false}`: there is none."""

    wanted: bool

    def accepts(self, value: Scalar) -> bool:
        """A value that is there passes the one and fails the other."""
        return self.wanted


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if ":" not in text and not text[-1:].isdigit():  # most values, quickly
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def plain(value: Scalar) -> Operator:
    """The test for a value that stands in the pattern as it is."""
    if isinstance(value, str):
        address = _address(value)
        if address is not None:
            return Address(address.packed)
    return Equals(identity(value))


def text_of(value: Any, what: str) -> str:
    """`value` if it is text. Raises InvalidPattern, in AWS's words for `what`."""
    if not isinstance(value, str):
        raise InvalidPattern(f"{what} match pattern must be a string")
    return value


def affix(kind: type[Prefix] | type[Suffix], name: str, value: Any) -> Operator:
    """A prefix or suffix, possibly without regard to case. Raises InvalidPattern."""
    if isinstance(value, dict):
        inner, *more = value or [None]
        if inner is None:
            raise InvalidPattern(f"{name.capitalize()} expression name not found")
        if inner != "equals-ignore-case":
            raise InvalidPattern(f"Unsupported {name} pattern: {inner}")
        text = text_of(value[inner], "equals-ignore-case")
        if more:
            raise InvalidPattern("Only one key allowed in match expression")
        return kind(text.lower(), ignore_case=True)
    return kind(text_of(value, name))


def wildcard(value: Any) -> Operator:
    """A wildcard. Raises InvalidPattern, also for one that AWS finds too complex."""
    text = text_of(value, "wildcard")
    parts: list[str] = []
    stars = 0
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\":
            if text[at + 1 : at + 2] not in ("*", "\\"):
                raise InvalidPattern(f"Invalid escape character at pos {at + 1}")
            parts.append(re.escape(text[at + 1]))
            at += 1
        elif char == "*":
            if text[at + 1 : at + 2] == "*":
                raise InvalidPattern(f"Consecutive wildcard characters at pos {at + 1}")
            stars += 1
            parts.append(".*")
        else:
            parts.append(re.escape(char))
        at += 1
    # AWS counts the states of its automaton; its guide gives repeats after a wildcard as what makes them many.
    pieces = [piece for piece in text.split("*")[1:] if piece]
    if stars > 5 or (len(pieces) >= 4 and len(set(pieces)) <= len(pieces) // 2):
        raise InvalidPattern(
            "Rule is too complex - try using fewer wildcard characters or fewer repeating"
            " character sequences after a wildcard character"
        )
    return Wildcard(text, re.compile("".join(parts), re.DOTALL))


def cidr(value: Any) -> Operator:
    """An address block. Raises InvalidPattern."""
    if not isinstance(value, str):
        raise InvalidPattern("prefix match pattern must be a string")  # AWS's own words
    host, slash, mask = value.partition("/")
    if not slash or "/" in mask:
        raise InvalidPattern("Malformed CIDR, one '/' required")
    try:
        bits = int(mask)
    except ValueError:
        raise InvalidPattern("Malformed CIDR, mask bits must be an integer") from None
    if bits < 0:
        raise InvalidPattern("Malformed CIDR, mask bits must not be negative")
    address = _address(host)
    if address is None:
        raise InvalidPattern(f"Nonstandard IP address: {host}")
    if bits >= address.max_prefixlen:
        raise InvalidPattern(f"IPv{address.version} mask bits must be < {address.max_prefixlen}")
    high = int(address) | ((1 << (address.max_prefixlen - bits)) - 1)
    return Cidr(address.packed, high.to_bytes(len(address.packed), "big"))


def _operand(operator: str, value: Any) -> float:
    if not isinstance(value, Number):
        name = "equals" if operator == "=" else operator
        raise InvalidPattern(f"Value of {name} must be numeric")
    if not math.isfinite(value):
        raise InvalidPattern(f"Cannot compare number : {value.text}")
    return float(value)


def numeric(value: Any) -> Operator:
    """A numeric comparison, of one bound or two. Raises InvalidPattern."""
    if not isinstance(value, list):
        raise InvalidPattern("Value of numeric must be an array.")
    if not value or not isinstance(value[0], str):
        shown = getattr(value[0], "text", value[0]) if value else "]"
        raise InvalidPattern(f"Invalid member in numeric match: {shown}")
    operator = value[0]
    if operator not in ("=", "<", "<=", ">", ">="):
        raise InvalidPattern(f"Unrecognized numeric range operator: {operator}")
    first = _operand(operator, value[1] if len(value) > 1 else None)
    rest = value[2:]
    if operator in ("=", "<", "<="):
        if rest:
            raise InvalidPattern("Too many elements in numeric expression")
        if operator == "=":
            return Equals(("n", first))
        return Range(-math.inf, False, first, operator == "<")
    if not rest:
        return Range(first, operator == ">", math.inf, False)
    second = rest[0]
    if not isinstance(second, str):
        raise InvalidPattern(f"Bad value in numeric range: {getattr(second, 'text', second)}")
    if second not in ("<", "<="):
        raise InvalidPattern(f"Bad numeric range operator: {second}")
    top = _operand(second, rest[1] if len(rest) > 1 else None)
    if len(rest) > 2:
        raise InvalidPattern("Too many terms in numeric range expression")
    if top <= first:
        raise InvalidPattern("Bottom must be less than top")
    return Range(first, operator == ">", top, second == "<")


def anything_but(value: Any) -> Operator:
    """Everything except. Raises InvalidPattern."""
    inner = None
    if isinstance(value, dict):
        inner, *more = value or [None]
        if inner is None:
            raise InvalidPattern("Anything-But expression name not found")
        if inner not in ("equals-ignore-case", "prefix", "suffix", "wildcard"):
            raise InvalidPattern(f"Unsupported anything-but pattern: {inner}")
        value = value[inner]
        if more:
            raise InvalidPattern("Too many elements in numeric expression")  # AWS's own words
    if isinstance(value, dict | bool) or value is None:
        raise InvalidPattern("Value of anything-but must be an array or single string/number value.")
    values = value if isinstance(value, list) else [value]
    if inner is not None:
        return AnythingBut(tuple(_but(inner, item) for item in values))
    for item in values:
        if not isinstance(item, str | Number):
            raise InvalidPattern("Inside anything but list, start|null|boolean is not supported.")
        if isinstance(item, Number) and not math.isfinite(item):
            raise InvalidPattern(f"Cannot compare number : {item.text}")
    if len({isinstance(item, str) for item in values}) != 1:
        raise InvalidPattern(
            "Inside anything but list, either all values are number or string, mixed type is not supported"
        )
    return AnythingBut(tuple(Equals(identity(item)) for item in values))


def _but(inner: str, value: Any) -> Operator:
    if inner == "equals-ignore-case":
        if not isinstance(value, str):
            raise InvalidPattern(
                "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
            )
        return EqualsIgnoreCase(value.lower())
    if inner == "wildcard":
        return wildcard(value)
    if not isinstance(value, str):
        raise InvalidPattern("prefix/suffix match pattern must be a string")
    if not value:
        raise InvalidPattern("Null prefix/suffix not allowed")
    return Prefix(value) if inner == "prefix" else Suffix(value)


def exists(value: Any) -> Operator:
    """Presence or absence. Raises InvalidPattern."""
    if not isinstance(value, bool):
        raise InvalidPattern("exists match pattern must be either true or false.")
    return Exists(value)


OPERATORS: dict[str, Any] = {
    "exactly": lambda value: Equals(("str", text_of(value, "exact"))),
    "prefix": lambda value: affix(Prefix, "prefix", value),
    "suffix": lambda value: affix(Suffix, "suffix", value),
    "equals-ignore-case": lambda value: EqualsIgnoreCase(text_of(value, "equals-ignore-case").lower()),
    "wildcard": wildcard,
    "numeric": numeric,
    "cidr": cidr,
    "anything-but": anything_but,
    "exists": exists,
}
