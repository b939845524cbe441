"""What goes wrong with a table or an item, in the words that clients of such tables match on.

ForebayError
├── Invalid            the request cannot be right, whatever the table holds
├── NoTable            there is no such table
├── TableThere         there is one of this name already
├── ConditionFailed    the item is not as the caller wants it; `item` is how it is
├── Cancelled          a transaction did not happen; `reasons` has one entry an action
└── TokenReused        a transaction's token came again with other actions
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from forebay.errors import ForebayError


class Invalid(ForebayError):
    """The request cannot be right, whatever the table holds."""

    status: ClassVar[int] = 400

    def __init__(self, message: str) -> None:
        super().__init__("InvalidRequest", message)


class NoTable(ForebayError):
    """There is no such table."""

    status: ClassVar[int] = 404

    def __init__(self, name: str) -> None:
        super().__init__("NoSuchTable", f"there is no table {name}")
        self.name = name


class ConditionFailed(ForebayError):
    """The item is not as the caller wants it. `item` is how it is, None if it is not there."""

    status: ClassVar[int] = 400

    def __init__(self, item: dict[str, dict[str, Any]] | None) -> None:
        super().__init__("ConditionFailed", "The conditional request failed")
        self.item = item


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one action of a transaction could not be done; `code` is None for one that could."""

    code: str | None = None
    message: str = ""
    item: dict[str, dict[str, Any]] | None = None


class Cancelled(ForebayError):
    """A transaction did not happen; `reasons` has one entry an action."""

    status: ClassVar[int] = 400

    def __init__(self, reasons: list[Reason]) -> None:
        codes = ", ".join(reason.code or "None" for reason in reasons)
        super().__init__(
            "TransactionCancelled",
            f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        )
        self.reasons = reasons


class TokenReused(ForebayError):
    """A transaction's token came again with other actions."""

    status: ClassVar[int] = 400

    def __init__(self) -> None:
        super().__init__(
            "TokenReused", "The request uses the same client token as another one, but differs from it."
        )
