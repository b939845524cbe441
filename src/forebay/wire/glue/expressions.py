"""Regular expressions that callers give, over names: matched in linear time, whatever they are.

Python's own engine backtracks, so that one expression could hold up the front for good.
"""

from __future__ import annotations

import re

import jsonschema_rs

from forebay.wire.glue.base import invalid

MOST = 2048


class Expression:
    """An expression that a whole name has to match. Raises ValueError for what is none."""

    def __init__(self, text: str, *, ignore_case: bool = False) -> None:
        flags = "(?is)" if ignore_case else "(?s)"
        try:
            self._validator = jsonschema_rs.validator_for(
                {"pattern": f"{flags}^(?:{text})$"}, pattern_options=jsonschema_rs.RegexOptions()
            )
        except jsonschema_rs.ValidationError:
            raise ValueError(f"{text} is no regular expression") from None

    def matches(self, name: str) -> bool:
        """Does all of the name match?"""
        return self._validator.is_valid(name)


def table_expression(text: str) -> Expression:
    """GetTables' Expression, in which a lone `*` is a wildcard too. Raises InvalidInputException."""
    if len(text) > MOST:
        raise invalid(f"Expression is longer than {MOST} characters")
    atoms = re.findall(r"\\.|\[(?:\\.|[^\]])*\]|.", text, re.DOTALL)
    parts: list[str] = []
    for index, atom in enumerate(atoms):
        before = atoms[index - 1] if index else ""
        repeats = len(before) > 1 or before in (".", ")")
        parts.append(".*" if atom == "*" and not repeats else atom)
    try:
        return Expression("".join(parts), ignore_case=True)
    except ValueError:
        raise invalid(f"Invalid expression {text}") from None


def java_expression(text: str) -> Expression:
    """A regular expression as Java writes it, with `\\Q...\\E`. Raises InvalidInputException."""
    parts = re.split(r"\\Q(.*?)(?:\\E|$)", text, flags=re.DOTALL)
    try:
        return Expression("".join(re.escape(part) if at % 2 else part for at, part in enumerate(parts)))
    except ValueError:
        raise invalid(f"Invalid pattern syntax: {text}") from None
