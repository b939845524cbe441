"""Why a value does not do."""

from __future__ import annotations


class Unfit(ValueError):
    """A value that its field cannot take."""

    def __init__(self, message: str, *, why: str | None = None, fix: str | None = None) -> None:
        super().__init__(message)
        self.why = why
        self.fix = fix
