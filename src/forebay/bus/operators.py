"""The tests that an event pattern may put a value to; how each is written is in `operator_syntax`.

One class an operator. `accepts` takes a JSON value as Python has it; numbers compare as doubles, and
text only ever equals text: `1` is not `"1"`. Contract: "Comparison operators for use in event patterns
in Amazon EventBridge" (EventBridge User Guide), and where that is silent, AWS's own open matcher,
event-ruler.
"""

from __future__ import annotations

import ipaddress
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from forebay.errors import ForebayError

Scalar = str | int | float | bool | None

_WHOLE = re.compile(r"-?\d{1,20}")
_V4 = re.compile(r"(\d+)\.(\d+)\.(\d+)\.(\d+)", re.ASCII)
_V6 = re.compile(r"[0-9a-fA-F:]*:[0-9a-fA-F:]*")


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


_EXACT = 1 << 53


def comparable(value: Scalar) -> bool:
    """Is it a number that compares? One that a double does not hold to its last digit equals only itself."""
    if isinstance(value, Number):
        return math.isfinite(value) and Decimal(repr(float(value))) == Decimal(value.text)
    if type(value) is int and not -_EXACT <= value <= _EXACT:
        return abs(value) < 10**300 and Decimal(repr(float(value))) == value
    return is_number(value) and math.isfinite(value)  # type: ignore[arg-type]


def identity(value: Scalar) -> tuple[str, Any]:
    """A key under which equal JSON values meet: 1 and 1.0 do, 1 and "1" and true do not."""
    if not is_number(value):
        return (type(value).__name__, value)
    whole = int(value.text) if isinstance(value, Number) and _WHOLE.fullmatch(value.text) else value
    # What is wider than this has lost its digits where events are read.
    if type(whole) is int and not -_EXACT <= whole <= _EXACT and -(1 << 63) <= whole < 1 << 64:
        return ("n", float(whole)) if comparable(whole) else ("whole", whole)
    return ("n", float(value))  # type: ignore[arg-type]


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
        return (lowered(value) if self.ignore_case else value).startswith(self.text)


@dataclass(frozen=True, slots=True)
class Suffix:
    """`{"suffix": text}` or `{"suffix": {"equals-ignore-case": text}}`."""

    text: str
    ignore_case: bool = False

    def accepts(self, value: Scalar) -> bool:
        """Does it end so?"""
        if not isinstance(value, str):
            return False
        return (lowered(value) if self.ignore_case else value).endswith(self.text)


@dataclass(frozen=True, slots=True)
class EqualsIgnoreCase:
    """`{"equals-ignore-case": text}`; `text` is in lower case."""

    text: str

    def accepts(self, value: Scalar) -> bool:
        """Equal but for case."""
        return isinstance(value, str) and lowered(value) == self.text


@dataclass(frozen=True, slots=True)
class Folded:
    """Text beyond ASCII, in whole or as an affix: each character's lower or its upper case."""

    regex: re.Pattern[str]

    def accepts(self, value: Scalar) -> bool:
        """Equal but for case."""
        return isinstance(value, str) and self.regex.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class Wildcard:
    r"""`{"wildcard": text}`: `*` is any run of characters, `\*` and `\\` are themselves."""

    text: str
    pieces: tuple[str, ...]
    """What stands between the stars."""

    def accepts(self, value: Scalar) -> bool:
        """Does the whole value fit? In time linear in it: each piece is taken where it first occurs."""
        if not isinstance(value, str):
            return False
        first, *inner = self.pieces
        if not inner:
            return value == first
        last = inner.pop()
        at, end = len(first), len(value) - len(last)
        if at > end or not value.startswith(first) or not value.endswith(last):
            return False
        for piece in inner:
            found = value.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True


@dataclass(frozen=True, slots=True)
class Range:
    """`{"numeric": [...]}` as one interval."""

    low: float
    low_open: bool
    high: float
    high_open: bool

    def accepts(self, value: Scalar) -> bool:
        """Is it a number inside?"""
        if not comparable(value):
            return False
        n = float(value)  # type: ignore[arg-type]
        above = n > self.low if self.low_open else n >= self.low
        return above and (n < self.high if self.high_open else n <= self.high)


@dataclass(frozen=True, slots=True)
class Cidr:
    """`{"cidr": "10.0.0.0/24"}`: the addresses of the block that the one written lies in."""

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


_LOWERED = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def lowered(value: str) -> str:
    """In lower case as far as it is ASCII."""
    return value.lower() if value.isascii() else value.translate(_LOWERED)


def address_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that a text writes, if it does: an IPv4 address also with zeros before, or mapped to IPv6."""
    if ":" not in text and not text[-1:].isdigit():  # most values, quickly
        return None
    found = _V4.fullmatch(text)
    if found is not None:
        octets = [int(octet) for octet in found.groups()] if len(text) <= 15 else [256]
        return None if max(octets) > 255 else ipaddress.IPv4Address(bytes(octets))
    if not _V6.fullmatch(text):
        return None
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address


def like_address(text: str) -> bool:
    """Has it an address's form, whether or not it is one?"""
    return bool(_V4.fullmatch(text) or _V6.fullmatch(text))
