"""Flink's types, and how their values are held here: DuckDB's types, timestamps in UTC without a zone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from forebay.streamsql.nodes import Type

Typed = tuple[str, Type]
Made = Typed | str
"""SQL and its type; or, as text, what of it does not run here."""
Texts = Sequence[str | None]
"""An argument's own text where it is a literal."""
Own = Callable[[Sequence[Typed], Texts], Made]
"""What makes the SQL of a function's call."""

BOOLEAN = Type("BOOLEAN")
INT = Type("INT")
BIGINT = Type("BIGINT")
DOUBLE = Type("DOUBLE")
STRING = Type("VARCHAR")
TIMESTAMP = Type("TIMESTAMP", 3)
DATE = Type("DATE")
LTZ = Type("TIMESTAMP_LTZ", 3)
NULL = Type("NULL")
PROCTIME = Type("PROCTIME")
"""When a window closed: what a table is looked up as of, and nothing else."""

INTEGERS = ("TINYINT", "SMALLINT", "INT", "BIGINT")
BITS = {"TINYINT": 8, "SMALLINT": 16, "INT": 32, "BIGINT": 64}
_DIGITS = {"TINYINT": 3, "SMALLINT": 5, "INT": 10, "BIGINT": 19}
FLOATS = ("FLOAT", "DOUBLE")
TIMES = ("TIMESTAMP", "TIMESTAMP_LTZ")
TEXTS = ("VARCHAR", "CHAR")
_WIDTHS = (*INTEGERS, "DECIMAL", *FLOATS)
SQL_TIME = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,9})?$"
ISO_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?$"
WIDEST = 38

_DUCK = {
    "INT": "INTEGER",
    "FLOAT": "REAL",
    "TIMESTAMP_LTZ": "TIMESTAMP",
    "CHAR": "VARCHAR",
    "NULL": "INTEGER",
    "PROCTIME": "TIMESTAMP",
}


def duck(type_: Type) -> str:
    """DuckDB's type for it."""
    if type_.name == "DECIMAL":
        return f"DECIMAL({type_.p},{type_.s})"
    if type_.name == "ROW":
        return "STRUCT(" + ", ".join(f"{quoted(name)} {duck(each)}" for name, each in type_.of) + ")"
    if type_.name == "ARRAY":
        return f"{duck(type_.of[0][1])}[]"
    if type_.name == "MAP":
        return f"MAP({duck(type_.of[0][1])}, {duck(type_.of[1][1])})"
    return _DUCK.get(type_.name, type_.name)


def family(type_: Type) -> str:
    """What may be compared and put together: number, text, time, BOOLEAN, DATE, NULL."""
    if type_.name in INTEGERS or type_.name in FLOATS or type_.name == "DECIMAL":
        return "number"
    if type_.name in TEXTS:
        return "text"
    return "time" if type_.name in TIMES else type_.name


def decimal(type_: Type) -> Type:
    """A whole number or DECIMAL as DECIMAL."""
    return type_ if type_.name == "DECIMAL" else Type("DECIMAL", _DIGITS[type_.name], 0)


def common(one: Type, other: Type) -> Type | None:
    """The type of what may be either; None if there is none."""
    if one.name == "NULL":
        return other
    if other.name == "NULL" or one == other:
        return one
    if family(one) != family(other):
        return None
    if family(one) == "number":
        if one.name in FLOATS or other.name in FLOATS:
            return DOUBLE
        if one.name in INTEGERS and other.name in INTEGERS:
            return max(one, other, key=lambda each: BITS[each.name])
        a, b = decimal(one), decimal(other)
        scale = max(a.s or 0, b.s or 0)
        whole = max((a.p or 0) - (a.s or 0), (b.p or 0) - (b.s or 0))
        return Type("DECIMAL", min(WIDEST, whole + scale), scale)
    if family(one) == "text":
        return STRING
    return one if one.name in TIMES and one.name == other.name else None


