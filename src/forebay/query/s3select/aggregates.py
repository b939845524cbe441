"""The five aggregates, each of the values that are there."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from forebay.query.s3select.errors import refused
from forebay.query.s3select.values import EXACT, absent, is_number, order, reckoned


class Accumulator:
    """One aggregate under way."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._count = 0
        self._value: Any = None

    def add(self, value: Any) -> None:
        """One more value. Raises QueryFailed for what cannot be added, or compared."""
        if absent(value):
            return
        self._count += 1
        if self.name == "count":
            return
        if self.name in ("sum", "avg"):
            if not is_number(value):
                raise refused("IncorrectSqlFunctionArgumentType", f"{self.name.upper()} is of numbers.")
            self._value = value if self._value is None else reckoned("+", self._value, value)
            return
        if self._value is None:
            self._value = value
            return
        found = order(value, self._value)
        if found is None:
            raise refused(
                "IncorrectSqlFunctionArgumentType", f"{self.name.upper()} is of values of one type."
            )
        if found < 0 if self.name == "min" else found > 0:
            self._value = value

    def result(self) -> Any:
        """What it comes to; None of nothing, but for a count."""
        if self.name == "count":
            return self._count
        if self.name != "avg" or self._value is None:
            return self._value
        if isinstance(self._value, float):
            return self._value / self._count
        return EXACT.divide(Decimal(self._value), Decimal(self._count))
