"""An event pattern: read, refused in AWS's words where it is wrong, and asked about one event.

A pattern compiles to alternatives (what `$or` forks), each a conjunction: path → the tests of which one
must pass. An event flattens to path → leaves. Where a path runs through arrays of objects, the leaves
that satisfy one alternative must come of the same elements ("array consistency"), so every leaf carries
the elements it lies in. Many patterns at once are `forebay.bus.rules`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forebay.bus.operator_syntax import OPERATORS, Members, first_of, plain
from forebay.bus.operators import Exists, InvalidPattern, Operator, Scalar, number

MOST_ALTERNATIVES = 1000
MOST_BYTES = 4096

Tests = tuple[Operator, ...]
Conjunction = Mapping[str, Tests]
Membership = tuple[tuple[int, int], ...]
"""The (array, element) pairs above a leaf; arrays are numbered within the event."""
Leaves = dict[str, list[tuple[Scalar, Membership]]]

_RESERVED_IN_OR = frozenset(
    {
        "exactly",
        "exists",
        "prefix",
        "suffix",
        "anything-but",
        "numeric",
        "equals-ignore-case",
        "wildcard",
        "cidr",
        "html",
        *("=", "<", "<=", ">", ">="),
        *("regex", "not-wildcard", "not-equals-ignore-case"),
        *("date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"),
        *("ip-address-in-range", "ip-address-not-in-range"),
    }
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled event pattern. `alternatives` is never empty."""

    alternatives: tuple[Conjunction, ...]

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Would AWS route `event` (parsed JSON) by this pattern?"""
        leaves = flatten(event)
        return any(satisfied(conjunction, leaves) for conjunction in self.alternatives)


def compile_pattern(text: str | bytes | Mapping[str, Any]) -> Pattern:
    """Read a pattern, JSON text or already parsed. Raises InvalidPattern, worded as AWS words it."""
    if isinstance(text, Mapping):
        text = json.dumps(text)
    try:
        parsed = json.loads(
            text,
            parse_float=number,
            parse_int=number,
            parse_constant=_no_constant,
            object_pairs_hook=Members,
        )
    except (ValueError, RecursionError) as error:
        raise InvalidPattern(str(error)) from None
    if not isinstance(parsed, Members):
        raise InvalidPattern("Filter is not an object")
    combinations = _combinations(parsed)
    try:
        alternatives = _object([{}], (), parsed, inside_or=False)
    except InvalidPattern:
        # A `$or` that AWS's matcher cannot take for the operator is a field of that name to it.
        try:
            alternatives = _object([{}], (), parsed, inside_or=None)
        except InvalidPattern:
            alternatives = []
        if not alternatives:
            raise
    if combinations > MOST_ALTERNATIVES:
        raise InvalidPattern(f"Rule is too complex - $or makes over {MOST_ALTERNATIVES} rule combinations")
    # In the order of their paths: what an `{"exists": false}` is about depends on those before it.
    return Pattern(tuple(dict(sorted(one.items())) for one in alternatives))


def _no_constant(name: str) -> float:
    raise ValueError(
        f"Unrecognized token '{name}': was expecting (JSON String, Number, Array, Object or token)"
    )


def _combinations(node: Any) -> int:
    """What the lengths of all lists of `$or` multiply to, which is what AWS's guide bounds."""
    found = 1
    pending = [node]
    while pending:
        each = pending.pop()
        if isinstance(each, Members):
            for name, value in each.pairs:
                if name == "$or" and isinstance(value, list):
                    found *= len(value) or 1
                pending.append(value)
        elif isinstance(each, list):
            pending += each
    return found


def _object(
    alternatives: list[dict[str, Tests]], path: tuple[str, ...], node: Members, *, inside_or: bool | None
) -> list[dict[str, Tests]]:
    """The alternatives with what an object asks; with `inside_or` None, `$or` is a name like any other."""
    if not node:
        raise InvalidPattern("Empty objects are not allowed")
    for name, value in node.pairs:
        if name == "$or" and inside_or is not None:
            alternatives = _or(alternatives, path, value)
            continue
        if inside_or and name in _RESERVED_IN_OR:
            raise InvalidPattern(f"{name} is Ruler reserved fieldName which cannot be used inside $or.")
        if isinstance(value, Members):
            alternatives = _object(alternatives, (*path, name), value, inside_or=inside_or)
        elif isinstance(value, list):
            tests = tuple(_test(item) for item in value)
            if not tests:
                raise InvalidPattern("Empty arrays are not allowed")
            for alternative in alternatives:
                alternative[".".join((*path, name))] = tests
        else:
            raise InvalidPattern(f'"{name}" must be an object or an array')
    return alternatives


