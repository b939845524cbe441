"""Which partitions an expression means: `year = 2024 AND (month IN ('01', '02') OR day BETWEEN 1 AND 7)`.

The grammar and the words of the errors are those of Glue's GetPartitions
(https://docs.aws.amazon.com/glue/latest/webapi/API_GetPartitions.html): comparisons, IN, BETWEEN, LIKE,
IS NULL, NOT, AND, OR over partition keys of the types string, date, timestamp, decimal and the integers.
A value is compared in its key's type.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
from collections.abc import Callable, Sequence
from typing import Any

from forebay.errors import ForebayError, UsageError

Keep = Callable[[Sequence[str]], bool]
NULL = "__HIVE_DEFAULT_PARTITION__"
MOST = 2048
"""Characters of an expression, as on AWS."""
DEEPEST = 50

_INTEGRAL = {"tinyint", "smallint", "int", "integer", "bigint", "long"}
_TEXT = {"string", "char", "varchar"}
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")|(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w]))"""
    r"""|(?P<word>[A-Za-z_][\w.]*|`[^`]+`)|(?P<mark><>|!=|>=|<=|=|<|>|\(|\)|,))"""
)
_STAMP = re.compile(r"(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?")
_WORDS = {"and", "or", "not", "in", "between", "like", "is", "null"}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class _Literal(str):
    __slots__ = ()


class _Column:
    def __init__(self, index: int, kind: str) -> None:
        self.index = index
        self.kind = kind

    def value(self, values: Sequence[str]) -> Any:
        if self.index >= len(values) or values[self.index] == NULL:
            return None
        try:
            return cast(self.kind, values[self.index])
        except ValueError as error:
            raise ForebayError("InvalidState", str(error)) from None

    def literal(self, text: Any) -> Any:
        if not isinstance(text, _Literal):
            raise UsageError("InvalidInput", "Unsupported expression: a key is compared with values only")
        try:
            return cast(self.kind, str(text))
        except ValueError as error:
            raise UsageError("InvalidInput", str(error)) from None


def cast(kind: str, text: str) -> Any:
    """`text` as a value of a partition key's type. Raises ValueError, UsageError for a type without order."""
    name = kind.lower().partition("(")[0].strip()
    if name in _TEXT:
        return text
    if name in _INTEGRAL:
        if not re.fullmatch(r"\s*[+-]?\d{1,38}\s*", text):
            raise ValueError(f'"{text}" is not an integer.')
        return int(text)
    if name == "decimal":
        try:
            return decimal.Decimal(text.strip())
        except decimal.InvalidOperation:
            raise ValueError(f"{text} is not a decimal.") from None
    if name == "date":
        try:
            return (
                dt.date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else _not_date(text)
            )
        except ValueError:
            return _not_date(text)
    if name == "timestamp":
        found = _STAMP.fullmatch(text)
        if found is None:
            raise ValueError(
                f"Timestamp format must be yyyy-mm-dd hh:mm:ss[.fffffffff]. {text} is not a timestamp."
            )
        try:
            moment = dt.datetime.fromisoformat(found[1])
        except ValueError:
            raise ValueError(f"{text} is not a timestamp.") from None
        return moment, (found[2] or "").ljust(9, "0")
    raise UsageError("InvalidInput", f"Unknown type : '{kind}'")


def _not_date(text: str) -> Any:
    raise ValueError(f"{text} is not a date.")


