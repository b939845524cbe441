"""Building blocks of expressions: what the translations of functions are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

Args = Sequence[exp.Expr]


Builder = Callable[[Args], exp.Expr]


class Arity(Exception):
    """Wrong number or kind of arguments; the message says what is expected."""


def call(name: str, *args: exp.Expr) -> exp.Expr:
    """A call of a DuckDB function or macro."""
    return exp.Anonymous(this=name, expressions=list(args))


def text(value: str) -> exp.Expr:
    """An SQL string."""
    return exp.Literal.string(value)


def number(value: int) -> exp.Expr:
    """An SQL integer."""
    return exp.Literal.number(str(value)) if value >= 0 else exp.Neg(this=exp.Literal.number(str(-value)))


def need(args: Args, least: int, most: int | None = None) -> None:
    """Raise Arity unless the number of arguments is as Trino has it."""
    if not least <= len(args) <= (most or least):
        expected = str(least) if most in (None, least) else f"{least} to {most}"
        raise Arity(f"expects {expected} arguments, not {len(args)}")


def swap(function: exp.Lambda, swaps: dict[str, exp.Expr]) -> exp.Expr:
    """The function's body with its parameters replaced."""
    wanted = {name.lower(): value for name, value in swaps.items()}
    holder = exp.Paren(this=function.this)
    for found in list(holder.find_all(exp.Identifier)):
        swap = wanted.get(str(found.this).lower())
        if swap is None or isinstance(found.parent, (exp.Column, exp.TableAlias)):
            continue
        if isinstance(found.parent, exp.Dot) and found.parent.expression is found:
            continue
        found.replace(swap.copy())
    return holder
