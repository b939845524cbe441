"""DuckDB's refusals in Athena's words, with the place in the user's own text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

import duckdb

from forebay.errors import QueryFailed
from forebay.query.sql.normal import PREFIX
from forebay.query.sql.parse import Statement, failed

_COLUMN = re.compile(r'Referenced column "((?:[^"]|"")+)" not found')
# Of a column whose name is an alias's too, as in `avg(price) AS price`.
_ALIASED = re.compile(r'Column "((?:[^"]|"")+)" referenced that exists in the SELECT clause')
_IN_TABLE = re.compile(
    r'(?:Table|Values list|CTE|Subquery|View) "([^"]+)" does not have a column named "([^"]+)"'
)
_TABLE = re.compile(r'Referenced table "([^"]+)" not found')
_AMBIGUOUS = re.compile(r'Ambiguous reference to column name "([^"]+)"')
_GROUP = re.compile(r'column "([^"]+)" must appear in the GROUP BY clause')
_FIELD = re.compile(r'Could not find key "([^"]+)" in struct')
_CAST = re.compile(r"Could not convert string '(.*)' to (\w+)", re.DOTALL)
_OWN = re.compile(r"^([A-Z][A-Z_]{5,}): (.*)", re.DOTALL)
_FUNCTION = re.compile(r"name and argument types '(\w+)\((.*?)\)'", re.DOTALL)
_TYPES = {
    "INT32": "integer",
    "INT64": "bigint",
    "INT16": "smallint",
    "INT8": "tinyint",
    "DOUBLE": "double",
    "FLOAT": "real",
    "BOOL": "boolean",
}


def first_part(error: Exception) -> str:
    """DuckDB's message without its kind, its `LINE 1:` echo and its list of candidates."""
    text = str(error).split("\n\nLINE ")[0].split("\nLINE ")[0]
    text = re.sub(r"^(?:[A-Z][A-Za-z]+ )+Error: ", "", text)
    return text.split("\n")[0].strip() if "Candidate" in text else text.strip()


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like a misspelt one."""
    found = difflib.get_close_matches(name.lower(), {k.lower(): None for k in known}, 1, 0.55)
    return found[0] if found else None


def translate(error: duckdb.Error, statement: Statement, columns: Iterable[str]) -> QueryFailed:
    """The QueryFailed that says what a DuckDB error means; `columns` are those that could have been meant."""
    text = first_part(error)
    whole = str(error)
    known = list(columns)

    def column(name: str, shown: str, after: str | None = None) -> QueryFailed:
        place = statement.place(name, after=after)
        message = f"Column '{shown}' cannot be resolved"
        return failed("COLUMN_NOT_FOUND", message, place, hint=_did_you_mean(nearest(name, known)))

    if found := _COLUMN.search(whole) or _ALIASED.search(whole):
        return column(found[1], found[1])
    if found := _IN_TABLE.search(whole):
        return column(found[2], f"{found[1]}.{found[2]}", found[1])
    if found := _TABLE.search(whole):
        name = found[1]
        rest = next((t for t in _after_dot(statement, name)), "")
        return failed("COLUMN_NOT_FOUND", f"Column '{name}{rest}' cannot be resolved", statement.place(name))
    if found := _AMBIGUOUS.search(whole):
        return failed("AMBIGUOUS_NAME", f"Column '{found[1]}' is ambiguous", statement.place(found[1]))
    if found := _GROUP.search(whole):
        return failed(
            "EXPRESSION_NOT_AGGREGATE",
            f"'{found[1]}' must be an aggregate expression or appear in GROUP BY clause",
            statement.place(found[1]),
        )
    if found := _FIELD.search(whole):
        return column(found[1], found[1])
    if isinstance(error, duckdb.InterruptException):
        return QueryFailed("QUERY_CANCELLED", "QUERY_CANCELLED: the query was cancelled")
    if isinstance(error, duckdb.OutOfMemoryException):
        return QueryFailed(
            "EXCEEDED_LOCAL_MEMORY_LIMIT",
            "EXCEEDED_LOCAL_MEMORY_LIMIT: the query needs more memory than it may have",
            fix="ask for less: fewer groups, a LIMIT behind ORDER BY, a smaller range of time",
        )
    if found := _OWN.match(text):
        return failed(found[1], found[2], None)
    if "Division by zero" in text:
        return failed("DIVISION_BY_ZERO", "Division by zero", None)
    if found := _CAST.search(text):
        kind = _TYPES.get(found[2], found[2].lower())
        return failed("INVALID_CAST_ARGUMENT", f"Cannot cast '{found[1]}' to {kind}", None)
    if isinstance(error, duckdb.ConversionException):
        return failed("INVALID_CAST_ARGUMENT", text, None)
    if isinstance(error, duckdb.OutOfRangeException):
        return failed("NUMERIC_VALUE_OUT_OF_RANGE", text, None)
    if found := _FUNCTION.search(whole):
        name = found[1].removeprefix("fb_")
        place = statement.place(name)
        return failed(
            "FUNCTION_NOT_FOUND", f"Unexpected parameters ({found[2].lower()}) for function {name}", place
        )
    text = text.replace(PREFIX, "").replace("fb_", "")
    if isinstance(error, (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException)):
        return failed("SYNTAX_ERROR", text, None)
    if isinstance(error, (duckdb.InvalidInputException, duckdb.IOException)):
        return failed(
            "HIVE_BAD_DATA" if "parquet" in text.lower() else "INVALID_FUNCTION_ARGUMENT", text, None
        )
    return failed("GENERIC_INTERNAL_ERROR", text, None)


def _did_you_mean(name: str | None) -> str | None:
    return f"did you mean {name}?" if name else None


def _after_dot(statement: Statement, name: str) -> Iterable[str]:
    tokens = statement.tokens
    for i in range(len(tokens) - 2):
        if tokens[i].text.lower() == name.lower() and tokens[i + 1].text == ".":
            yield "." + tokens[i + 2].text.lower()
