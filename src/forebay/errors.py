"""Every error forebay raises on purpose.

    ForebayError            code, message, where, why, fix; exit code 1
    ├── UsageError          the caller's words are off (exit 2, HTTP 400)
    ├── NoServer            no running system where one is needed (exit 3)
    ├── DataRejected        the input was understood and refused (exit 4, HTTP 400)
    ├── Unavailable         not now, try again (HTTP 503 with Retry-After)
    ├── Throttled           too much at once (HTTP 429 with Retry-After)
    ├── NotFound            no such resource (HTTP 404)
    └── QueryFailed         SQL that cannot run: line, column, hint (HTTP 400)

An error says what failed (code), where, why and how to mend it; the CLI and the HTTP API print the
same parts.
"""

from __future__ import annotations

from typing import Any, ClassVar


class ForebayError(Exception):
    """A failure with a stable `code`, a human `message`, and where known the place, reason and fix."""

    exit_code: ClassVar[int] = 1
    status: ClassVar[int] = 500

    def __init__(
        self,
        code: str,
        message: str,
        *,
        where: str | None = None,
        why: str | None = None,
        fix: str | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.where = where
        self.why = why
        self.fix = fix
        self.extra = extra

    def to_dict(self) -> dict[str, Any]:
        """The error's parts, without those that are absent: what JSON output and sockets carry."""
        parts: dict[str, Any] = {"code": self.code, "message": self.message}
        for name in ("where", "why", "fix"):
            value = getattr(self, name)
            if value is not None:
                parts[name] = value
        if self.extra:
            parts.update(self.extra)
        return parts

    @staticmethod
    def from_dict(kind: str, parts: dict[str, Any]) -> ForebayError:
        """Rebuild an error that crossed a socket; an unknown kind becomes a plain ForebayError."""
        known: list[type[ForebayError]] = [ForebayError, *ForebayError.__subclasses__()]
        cls = next((cls for cls in known if cls.__name__ == kind), ForebayError)
        rest = dict(parts)
        return cls(rest.pop("code", "Internal"), rest.pop("message", ""), **rest)


class UsageError(ForebayError):
    """The caller's words are off: an unknown name, an impossible combination of options."""

    exit_code = 2
    status = 400


class NoServer(ForebayError):
    """A running system is needed and none answers."""

    exit_code = 3
    status = 503


class DataRejected(ForebayError):
    """The input was read and refused; nothing of it was kept."""

    exit_code = 4
    status = 400


class Unavailable(ForebayError):
    """Not possible now (disk nearly full, a process restarting); safe to try again."""

    status = 503


class Throttled(ForebayError):
    """Refused to keep within a stated bound; safe to try again after `retry_after` seconds."""

    status = 429


class NotFound(ForebayError):
    """The named resource does not exist."""

    status = 404


class QueryFailed(ForebayError):
    """SQL that cannot run. `extra` may hold `line` and `column` (from 1) and `hint`."""

    status = 400


class ClientGone(RuntimeError):
    """Nobody sends the rest of a request's body, or waits for that of the answer: no failure of ours."""


def code_of(error: Exception) -> str:
    """An error's code; of one that is not raised on purpose, its kind."""
    return error.code if isinstance(error, ForebayError) else type(error).__name__