def arithmetic(op: str, one: Type, other: Type) -> Type | None:
    """The type of `one op other` for numbers, by Flink's rules; None where it is wider than 38 digits."""
    if one.name in FLOATS or other.name in FLOATS:
        return DOUBLE
    if one.name in INTEGERS and other.name in INTEGERS:
        return other if op == "%" else max(one, other, key=lambda each: BITS[each.name])
    a, b = decimal(one), decimal(other)
    p1, s1, p2, s2 = a.p or 0, a.s or 0, b.p or 0, b.s or 0
    if op == "*":
        p, s = p1 + p2, s1 + s2
    elif op == "/":
        s = max(6, s1 + p2 + 1)
        p = p1 - s1 + s2 + s
        if p > WIDEST:
            whole = p - s
            p, s = WIDEST, max(WIDEST - whole, min(s, 6))
        return Type("DECIMAL", p, s)
    elif op == "%":
        s = max(s1, s2)
        p = min(p1 - s1, p2 - s2) + s
    else:
        s = max(s1, s2)
        p = max(p1 - s1, p2 - s2) + s + 1
    return Type("DECIMAL", p, s) if p <= WIDEST else None


def fits(given: Type, to: Type) -> bool:
    """Whether Flink writes this into that without a CAST: numbers widen."""
    if given.name == "NULL":
        return True
    if given.of or to.of:
        return (
            given.name == to.name
            and len(given.of) == len(to.of)
            and all(fits(one, other) for (_, one), (_, other) in zip(given.of, to.of, strict=True))
        )
    if family(given) != family(to):
        return False
    if family(given) == "number":
        if given.name == "DECIMAL" and to.name == "DECIMAL":
            return True
        return _WIDTHS.index(given.name) <= _WIDTHS.index(to.name)
    return True


def literal(text: str) -> str:
    """A string in DuckDB's SQL."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name in DuckDB's SQL."""
    return '"' + name.replace('"', '""') + '"'


MACROS = """
CREATE OR REPLACE MACRO wrap(v, bits) AS
  (((v + (1::HUGEINT << (bits - 1))) % (1::HUGEINT << bits) + (1::HUGEINT << bits)) % (1::HUGEINT << bits))
  - (1::HUGEINT << (bits - 1));
CREATE OR REPLACE MACRO unscaled(v) AS CAST(replace(CAST(v AS VARCHAR), '.', '') AS HUGEINT);
CREATE OR REPLACE MACRO divided(n, d) AS
  CASE WHEN d = 0 THEN NULL ELSE
  (CASE WHEN (n < 0) <> (d < 0) THEN -1 ELSE 1 END)::HUGEINT * ((2::HUGEINT * abs(n) + abs(d)) // (2::HUGEINT * abs(d))) END;
CREATE OR REPLACE MACRO digits(v, s) AS
  lpad(CAST(abs(v) AS VARCHAR), CAST(greatest(s + 1, length(CAST(abs(v) AS VARCHAR))) AS INTEGER), '0');
CREATE OR REPLACE MACRO pointed(v, s) AS
  (CASE WHEN v < 0 THEN '-' ELSE '' END) || left(digits(v, s), -s) || '.' || right(digits(v, s), s);
CREATE OR REPLACE MACRO java_mantissa(d) AS
  left(d, 1) || '.' || (CASE WHEN length(d) > 1 THEN substring(d, 2) ELSE '0' END);
CREATE OR REPLACE MACRO java_scientific(t) AS CASE
  WHEN contains(t, 'e') THEN java_mantissa(replace(split_part(t, 'e', 1), '.', '')) || 'E' || CAST(CAST(split_part(t, 'e', 2) AS INTEGER) AS VARCHAR)
  WHEN left(t, 2) = '0.' THEN java_mantissa(ltrim(substring(t, 3), '0')) || 'E-' || CAST(length(t) - length(ltrim(substring(t, 3), '0')) - 1 AS VARCHAR)
  ELSE java_mantissa(rtrim(replace(t, '.', ''), '0')) || 'E' || CAST(length(split_part(t, '.', 1)) - 1 AS VARCHAR) END;
CREATE OR REPLACE MACRO java_double(v) AS CASE
  WHEN isnan(v) THEN 'NaN' WHEN isinf(v) THEN (CASE WHEN v < 0 THEN '-' ELSE '' END) || 'Infinity'
  WHEN v = 0 OR (abs(v) >= 0.001 AND abs(v) < 10000000) THEN CAST(v AS VARCHAR)
  ELSE (CASE WHEN v < 0 THEN '-' ELSE '' END) || java_scientific(CAST(abs(v) AS VARCHAR)) END;
SET error_on_division_by_zero = false;
"""
"""What the SQL made here needs of a connection. Whole numbers wrap around as Java's do."""
