"""JSON in Flink SQL: JSON_VALUE, JSON_QUERY, JSON_EXISTS, IS JSON, as DuckDB's.

Paths are those of Flink without filters: `$.a.b`, `$['a b']`, `$[0]`, and with `[*]` or `.*` in JSON_QUERY and JSON_EXISTS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from forebay.streamsql.casts import cast
from forebay.streamsql.nodes import JsonCall, Type
from forebay.streamsql.types import BOOLEAN, STRING, Made, Typed, duck, literal

_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\['([^']*)'\]|\[\"([^\"]*)\"\]|\[(\d+)\]|(\[\*\]|\.\*)")


@dataclass(frozen=True, slots=True)
class Path:
    """DuckDB's path; `strict` unless it begins with `lax`; `many` if it may lead to several."""

    sql: str
    strict: bool
    many: bool


def path_of(given: str) -> Path | None:
    """A path as DuckDB writes it; None if it has what does not run here."""
    mode = re.match(r"\s*(lax|strict)\s+", given)
    text = given[mode.end() :] if mode else given.strip()
    if not text.startswith("$"):
        return None
    at, out, many = 1, "$", False
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            return None
        name = next((each for each in step.groups()[:3] if each is not None), None)
        if name is not None:
            if '"' in name or "\\" in name:
                return None
            out += f'."{name}"'
        elif step[4] is not None:
            out += f"[{step[4]}]"
        else:
            out, many = out + step[5], True
        at = step.end()
    return Path(literal(out), mode is None or mode[1] == "strict", many)


def is_json(value: str, kind: str, negated: bool) -> str:
    """`IS [NOT] JSON kind`; a NULL is no JSON."""
    found = {
        "VALUE": "true",
        "SCALAR": "json_type({0}) NOT IN ('OBJECT', 'ARRAY')",
        "ARRAY": "json_type({0}) = 'ARRAY'",
        "OBJECT": "json_type({0}) = 'OBJECT'",
    }[kind].format(value)
    made = f"coalesce(CASE WHEN json_valid({value}) THEN TRY({found}) ELSE false END, false)"
    return f"(NOT {made})" if negated else made


class Found:
    """What a path leads to in a text, as SQL that fails for no text."""

    def __init__(self, text: str, path: Path) -> None:
        self.text, self.path = text, path
        self.json = f"TRY(json_extract({text}, {path.sql}))"
        self.type = f"TRY(json_type({self.json}))"
        self.shown = f"TRY({self.json} ->> '$')"
        self.whole = f"CAST({self.json} AS VARCHAR)"

    def case(self, empty: str, error: str, *cases: str) -> str:
        """The outcome: what cannot be read or is missing is an error if strict and empty if lax."""
        gone = error if self.path.strict else empty
        return (
            f"(CASE WHEN {self.text} IS NULL THEN NULL WHEN NOT json_valid({self.text}) THEN {gone} "
            f"WHEN trim({self.text}) = 'null' THEN {error} {' '.join(cases)} END)"
        )


def exists(found: Found, node: JsonCall) -> Made:
    """JSON_EXISTS: an error is FALSE unless ON ERROR says otherwise."""
    error = {"": "false", "FALSE": "false", "TRUE": "true", "UNKNOWN": "NULL"}.get(node.error)
    if error is None or node.empty:
        return f"JSON_EXISTS with {node.error or node.empty} here"
    if found.path.many:
        return found.case("false", error, f"ELSE coalesce(len({found.json}), 0) > 0"), BOOLEAN
    gone = error if found.path.strict else "false"
    return found.case(
        "false", error, f"WHEN {found.type} IS NULL THEN {gone}", f"ELSE {found.type} <> 'NULL'"
    ), BOOLEAN


def value(found: Found, node: JsonCall, empty: Typed | None, error: Typed | None) -> Made:
    """JSON_VALUE: a scalar as text, or of the type after RETURNING."""
    to = node.returning or STRING
    if "ERROR" in (node.empty, node.error):
        return "ERROR in JSON_VALUE, which would stop the query"
    if found.path.many:
        return f"the path {node.path!r} of JSON_VALUE"
    if to.name not in ("VARCHAR", "BOOLEAN", "INT", "DOUBLE"):
        return f"JSON_VALUE RETURNING {to}"
    on_empty, on_error = _default(empty, to), _default(error, to)
    if on_empty is None or on_error is None:
        return f"a DEFAULT of another type than {to}"
    gone = on_error if found.path.strict else on_empty
    none = f"coalesce({found.type}, 'NULL') IN ('NULL', 'OBJECT', 'ARRAY')"
    made = found.shown if to == STRING else cast(found.shown, STRING, to) or found.shown
    return found.case(on_empty, on_error, f"WHEN {none} THEN {gone}", f"ELSE {made}"), to


def _default(given: Typed | None, to: Type) -> str | None:
    if given is None:
        return f"CAST(NULL AS {duck(to)})"
    return cast(given[0], given[1], to)


def query(found: Found, node: JsonCall) -> Made:
    """JSON_QUERY: an object or array as text."""
    if node.returning is not None and node.returning != STRING:
        return f"JSON_QUERY RETURNING {node.returning}"
    edges = {"": "NULL", "NULL": "NULL", "EMPTY ARRAY": "'[]'", "EMPTY OBJECT": "'{}'"}
    if node.empty not in edges or node.error not in edges:
        return f"{node.error or node.empty} in JSON_QUERY, which would stop the query"
    on_empty, on_error = edges[node.empty], edges[node.error]
    gone = on_error if found.path.strict else on_empty
    if found.path.many:
        if ".*" in found.path.sql:
            return f"the path {node.path!r} of JSON_QUERY"
        shown = f"CAST(to_json({found.json}) AS VARCHAR)"
        wrapped = f"'[' || {shown} || ']'" if node.wrapper == "UNCONDITIONAL" else shown
        none = f"coalesce(len({found.json}), 0) = 0"
        return found.case(on_empty, on_error, f"WHEN {none} THEN {on_empty}", f"ELSE {wrapped}"), STRING
    cases = [f"WHEN coalesce({found.type}, 'NULL') = 'NULL' THEN {gone}"]
    if node.wrapper == "CONDITIONAL":
        cases.append(f"WHEN {found.type} = 'ARRAY' THEN {found.whole}")
    elif not node.wrapper:
        cases.append(f"WHEN {found.type} NOT IN ('OBJECT', 'ARRAY') THEN {gone}")
    cases.append(f"ELSE '[' || {found.whole} || ']'" if node.wrapper else f"ELSE {found.whole}")
    return found.case(on_empty, on_error, *cases), STRING


def call(text: str, node: JsonCall, empty: Typed | None, error: Typed | None) -> Made:
    """Any of them; as text what of it does not run here."""
    path = path_of(node.path)
    if path is None:
        return f"the path {node.path!r} of {node.name}"
    found = Found(text, path)
    if node.name == "JSON_EXISTS":
        return exists(found, node)
    if node.name == "JSON_QUERY":
        return query(found, node)
    return value(found, node, empty, error)
