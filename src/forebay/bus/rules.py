"""Many rules at once: a batch of events in, for each rule the events that match it out.

Every conjunction of every rule is a bit. A path of the rules is a column: its values answer, through
`ValueIndex`, the bits they satisfy; a rule matches where all its columns do, which is one `&` of integers
per column, however many rules there are. Only the fields that some rule asks about are read from an
event. What a column cannot say (arrays of objects, keys with dots) is decided by `Pattern.matches`,
for the candidates only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import orjson

from forebay.bus.index import ValueIndex
from forebay.bus.operators import AnythingBut, Operator
from forebay.bus.pattern import Conjunction, Pattern, flatten, satisfied

_PLAIN = frozenset({str, int, float, type(None), msgspec.UnsetType})
# A key with a dot is the same path as nested keys, which a reader of named fields does not see.
_DOTTED_KEY = re.compile(rb'\.(?:[^"\\]|\\.)*"\s*:')


class RuleSet:
    """Compiled rules: name → pattern."""

    def __init__(self, rules: Mapping[str, Pattern]) -> None:
        self.names = list(rules)
        self._conjunctions: list[Conjunction] = []
        self._rule_of: list[int] = []
        self._paths: dict[str, ValueIndex] = {}
        for at, name in enumerate(self.names):
            for conjunction in rules[name].alternatives:
                for split in _split(conjunction):
                    self._add(at, split)
        self._all = (1 << len(self._conjunctions)) - 1
        self._columns: list[tuple[tuple[str, ...], ValueIndex, int]] = []
        self._fields: dict[str, tuple[str, ...]] = {}
        shape: dict[str, Any] = {}
        self._readable = _build_shape(self._paths, shape)
        self._decoder = msgspec.json.Decoder(list[_struct(shape)]) if self._readable else None  # type: ignore[misc]
        for path, index in self._paths.items():
            self._columns.append((tuple(path.split(".")), index, self._all & ~index.used))
        # The column that decides most first, so that later ones meet mostly zeros.
        self._columns.sort(key=lambda column: column[2].bit_count())
        self._named: dict[int, tuple[int, ...]] = {}

    def _add(self, rule: int, conjunction: Conjunction) -> None:
        bit = 1 << len(self._conjunctions)
        self._conjunctions.append(conjunction)
        self._rule_of.append(rule)
        for path, tests in conjunction.items():
            index = self._paths.setdefault(path, ValueIndex())
            for test in tests:
                index.add(test, bit)

    def match(self, events: Sequence[bytes]) -> dict[str, list[int]]:
        """For every rule that matches anything, the ascending indexes of the events it matches.

        `events` are JSON objects, already known to parse.
        """
        found: list[list[int]] = [[] for _ in self.names]
        rows = self._read(events)
        if rows is None:
            for at, event in enumerate(events):
                for rule in self._rules(self._exactly(event)):
                    found[rule].append(at)
        else:
            by_bits: dict[int, list[int]] = {}
            for at, bits in enumerate(self._bits(rows, events)):
                if bits:
                    by_bits.setdefault(bits, []).append(at)
            for bits, indexes in by_bits.items():
                for rule in self._rules(bits):
                    found[rule] += indexes
            if len(by_bits) > 1:
                for indexes in found:
                    indexes.sort()
        return {name: indexes for name, indexes in zip(self.names, found, strict=True) if indexes}

    def _read(self, events: Sequence[bytes]) -> list[Any] | None:
        if self._decoder is None or not events:
            return None
        joined = b",".join(events)
        if _DOTTED_KEY.search(joined):
            return None
        try:
            rows: list[Any] = self._decoder.decode(b"[" + joined + b"]")
        except (msgspec.ValidationError, msgspec.DecodeError):
            return None  # somewhere an object is expected and something else is there
        return rows

    def _bits(self, rows: list[Any], events: Sequence[bytes]) -> list[int]:
        bits = [self._all] * len(rows)
        odd: set[int] = set()
        columns: dict[tuple[str, ...], list[Any]] = {(): rows}
        for path, index, others in self._columns:
            column = _column(columns, path)
            if set(map(type, column)) <= _PLAIN:
                answers = self._answers(index, others, column)
            else:
                answers = []
                for at, value in enumerate(column):
                    answer, simple = _of_any(index, others, value)
                    answers.append(answer)
                    if not simple:
                        odd.add(at)
            bits = list(map(int.__and__, bits, answers))
        for at in odd:
            bits[at] = self._exactly(events[at])
        return bits

    @staticmethod
    def _answers(index: ValueIndex, others: int, column: list[Any]) -> list[int]:
        known: dict[Any, int] = {}
        for value in set(column):
            known[value] = others | (index.absent if value is msgspec.UNSET else index.hits(value))
        return list(map(known.__getitem__, column))

    def _exactly(self, event: bytes) -> int:
        leaves = flatten(orjson.loads(event))
        bits = 0
        for at, conjunction in enumerate(self._conjunctions):
            if satisfied(conjunction, leaves):
                bits |= 1 << at
        return bits

    def _rules(self, bits: int) -> tuple[int, ...]:
        rules = self._named.get(bits)
        if rules is None:
            each = {self._rule_of[at] for at in range(bits.bit_length()) if bits >> at & 1}
            rules = self._named[bits] = tuple(sorted(each))
            if len(self._named) > 65_536:
                self._named.clear()
        return rules


def _of_any(index: ValueIndex, others: int, value: Any) -> tuple[int, bool]:
    """A value's answer, and whether it is the whole answer (no objects, which need consistency)."""
    if value is msgspec.UNSET:
        return others | index.absent, True
    if isinstance(value, dict):
        return 0, False
    if isinstance(value, list):
        if any(isinstance(item, list | dict) for item in value):
            return 0, False
        if not value:
            return others | index.absent, True
        bits = others
        for item in value:
            bits |= index.hits(item)
        return bits, True
    return others | index.hits(value), True


