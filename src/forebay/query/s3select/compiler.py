"""From expressions to functions of a record.

Texts of a CSV file have no type: beside a number they are numbers where they can be, beside a timestamp one. What is
absent makes absent; a condition with it is neither true nor false.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from forebay.query.s3select import functions, moments
from forebay.query.s3select.aggregates import Accumulator
from forebay.query.s3select.errors import refused
from forebay.query.s3select.inputs import LONGEST_RECORD
from forebay.query.s3select.syntax import (
    Aggregate,
    Between,
    Binary,
    Call,
    Case,
    Cast,
    Every,
    Expression,
    In,
    Is,
    Items,
    Like,
    Literal,
    Name,
    Path,
    Select,
    Step,
    Unary,
)
from forebay.query.s3select.values import (
    MISSING,
    absent,
    cast,
    equal,
    like,
    order,
    reckoned,
)

Value = Callable[[Any], Any]
"""A function of a record."""


class Source(Protocol):
    """Where a statement's records come from: what a path is in one, and all that is in one."""

    untyped: bool
    """Whether its values are texts of no type."""

    def path(self, steps: tuple[Step, ...]) -> Value:
        """What finds a path in a record. Raises QueryFailed for one that no record has."""

    def names(self, record: Any) -> list[str]:
        """The names of what a record holds."""

    def values(self, record: Any) -> list[Any]:
        """What a record holds."""


@dataclass(slots=True)
class Program:
    """A statement, ready to run. Without `columns` it is all of a record; with `sums`, one row when all are read.

    Those in `stars`, by place, are all of a record among others.
    """

    where: Value | None
    columns: list[Value] | None
    names: list[str]
    limit: int | None
    sums: list[tuple[Accumulator, Value | None]] = field(default_factory=list)
    stars: frozenset[int] = frozenset()


def compiled(select: Select, source: Source) -> Program:
    """The program of a statement over a source. Raises QueryFailed."""
    compiler = _Compiler(source)
    where = None if select.where is None else compiler.condition(select.where)
    stars = frozenset(
        number for number, column in enumerate(select.columns) if _is_star(column.of, select.alias)
    )
    if len(stars) == len(select.columns) <= 1:
        return Program(where, None, [], select.limit)
    compiler.selecting = True
    names = [column.name or f"_{number}" for number, column in enumerate(select.columns, 1)]
    columns = [
        _itself if number in stars else compiler.of(column.of) for number, column in enumerate(select.columns)
    ]
    if compiler.sums and (compiler.loose or stars):
        raise refused("UnsupportedSqlStructure", "Aggregates are selected beside fields of single records.")
    return Program(where, columns, names, select.limit, compiler.sums, stars)


def _is_star(of: Expression, alias: Name) -> bool:
    """Whether it is `s.*`: all of the record, under its own names."""
    match of:
        case Path((Name() as first, Every())):
            return alias.fits(first.text)
    return False


def _itself(record: Any) -> Any:
    return record


