"""The parsed tree in a form that says what the text said, before anything is made of it."""

from __future__ import annotations

from sqlglot import exp

PREFIX = "athena__"
SUBSCRIPT = PREFIX + "[]"
"""The name under which `x[i]` goes on; nobody can write it."""
_QUANTIFIERS: dict[str, type[exp.Expr]] = {"all": exp.All, "any": exp.Any, "some": exp.Any}


def normalize(tree: exp.Expr) -> exp.Expr:
    """Undo what the parser decided for us; the same tree, or what takes its place."""
    for node in reversed(list(tree.dfs())):
        fresh: exp.Expr | None = None
        if isinstance(node, exp.Bracket) and len(node.expressions) == 1:
            fresh = _subscript(node)
        elif isinstance(node, exp.Anonymous) and str(node.this).lower() in _QUANTIFIERS:
            fresh = _quantified(node)
        if fresh is None:
            continue
        if node is tree:
            tree = fresh
        else:
            node.replace(fresh)
    return tree


def _subscript(node: exp.Bracket) -> exp.Expr:
    """The parser counts some subscripts from 0 (those of what may be an array, by what is a whole number)."""
    index = node.expressions[0]
    subject = node.this
    array = subject.type is None or subject.type.this in (exp.DType.UNKNOWN, exp.DType.ARRAY)
    shifted = array and index.type is None  # what it leaves alone it has given a type
    if shifted and isinstance(index, exp.Literal):
        index = exp.Literal.number(str(int(str(index.this)) + 1))
    elif shifted and isinstance(index, exp.Neg) and isinstance(index.this, exp.Literal):
        value = 1 - int(str(index.this.this))
        index = (
            exp.Literal.number(str(value)) if value >= 0 else exp.Neg(this=exp.Literal.number(str(-value)))
        )
    elif shifted:
        index = exp.Add(this=exp.Paren(this=index.copy()), expression=exp.Literal.number("1"))
    return exp.Anonymous(this=SUBSCRIPT, expressions=[subject.copy(), index.copy()])


def _quantified(node: exp.Anonymous) -> exp.Expr | None:
    """`> ALL (VALUES ..)`, which the parser takes for a call."""
    values = node.expressions[0] if len(node.expressions) == 1 else None
    if not isinstance(values, exp.Values):
        return None
    inner = values.copy()
    inner.set(
        "alias", exp.TableAlias(this=exp.to_identifier("fb_values"), columns=[exp.to_identifier("fb_value")])
    )
    select = exp.Select(expressions=[exp.column("fb_value")]).from_(inner)
    return _QUANTIFIERS[str(node.this).lower()](this=exp.Subquery(this=select))
