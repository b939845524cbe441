"""The tests that an event pattern may put a value to; how each is written is in `operator_syntax`.

One class an operator. `accepts` takes a JSON value as Python has it; numbers compare as doubles, and
text only ever equals text: `1` is not `"1"`. Contract: "Comparison operators for use in event patterns
in Amazon EventBridge" (EventBridge User Guide), and where that is silent, AWS's own open matcher,
event-ruler.
"""

from __future__ import annotations

import ipaddress
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
        address = address_of(value) if isinstance(value, str) else None
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
        address = address_of(value) if isinstance(value, str) else None
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


def address_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that a text writes; None for any other text."""
    if ":" not in text and not text[-1:].isdigit():  # most values, quickly
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