def _column(columns: dict[tuple[str, ...], list[Any]], path: tuple[str, ...]) -> list[Any]:
    """The values at `path`, UNSET where it is not there; `columns` remembers what lies above."""
    found = columns.get(path)
    if found is None:
        above = _column(columns, path[:-1])
        name = _name(path)
        try:
            found = list(map(attrgetter(name), above))
        except AttributeError:
            found = [msgspec.UNSET if row is msgspec.UNSET else getattr(row, name) for row in above]
        columns[path] = found
    return found


def _name(path: tuple[str, ...]) -> str:
    # Any field name is allowed in JSON, not so in Python.
    return "f_" + "_".join(part.encode().hex() for part in path)


def _build_shape(paths: Mapping[str, Any], shape: dict[str, Any]) -> bool:
    """The tree of `paths`; False where one path runs through the leaf of another."""
    for path in paths:
        node = shape
        *folders, leaf = path.split(".")
        for part in folders:
            node = node.setdefault(part, {})
            if node is None:
                return False
        if node.setdefault(leaf, None) is not None:
            return False
    return True


def _struct(shape: Mapping[str, Any], path: tuple[str, ...] = ()) -> type[msgspec.Struct]:
    fields: list[tuple[str, Any, Any]] = []
    renamed: dict[str, str] = {}
    for name, inner in shape.items():
        field = _name((*path, name))
        renamed[field] = name
        kind: Any = Any if inner is None else _struct(inner, (*path, name)) | msgspec.UnsetType
        fields.append((field, kind, msgspec.UNSET))
    rename: Callable[[str], str | None] = renamed.get
    return msgspec.defstruct("Event", fields, rename=rename, gc=False)


def _split(conjunction: Conjunction) -> list[Conjunction]:
    """Conjunctions in which a path has at most one anything-but, and that one alone.

    `[{"anything-but": "a"}, "b"]` is an alternative; the index answers an anything-but by complement, so
    it gets a bit of its own.
    """
    split: list[dict[str, tuple[Operator, ...]]] = [{}]
    for path, tests in conjunction.items():
        but = [test for test in tests if isinstance(test, AnythingBut)]
        rest = tuple(test for test in tests if not isinstance(test, AnythingBut))
        groups = [(test,) for test in but] + ([rest] if rest else [])
        split = [{**one, path: group} for one in split for group in groups]
    return list(split)
