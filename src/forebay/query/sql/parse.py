"""The first wall, part one: exactly one statement of a permitted kind, and where everything stands in it.

The text is cut into Trino's tokens; each call of a function is renamed to `athena__<name>` before parsing,
so that the parser gives none of them a meaning of its own. What a function means, and whether it may be
called at all, is decided in one place: `functions.FUNCTIONS`.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Any

from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from forebay.errors import QueryFailed
from forebay.query.sql.normal import PREFIX, normalize

MAX_BYTES = 262_144
"""Athena's longest query string."""

# Words that may stand before `(` without being a function, or that are functions with a syntax of their own.
_KEPT = frozenset(
    [
        "all",
        "and",
        "any",
        "array",
        "as",
        "asc",
        "between",
        "by",
        "case",
        "cast",
        "coalesce",
        "cube",
        "desc",
        "distinct",
        "else",
        "end",
        "escape",
        "except",
        "exists",
        "extract",
        "fetch",
        "first",
        "following",
        "for",
        "from",
        "full",
        "group",
        "grouping_sets",
        "having",
        "if",
        "in",
        "inner",
        "intersect",
        "is",
        "join",
        "lateral",
        "left",
        "limit",
        "like",
        "listagg",
        "natural",
        "next",
        "not",
        "nullif",
        "offset",
        "on",
        "or",
        "order",
        "outer",
        "over",
        "partition",
        "position",
        "preceding",
        "range",
        "recursive",
        "right",
        "rollup",
        "row",
        "rows",
        "select",
        "sets",
        "some",
        "tablesample",
        "then",
        "trim",
        "try_cast",
        "unbounded",
        "union",
        "unnest",
        "using",
        "values",
        "when",
        "where",
        "window",
        "with",
        "within",
        "bernoulli",
        "system",
        "table",
        "substring",
        "materialized",
        "varchar",
        "char",
        "decimal",
        "numeric",
        "timestamp",
        "time",
        "varbinary",
        "double",
    ]
) - {"left", "right"}
_NOT_CALLS_AFTER = {"AS", "TABLESAMPLE", "ORDINALITY"}
_ENDS_OF_OPERANDS = {TokenType.R_PAREN, TokenType.IDENTIFIER, TokenType.R_BRACKET}
_KEYWORDS_BEFORE_CALLS = frozenset(
    [
        "select",
        "distinct",
        "where",
        "and",
        "or",
        "not",
        "on",
        "having",
        "by",
        "when",
        "then",
        "else",
        "in",
        "between",
        "like",
        "escape",
        "is",
        "all",
        "any",
        "some",
        "case",
        "limit",
        "offset",
        "from",
        "join",
        "using",
        "interval",
        "union",
        "except",
        "intersect",
        "values",
        "with",
        "recursive",
        "over",
        "cross",
        "exists",
        "ilike",
    ]
)
_VERBS = {
    "SELECT": "query",
    "WITH": "query",
    "VALUES": "query",
    "TABLE": "query",
    "(": "query",
    "SHOW": "show",
    "DESCRIBE": "describe",
    "DESC": "describe",
    "EXPLAIN": "explain",
}

_dialect = Trino()


@dataclass(slots=True)
class Statement:
    """One parsed statement: `kind` is query, show, describe or explain; `tree` is set for the first and last."""

    kind: str
    text: str
    tokens: list[Token]
    tree: exp.Query | None = None
    options: Any = None

    def place(self, name: str, *, after: str | None = None) -> tuple[int, int] | None:
        """Line and column (from 1) where the identifier `name` first stands (behind `after.`, if given)."""
        wanted = name.lower()
        for i, token in enumerate(self.tokens):
            text = token.text.removeprefix(PREFIX).lower()
            if text != wanted or token.token_type in (TokenType.STRING, TokenType.NUMBER):
                continue
            if after is not None:
                if i < 2 or self.tokens[i - 1].token_type != TokenType.DOT:
                    continue
                if self.tokens[i - 2].text.lower() != after.lower():
                    continue
                token = self.tokens[i - 2]  # noqa: PLW2901 - Trino points at the start of `t.x`
            return locate(self.text, token.start)
        return self.place(name) if after is not None else None


