"""Conditions and updates as they were said before there were expressions, read into the same tests and updates.

{"age": {"ComparisonOperator": "GT", "AttributeValueList": [{"N": "3"}]}}     Expected, QueryFilter, ScanFilter
{"age": {"Exists": False}}, {"age": {"Value": {"N": "3"}}}                    Expected
{"age": {"Action": "ADD", "Value": {"N": "1"}}}                               AttributeUpdates
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebay.keyvalue.conditions import Items, Operand, Test, begins, compare, contains
from forebay.keyvalue.errors import Invalid
from forebay.keyvalue.key_conditions import KeyCondition, Part, matched
from forebay.keyvalue.table import KeySchema
from forebay.keyvalue.updates import Update
from forebay.keyvalue.values import Value, kind_of, normal, ordered

Given = Mapping[str, Mapping[str, Any]]
_INVALID = "One or more parameter values were invalid: "
_SIGNS = {"EQ": "=", "NE": "<>", "LE": "<=", "LT": "<", "GE": ">=", "GT": ">"}
_TAKES = {"NULL": 0, "NOT_NULL": 0, "BETWEEN": 2}
_KEYS = {
    "EQ": "=",
    "LE": "<=",
    "LT": "<",
    "GE": ">=",
    "GT": ">",
    "BEGINS_WITH": "begins_with",
    "BETWEEN": "BETWEEN",
}


def condition(given: Given, operator: str | None = None) -> Test:
    """The test of `Expected` or of a filter; `operator` is AND (the default) or OR. Raises Invalid."""
    tests = [_expected(name, each) for name, each in given.items()]
    if operator == "OR":
        return lambda item: any(test(item) for test in tests)
    return lambda item: all(test(item) for test in tests)


def _expected(name: str, given: Mapping[str, Any]) -> Test:
    if "ComparisonOperator" in given:
        if "Value" in given and "AttributeValueList" not in given:
            given = {**given, "AttributeValueList": [given["Value"]]}
        return _compared(name, str(given["ComparisonOperator"]), _values(name, given))
    operand = Operand((name,))
    if given.get("Exists", True) is False:
        if "Value" in given:
            raise Invalid(f"{_INVALID}Value cannot be used when Exists is false for Attribute: {name}")
        return lambda item: operand.of(item) is None
    if "Value" not in given:
        raise Invalid(f"{_INVALID}Value must be provided when Exists is true for Attribute: {name}")
    value = Operand(value=normal(given["Value"]))
    return lambda item: compare("=", operand, value, item)


def _values(name: str, given: Mapping[str, Any]) -> list[Value]:
    operator = str(given["ComparisonOperator"])
    values = [normal(each) for each in given.get("AttributeValueList") or ()]
    wrong = not values if operator == "IN" else len(values) != _TAKES.get(operator, 1)
    if wrong:
        raise Invalid(f"{_INVALID}Invalid number of argument(s) for the {operator} ComparisonOperator")
    return values


def _compared(name: str, operator: str, values: list[Value]) -> Test:
    operand, given = Operand((name,)), [Operand(value=value) for value in values]
    match operator:
        case "NULL":
            return lambda item: operand.of(item) is None
        case "NOT_NULL":
            return lambda item: operand.of(item) is not None
        case "IN":
            return lambda item: any(compare("=", operand, each, item) for each in given)
        case "BETWEEN":
            return lambda item: (
                compare(">=", operand, given[0], item) and compare("<=", operand, given[1], item)
            )
        case "BEGINS_WITH":
            return lambda item: begins(operand.of(item), values[0])
        case "CONTAINS":
            return lambda item: contains(operand.of(item), values[0])
        case "NOT_CONTAINS":
            return lambda item: _lacks(operand, values[0], item)
    return lambda item: compare(_SIGNS[operator], operand, given[0], item)


def _lacks(operand: Operand, value: Value, item: Items) -> bool:
    found = operand.of(item)
    return found is not None and not contains(found, value)


def key_condition(given: Given, schema: KeySchema) -> KeyCondition:
    """The key condition of `KeyConditions`. Raises Invalid."""
    parts = []
    for name, each in given.items():
        operator = str(each.get("ComparisonOperator"))
        if operator not in _KEYS:
            raise Invalid("Attempted conditional constraint is not an indexable operation")
        values = _values(name, each)
        if operator == "BETWEEN" and kind_of(values[0]) == kind_of(values[1]):
            low, high = ordered(values[0]), ordered(values[1])
            if low is not None and high < low:
                raise Invalid(
                    "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
                )
        parts.append(Part(name, _KEYS[operator], tuple(values)))
    return matched(parts, schema)


def update(given: Given) -> Update:
    """The update of `AttributeUpdates`. Raises Invalid."""
    found = Update()
    for name, each in given.items():
        action, path = each.get("Action", "PUT"), (name,)
        if "Value" not in each:
            if action != "DELETE":
                raise Invalid(f"{_INVALID}Only DELETE action is allowed when no attribute value is specified")
            found.removes.append(path)
            continue
        value = normal(each["Value"])
        if action == "PUT":
            found.sets.append((path, lambda _, value=value: value))  # type: ignore[misc]
        elif action == "ADD":
            if kind_of(value) not in ("N", "SS", "NS", "BS"):
                raise Invalid(f"{_INVALID}ADD action is not supported for the type {kind_of(value)}")
            found.adds.append((path, value))
        else:
            if kind_of(value) not in ("SS", "NS", "BS"):
                raise Invalid(
                    f"{_INVALID}DELETE action with value is not supported for the type {kind_of(value)}"
                )
            found.deletes.append((path, value))
    return found
