"""Which of many tests a value passes, found by looking up rather than by trying each.

Tests are added with a bit; `hits` answers the bits of all tests that accept a value, as one integer.
Equality is a dictionary, affixes a dictionary per length, ranges a sorted list of their ends; only
patterns with an inner wildcard and address blocks are tried one by one. Answers are remembered, so what
a batch repeats (a kind of event, a region) costs a lookup.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import Any

from forebay.bus.operators import (
    AnythingBut,
    Equals,
    EqualsIgnoreCase,
    Exists,
    Operator,
    Prefix,
    Range,
    Scalar,
    Suffix,
    Wildcard,
    comparable,
    identity,
    lowered,
)

MOST_REMEMBERED = 65_536


class ValueIndex:
    """The tests put to one path. `absent` has the bits that pass when the path is not there."""

    def __init__(self) -> None:
        self.absent = 0
        self.used = 0
        self._always = 0
        self._exact: dict[tuple[str, Any], int] = defaultdict(int)
        self._folded: dict[str, int] = defaultdict(int)
        self._prefix = _Affixes(from_end=False)
        self._suffix = _Affixes(from_end=True)
        self._ranges: dict[Range, int] = {}
        self._ends: list[float] = []
        self._between: dict[int, int] = {}
        self._others: dict[Operator, int] = {}
        self._but_bits = 0
        self._but: ValueIndex | None = None
        self._seen: dict[Any, int] = {}

    def add(self, test: Operator, bit: int) -> None:
        """Answer `bit` for every value that `test` accepts."""
        self.used |= bit
        match _simplified(test):
            case Equals(key):
                self._exact[key] |= bit
            case EqualsIgnoreCase(text):
                self._folded[text] |= bit
            case Prefix() as affix:
                self._prefix.add(affix.text, affix.ignore_case, bit)
            case Suffix() as affix:
                self._suffix.add(affix.text, affix.ignore_case, bit)
            case Range() as interval:
                self._ranges[interval] = self._ranges.get(interval, 0) | bit
                self._ends = []
            case Exists(wanted):
                if wanted:
                    self._always |= bit
                else:
                    self.absent |= bit
            case AnythingBut(tests):
                self._but = self._but or ValueIndex()
                self._but_bits |= bit
                for inner in tests:
                    self._but.add(inner, bit)
            case other:
                self._others[other] = self._others.get(other, 0) | bit

    def hits(self, value: Scalar) -> int:
        """The bits of the tests that accept `value`, which is there."""
        key = value if type(value) is not bool else ("bool", value)
        found = self._seen.get(key)
        if found is None:
            found = self._look(value)
            if len(self._seen) >= MOST_REMEMBERED:
                self._seen.clear()
            self._seen[key] = found
        return found

    def _look(self, value: Scalar) -> int:
        bits = self._always | self._exact.get(identity(value), 0)
        if isinstance(value, str):
            if self._folded:
                bits |= self._folded.get(lowered(value), 0)
            bits |= self._prefix.hits(value) | self._suffix.hits(value)
        elif self._ranges and comparable(value):
            bits |= self._in_ranges(float(value))  # type: ignore[arg-type]
        for test, bit in self._others.items():
            if test.accepts(value):
                bits |= bit
        if self._but is not None:
            # A conjunction has one bit; two anything-but tests of one path are alternatives, and each is
            # tried by itself where that happens (`RuleSet` gives them tests of their own).
            bits |= self._but_bits & ~self._but.hits(value)
        return bits

    def _in_ranges(self, value: float) -> int:
        if not self._ends:
            self._ends = sorted({end for interval in self._ranges for end in (interval.low, interval.high)})
        at = bisect_left(self._ends, value)
        slot = 2 * at + (1 if at < len(self._ends) and self._ends[at] == value else 0)
        bits = self._between.get(slot)
        if bits is None:  # every value of a slot is in the same ranges
            bits = 0
            for interval, bit in self._ranges.items():
                if interval.accepts(value):
                    bits |= bit
            self._between[slot] = bits
        return bits


class _Affixes:
    """Prefixes or suffixes by length; a value is cut once per length that occurs."""

    def __init__(self, *, from_end: bool) -> None:
        self._from_end = from_end
        self._exact: dict[int, dict[str, int]] = {}
        self._folded: dict[int, dict[str, int]] = {}

    def add(self, text: str, ignore_case: bool, bit: int) -> None:
        """Answer `bit` for values with this affix."""
        tables = self._folded if ignore_case else self._exact
        table = tables.setdefault(len(text), {})
        table[text] = table.get(text, 0) | bit

    def hits(self, value: str) -> int:
        """The bits of the affixes that `value` has."""
        bits = 0
        for tables, text in ((self._exact, value), (self._folded, lowered(value) if self._folded else value)):
            for length, table in tables.items():
                piece = (text[-length:] if length else "") if self._from_end else text[:length]
                bits |= table.get(piece, 0)
        return bits


def _simplified(test: Operator) -> Operator:
    """A wildcard with one star, first or last, is an affix; without any, equality."""
    if isinstance(test, Wildcard) and "\\" not in test.text:
        body = test.text.strip("*")
        if "*" not in body:
            match (test.text.startswith("*"), test.text.endswith("*")):
                case (False, False):
                    return Equals(("str", test.text))
                case (False, True):
                    return Prefix(body)
                case (True, False):
                    return Suffix(body)
    return test