class _Compiler:
    def __init__(self, source: Source) -> None:
        self._source = source
        self.sums: list[tuple[Accumulator, Value | None]] = []
        self.loose = False
        self.selecting = False
        self._summing = False

    def condition(self, expression: Expression) -> Value:
        """What is true, false or None of a record."""
        found = self.of(expression)
        return self._boolean(expression, found)

    def _boolean(self, expression: Expression, found: Value) -> Value:
        if self._untyped(expression):
            return lambda record: like(found(record), True)
        return found

    def _untyped(self, expression: Expression) -> bool:
        if isinstance(expression, Path):
            return self._source.untyped
        if isinstance(expression, Call) and expression.name in ("coalesce", "nullif"):
            return any(map(self._untyped, expression.arguments))
        return False

    def of(self, expression: Expression) -> Value:
        """The function of a record that an expression is."""
        match expression:
            case Literal(value):
                return lambda _: value
            case Path(steps):
                self.loose = self.loose or (self.selecting and not self._summing)
                return self._source.path(steps)
            case Unary("not", of):
                return _negation(self.condition(of))
            case Unary(_, of):
                return self._negative(of)
            case Binary("and" | "or" as operator, left, right):
                return _joined(operator, self.condition(left), self.condition(right))
            case Binary("||", left, right):
                return _concatenation(self.of(left), self.of(right))
            case Binary("+" | "-" | "*" | "/" | "%" as operator, left, right):
                return self._arithmetic(operator, left, right)
            case Binary(operator, left, right):
                return self._comparison(operator, left, right)
            case Between(of, low, high):
                return _joined("and", self._comparison(">=", of, low), self._comparison("<=", of, high))
            case In(of, items):
                return self._membership(of, items)
            case Is(of, missing):
                return _presence(self.of(of), missing=missing)
            case Like(of, pattern, escape):
                return self._like(of, pattern, escape)
            case Items(items):
                each = [self.of(item) for item in items]
                return lambda record: [found(record) for found in each]
            case Case():
                return self._case(expression)
            case Cast(of, type_, parameters):
                found = self.of(of)
                return lambda record: cast(found(record), type_, parameters)
            case Call():
                return self._call(expression)
            case Aggregate(name, of):
                return self._aggregate(name, of)

    def _negative(self, of: Expression) -> Value:
        found, untyped = self.of(of), self._untyped(of)

        def negative(record: Any) -> Any:
            value = found(record)
            value = like(value, 0) if untyped else value
            return None if absent(value) else reckoned("-", 0, value)

        return negative

    def _arithmetic(self, operator: str, left: Expression, right: Expression) -> Value:
        first, second = self.of(left), self.of(right)
        untyped = self._untyped(left), self._untyped(right)

        def arithmetic(record: Any) -> Any:
            one, other = first(record), second(record)
            if absent(one) or absent(other):
                return None
            one = like(one, 0) if untyped[0] else one
            other = like(other, 0) if untyped[1] else other
            return reckoned(operator, one, other)

        return arithmetic

    def _comparison(self, operator: str, left: Expression, right: Expression) -> Value:
        first, second = self.of(left), self.of(right)
        untyped = self._untyped(left), self._untyped(right)

        def pair(record: Any) -> tuple[Any, Any] | None:
            one, other = first(record), second(record)
            if one is None or other is None or one is MISSING or other is MISSING:
                return None
            if untyped[0] and not isinstance(other, str):
                one = like(one, other)
            elif untyped[1] and not isinstance(one, str):
                other = like(other, one)
            return _dated(one, other)

        if operator in ("=", "<>"):
            wanted = operator == "="

            def same(record: Any) -> bool | None:
                two = pair(record)
                return None if two is None else equal(*two) is wanted

            return same

        test = _ORDERS[operator]

        def ordered(record: Any) -> bool | None:
            two = pair(record)
            found = None if two is None else order(*two)
            return None if found is None else test(found)

        return ordered

    def _membership(self, of: Expression, items: Expression) -> Value:
        found, among = self.of(of), self.of(items)
        untyped = self._untyped(of)

        def member(record: Any) -> bool | None:
            value, several = found(record), among(record)
            if absent(value) or not isinstance(several, list):
                return None
            unsure = False
            for item in several:
                if absent(item):
                    unsure = True
                elif equal(*_dated(like(value, item) if untyped else value, item)):
                    return True
            return None if unsure else False

        return member

    def _like(self, of: Expression, pattern: Expression, escape: Expression | None) -> Value:
        found, form = self.of(of), self.of(pattern)
        escaped = None if escape is None else self.of(escape)

        def matches(record: Any) -> bool | None:
            value, wanted = found(record), form(record)
            by = "" if escaped is None else escaped(record)
            if absent(value) or absent(wanted) or absent(by):
                return None
            return functions.matches(value, wanted, by)

        return matches

    def _case(self, case: Case) -> Value:
        conditions = [
            self.condition(when) if case.of is None else self._comparison("=", case.of, when)
            for when, _ in case.whens
        ]
        answers = [self.of(then) for _, then in case.whens]
        otherwise = self.of(case.otherwise or Literal(None))

        def chosen(record: Any) -> Any:
            for condition, answer in zip(conditions, answers, strict=True):
                if condition(record) is True:
                    return answer(record)
            return otherwise(record)

        return chosen

    def _call(self, call: Call) -> Value:
        arguments = [self.of(argument) for argument in call.arguments]
        match call.name:
            case "utcnow":
                now = moments.now()
                return lambda _: now
            case "coalesce":
                return lambda record: next(
                    (value for value in (each(record) for each in arguments) if not absent(value)), None
                )
            case "nullif":
                same = self._comparison("=", *call.arguments)
                return lambda record: None if same(record) is True else arguments[0](record)
        name, part = call.name, call.part
        if name == "date_add" and self._untyped(call.arguments[0]):
            count = arguments[0]
            arguments[0] = lambda record: like(count(record), 0)
        return lambda record: functions.called(name, part, [each(record) for each in arguments])

    def _aggregate(self, name: str, of: Expression | None) -> Value:
        if self._summing or not self.selecting:
            raise refused("UnsupportedSqlStructure", f"{name.upper()} is selected, of what is no aggregate.")
        self._summing = True
        found = None if of is None else self.of(of)
        if of is not None and self._untyped(of) and name != "count":
            plain = found
            assert plain is not None
            found = lambda record: like(plain(record), 0)  # noqa: E731 - a wrapper of one line
        self._summing = False
        accumulator = Accumulator(name)
        self.sums.append((accumulator, found))
        return lambda _: accumulator.result()


_ORDERS: dict[str, Callable[[int], bool]] = {
    "<": lambda found: found < 0,
    "<=": lambda found: found <= 0,
    ">": lambda found: found > 0,
    ">=": lambda found: found >= 0,
}


def _dated(one: Any, other: Any) -> tuple[Any, Any]:
    """A text beside a timestamp is one, where it can be: JSON has no timestamps."""
    if isinstance(one, moments.Moment) and isinstance(other, str):
        return one, moments.parsed(other) or other
    if isinstance(other, moments.Moment) and isinstance(one, str):
        return moments.parsed(one) or one, other
    return one, other


def _negation(found: Value) -> Value:
    def negation(record: Any) -> bool | None:
        value = found(record)
        return not value if isinstance(value, bool) else None

    return negation


def _joined(operator: str, left: Value, right: Value) -> Value:
    decides = operator == "or"

    def joined(record: Any) -> bool | None:
        one = left(record)
        if one is decides:
            return one is True
        other = right(record)
        if other is decides:
            return other is True
        return (not decides) if isinstance(one, bool) and isinstance(other, bool) else None

    return joined


def _concatenation(left: Value, right: Value) -> Value:
    def concatenation(record: Any) -> str | None:
        one, other = left(record), right(record)
        if absent(one) or absent(other):
            return None
        if not isinstance(one, str) or not isinstance(other, str):
            raise refused("InvalidDataType", "|| is between texts.")
        if len(one) + len(other) > LONGEST_RECORD:
            raise refused("OverMaxRecordSize")
        return one + other

    return concatenation


def _presence(found: Value, *, missing: bool) -> Value:
    if missing:
        return lambda record: found(record) is MISSING
    return lambda record: absent(found(record))