def _or(alternatives: list[dict[str, Tests]], path: tuple[str, ...], value: Any) -> list[dict[str, Tests]]:
    if not isinstance(value, list):
        raise InvalidPattern("It must be an Array followed with $or.")
    forked: list[dict[str, Tests]] = []
    for branch in value:
        if not isinstance(branch, Members):
            raise InvalidPattern("Only JSON object is allowed in array of $or relationship.")
        forked += _object([dict(a) for a in alternatives], path, branch, inside_or=True)
        if len(forked) > MOST_ALTERNATIVES:
            raise InvalidPattern(
                f"Rule is too complex - $or makes over {MOST_ALTERNATIVES} rule combinations"
            )
    if len(value) < 2:
        raise InvalidPattern("There must have at least 2 Objects in $or relationship.")
    return forked


def _test(item: Any) -> Operator:
    if isinstance(item, list):
        raise InvalidPattern("Match value must be String, number, true, false, or null")
    if not isinstance(item, Members):
        return plain(item)
    if not item:
        raise InvalidPattern("Match expression name not found")
    name, value, more = first_of(item)
    if name not in OPERATORS:
        raise InvalidPattern(f"Unrecognized match type {name}")
    test: Operator = OPERATORS[name](value)
    if more:
        too_many = "Too many elements in numeric expression"
        raise InvalidPattern(
            too_many if name in ("numeric", "anything-but") else "Only one key allowed in match expression"
        )
    return test


def flatten(event: Mapping[str, Any]) -> Leaves:
    """Path → leaves. A key with dots and nested keys give the same path, as on AWS."""
    leaves: Leaves = {}
    arrays = itertools.count()
    # Iterative: an event may be nested deeper than Python's stack.
    pending: list[tuple[str, Any, Membership]] = [(key, value, ()) for key, value in event.items()]
    while pending:
        path, value, membership = pending.pop()
        if isinstance(value, dict):
            pending += [(f"{path}.{key}", inner, membership) for key, inner in value.items()]
        elif isinstance(value, list):
            array = next(arrays)
            for index, inner in enumerate(value):
                if isinstance(inner, dict | list):
                    pending.append((path, inner, (*membership, (array, index))))
                else:
                    leaves.setdefault(path, []).append((inner, membership))
        else:
            leaves.setdefault(path, []).append((value, membership))
    return leaves


def satisfied(conjunction: Conjunction, leaves: Leaves) -> bool:
    """Do the leaves pass every path's tests, within one consistent choice of array elements?

    A path is absent where no leaf of it lies in the elements chosen for the paths before it.
    """
    steps: list[_Step] = []
    for path, tests in conjunction.items():
        absence = any(isinstance(test, Exists) and not test.wanted for test in tests)
        found = leaves.get(path)
        if found is None:
            if not absence:
                return False
            continue
        passing = list({m for value, m in found if any(test.accepts(value) for test in tests)})
        if not passing and not absence:
            return False
        if () not in passing:  # a leaf in no array is consistent with everything
            steps.append((passing, [m for _, m in found] if absence else None))
    return not steps or _consistent(steps, {})


_Step = tuple[list[Membership], list[Membership] | None]
"""Where a path's tests are passed, and where it has leaves at all if it may have none."""


def _consistent(steps: list[_Step], taken: dict[int, int]) -> bool:
    if not steps:
        return True
    passing, there = steps[0]
    if there is not None and not any(_agree(membership, taken) for membership in there):
        return _consistent(steps[1:], taken)
    return any(
        _agree(membership, taken) and _consistent(steps[1:], {**taken, **dict(membership)})
        for membership in passing
    )


def _agree(membership: Membership, taken: dict[int, int]) -> bool:
    return all(taken.get(array, index) == index for array, index in membership)