class Filter:
    """An expression over partition keys, given as (name, type). Raises UsageError `InvalidInput`."""

    def __init__(self, expression: str, keys: Sequence[tuple[str, str]]) -> None:
        if len(expression) > MOST:
            raise UsageError("InvalidInput", f"Expression is longer than {MOST} characters")
        self._keys = {name: _Column(i, kind) for i, (name, kind) in enumerate(keys)}
        self._text = expression
        self._tokens = self._split(expression)
        self._at = self._depth = 0
        found = self._or()
        if self._at < len(self._tokens) or not callable(found):
            raise self._bad()
        self._keep: Keep = found

    def __call__(self, values: Sequence[str]) -> bool:
        """Whether a partition with these values is meant."""
        return self._keep(values)

    def _bad(self) -> UsageError:
        return UsageError("InvalidInput", f"Unsupported expression '{self._text}'")

    def _split(self, text: str) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        at = 0
        text = text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._bad()
            at = found.end()
            kind = str(found.lastgroup)
            value = found[kind]
            if kind == "word" and value.lower() in _WORDS:
                kind, value = "key", value.lower()
            elif kind == "text":
                value = value[1:-1].replace(value[0] * 2, value[0])
            tokens.append((kind, value))
        # AWS lets an operator stand in parentheses: `a = 1 (OR) b = 2`.
        plain: list[tuple[str, str]] = []
        for token in tokens:
            plain.append(token)
            if plain[-3:-1] in ([("mark", "("), ("key", "or")], [("mark", "("), ("key", "and")]):
                plain[-3:] = [plain[-2]] if token == ("mark", ")") else plain[-3:]
        return plain

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _take(self, *wanted: tuple[str, str]) -> bool:
        if self._peek() in wanted:
            self._at += 1
            return True
        return False

    def _must(self, kind: str, value: str) -> None:
        if not self._take((kind, value)):
            raise self._bad()

    def _or(self) -> Any:
        left = self._and()
        while self._take(("key", "or")):
            left = self._either(left, self._and())
        return left

    def _either(self, a: Any, b: Any) -> Keep:
        if not callable(a) or not callable(b):
            raise self._bad()
        return lambda values: a(values) or b(values)

    def _and(self) -> Any:
        left = self._not()
        while self._take(("key", "and")):
            left = self._both(left, self._not())
        return left

    def _both(self, a: Any, b: Any) -> Keep:
        if not callable(a) or not callable(b):
            raise self._bad()
        return lambda values: a(values) and b(values)

    def _not(self) -> Any:
        if self._take(("key", "not")):
            inner = self._predicate()
            if not callable(inner):
                raise self._bad()
            return lambda values: not inner(values)
        return self._predicate()

    def _term(self) -> Any:
        kind, value = self._peek()
        self._at += 1
        if (kind, value) == ("mark", "("):
            self._depth += 1
            if self._depth > DEEPEST:
                raise self._bad()
            inner = self._or()
            self._must("mark", ")")
            self._depth -= 1
            return inner
        if kind in ("text", "number"):
            return _Literal(value)
        if kind == "word":
            follows = self._peek()
            if value.lower() in ("date", "timestamp") and follows[0] == "text":
                self._at += 1
                return _Literal(follows[1])
            name = value.strip("`").lower()
            if name not in self._keys:
                raise UsageError(
                    "InvalidInput", "Invalid partition expression!", why=f"no key is named {value}"
                )
            return self._keys[name]
        raise self._bad()

    def _predicate(self) -> Any:
        left = self._term()
        kind, mark = self._peek()
        if kind == "mark" and mark in _COMPARE:
            self._at += 1
            return self._comparison(left, mark, self._term())
        if self._take(("key", "is")):
            wanted = not self._take(("key", "not"))
            self._must("key", "null")
            column = self._column(left)
            return lambda values: (column.value(values) is None) is wanted
        negated = self._take(("key", "not"))
        if self._take(("key", "in")):
            return self._in(self._column(left), negated)
        if self._take(("key", "between")):
            column = self._column(left)
            low = column.literal(self._term())
            self._must("key", "and")
            high = column.literal(self._term())
            return _known(column, lambda value: (low <= value <= high) is not negated)
        if self._take(("key", "like")):
            return self._like(self._column(left), negated)
        if negated:
            raise self._bad()
        return left

    def _column(self, term: Any) -> _Column:
        if not isinstance(term, _Column):
            raise self._bad()
        return term

    def _comparison(self, left: Any, mark: str, right: Any) -> Keep:
        if isinstance(left, _Literal) and isinstance(right, _Column):
            left, right = right, left
            mark = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(mark, mark)
        column = self._column(left)
        compare = _COMPARE[mark]
        bound = column.literal(right)
        return _known(column, lambda value: compare(value, bound))

    def _in(self, column: _Column, negated: bool) -> Keep:
        self._must("mark", "(")
        wanted = [column.literal(self._term())]
        while self._take(("mark", ",")):
            wanted.append(column.literal(self._term()))
        self._must("mark", ")")
        return _known(column, lambda value: (value in wanted) is not negated)

    def _like(self, column: _Column, negated: bool) -> Keep:
        name = column.kind.lower().partition("(")[0].strip()
        if name not in _TEXT:
            said = "Integral" if name in _INTEGRAL else name.capitalize()
            raise UsageError("InvalidInput", f"{said} data type doesn't support operation 'LIKE'")
        text = column.literal(self._term())
        pattern = re.compile(
            "".join({"%": ".*", "_": "."}.get(char, re.escape(char)) for char in text), re.DOTALL
        )
        return _known(column, lambda value: (pattern.fullmatch(value) is not None) is not negated)


def _known(column: _Column, test: Callable[[Any], bool]) -> Keep:
    def keep(values: Sequence[str]) -> bool:
        value = column.value(values)
        return value is not None and test(value)

    return keep