def locate(text: str, offset: int) -> tuple[int, int]:
    """Line and column (from 1) of a character."""
    line = text.count("\n", 0, offset) + 1
    return line, offset - text.rfind("\n", 0, offset)


def failed(code: str, message: str, place: tuple[int, int] | None, **more: Any) -> QueryFailed:
    """A QueryFailed in Athena's words: `CODE: line 1:8: message`."""
    where = f"line {place[0]}:{place[1]}: " if place else ""
    if place:
        more |= {"line": place[0], "column": place[1]}
    return QueryFailed(code, f"{code}: {where}{message}", **{k: v for k, v in more.items() if v is not None})


def parse(text: str) -> Statement:
    """Read one statement. Raises QueryFailed `SYNTAX_ERROR` or `NOT_SUPPORTED`, with the place."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise failed("SYNTAX_ERROR", "the query is not Unicode text", (1, 1)) from None
    if size > MAX_BYTES:
        raise failed("SYNTAX_ERROR", f"a query may be at most {MAX_BYTES} bytes long", None)
    tokens = _tokens(text)
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens.pop()
    if not tokens:
        raise failed("SYNTAX_ERROR", "the query is empty", (1, 1))
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            raise failed("SYNTAX_ERROR", "Only one sql statement is allowed", locate(text, token.start))
    verb = tokens[0].text.upper()
    kind = _VERBS.get(verb)
    if kind is None:
        known = verb in ("INSERT", "CREATE", "DROP", "ALTER", "DELETE", "UPDATE", "MERGE", "UNLOAD", "MSCK")
        code = "NOT_SUPPORTED" if known else "SYNTAX_ERROR"
        raise failed(
            code,
            f"{verb} is not a query" if known else f"mismatched input '{tokens[0].text}'",
            locate(text, tokens[0].start),
            fix="a query is SELECT, WITH, VALUES, SHOW, DESCRIBE or EXPLAIN",
        )
    statement = Statement(kind, text, tokens)
    if kind == "query":
        statement.tree = _tree(text, tokens)
    elif kind == "explain":
        inner, skipped = _explained(text)
        statement.tokens = [*tokens[:1], *(_tokens(inner) if inner.strip() else [])]
        rest = statement.tokens[1:]
        if not rest or _VERBS.get(rest[0].text.upper()) != "query":
            raise failed("SYNTAX_ERROR", "EXPLAIN takes a query", locate(text, skipped))
        statement.tree = _tree(text, rest)
    return statement


def _tokens(text: str) -> list[Token]:
    try:
        found = list(_dialect.tokenize(text))
    except TokenError as error:
        raise failed("SYNTAX_ERROR", _first_line(str(error)), (1, 1)) from None
    return _whole_numbers(found)


def _whole_numbers(tokens: list[Token]) -> list[Token]:
    """`10_000` is one number; the tokenizer would make `10 AS _000` of it."""
    kept: list[Token] = []
    for token in tokens:
        last = kept[-1] if kept else None
        joined = last is not None and last.token_type == TokenType.NUMBER and token.start == last.end + 1
        if (
            joined
            and token.token_type == TokenType.VAR
            and re.fullmatch(r"(_\d+)+", token.text)
            and last is not None
        ):
            last.text += token.text.replace("_", "")
            last.end = token.end
            continue
        kept.append(token)
    return kept


def _explained(text: str) -> tuple[str, int]:
    """What EXPLAIN is to explain, its places kept by blanks, and where it begins."""
    head = re.match(
        r"\s*explain(\s+(analyze|verbose)\b)*(\s*\((\s*(type|format)\s+\w+\s*,?)+\))?", text, re.IGNORECASE
    )
    end = head.end() if head else 0
    return re.sub(r"[^\n]", " ", text[:end]) + text[end:].rstrip().rstrip(";"), end


def _tree(text: str, tokens: list[Token]) -> exp.Query:
    _name_calls(tokens)
    if sys.getrecursionlimit() < 5000:
        sys.setrecursionlimit(5000)  # the parser uses some twenty frames a level of nesting
    try:
        found = _dialect.parser().parse(tokens, text)
    except ParseError as error:
        raise _syntax(text, tokens, error) from None
    except RecursionError:
        raise failed("SYNTAX_ERROR", "the query is nested too deep", (1, 1)) from None
    except (ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        raise failed("SYNTAX_ERROR", f"the query cannot be read ({error})", (1, 1)) from None
    tree = normalize(found[0]) if len(found) == 1 and found[0] is not None else None
    if isinstance(tree, exp.Subquery) and not tree.alias:
        tree = exp.Select(expressions=[exp.Star()]).from_(tree) if not _bare(tree) else tree.unnest()
    if isinstance(tree, exp.Values):
        tree = _named(tree)
    if not isinstance(tree, exp.Query):
        raise failed("SYNTAX_ERROR", "this is not a query", locate(text, tokens[0].start))
    return tree


def _named(tree: exp.Values) -> exp.Select:
    """VALUES as a query: its columns are `_col<n>`."""
    first = tree.expressions[0] if tree.expressions else None
    width = len(first.expressions) if isinstance(first, exp.Tuple) else 1
    columns = [exp.to_identifier(f"_col{i}") for i in range(width)]
    inner = tree.copy()
    inner.set("alias", exp.TableAlias(this=exp.to_identifier("fb_values"), columns=columns))
    return exp.Select(expressions=[exp.Star()]).from_(inner)


def _bare(tree: exp.Subquery) -> bool:
    return not any(value for key, value in tree.args.items() if key != "this")


def _name_calls(tokens: list[Token]) -> None:
    """Rename the functions that are called, in place."""
    skip_to = -1
    for i in range(len(tokens) - 1):
        if i < skip_to:
            continue
        token = tokens[i]
        if tokens[i + 1].token_type != TokenType.L_PAREN:
            continue
        if token.token_type in (TokenType.STRING, TokenType.NUMBER, TokenType.IDENTIFIER):
            continue
        word = token.text.lower()
        before = tokens[i - 1] if i else None
        if before is not None:
            if before.text.upper() in _NOT_CALLS_AFTER and before.token_type != TokenType.IDENTIFIER:
                skip_to = _close(tokens, i + 1)  # a type, or the columns of an alias
                continue
            if before.token_type in _ENDS_OF_OPERANDS:
                continue  # an alias with columns, FILTER (...), OVER (...)
            if before.token_type == TokenType.VAR and before.text.lower() not in _KEYWORDS_BEFORE_CALLS:
                continue
        if word in _KEPT or not re.fullmatch(r"[a-z_][a-z0-9_]*", word):
            continue
        end = _close(tokens, i + 1)
        if end + 1 < len(tokens) and tokens[end].text.upper() == "AS" and tokens[end + 1].text == "(":
            continue  # WITH a(x) AS (
        token.text = PREFIX + word
        token.token_type = TokenType.VAR


def _close(tokens: list[Token], at: int) -> int:
    """The index after the parenthesis that closes the one at `at`."""
    steps = {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}
    depth = 0
    for i in range(at, len(tokens)):
        depth += steps.get(tokens[i].token_type, 0)
        if depth == 0:
            return i + 1
    return len(tokens)


def _syntax(text: str, tokens: list[Token], error: ParseError) -> QueryFailed:
    parts: dict[str, Any] = dict(error.errors[0]) if error.errors else {}
    line, column = int(parts.get("line") or 1), int(parts.get("col") or 1)
    token = next((t for t in tokens if t.line == line and t.col == column), tokens[-1])
    shown = text[token.start : token.end + 1]
    why = _first_line(str(parts.get("description") or error)).rstrip(".").replace(PREFIX, "")
    why = why.partition(" but got <Token")[0]
    if why.startswith("Required keyword"):  # in words of the parser's own
        why = "Something is missing here"
    return failed("SYNTAX_ERROR", f"mismatched input '{shown}'. {why}", locate(text, token.start))


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "cannot be read"
