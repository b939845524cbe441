"""What is wrong with a project: a code, a place, a reason, a way to mend it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to mend. `line` and `column` count from 1 and are 0 where a file as a whole is meant.

    `file` is relative to the project's folder. An `error` keeps the project from running, a `warning`
    does not.
    """

    code: str
    file: str
    line: int = 0
    column: int = 0
    message: str
    why: str | None = None
    fix: str | None = None
    severity: Literal["error", "warning"] = "error"

    @property
    def place(self) -> str:
        """`forebay.yaml:3:9`, as editors and terminals understand it."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def to_dict(self) -> dict[str, Any]:
        """The finding's parts, without those that are absent."""
        return {key: value for key, value in msgspec.to_builtins(self).items() if value is not None}
