"""The audit log: every decision of the policies, and who changed what; JSON lines, no secrets.

`logs/audit.log` has what was refused, denied and changed; what was allowed is in `logs/audit-allowed.log`, so
that a busy client's many lines do not push out the few that matter.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import orjson

from forebay.clock import iso, now_us

LARGEST = 16 << 20
"""Bytes; the file is then `audit.log.1`, and a new one begun."""


class Audit:
    """Appends to `path`, and to another file beside it what was allowed; readable by their owner only."""

    def __init__(self, path: Path) -> None:
        self._file = _File(path)
        self._allowed = _File(path.with_name(f"{path.stem}-allowed{path.suffix}"))

    def note(
        self,
        principal: str,
        action: str,
        resource: str,
        decision: Literal["refused", "denied", "changed", "allowed"],
        request_id: str,
        *,
        client: str = "",
        why: str = "",
    ) -> None:
        """One line. A full disk loses the line, not the request."""
        line = {
            "time": iso(now_us()),
            "principal": principal,
            "action": action,
            "resource": resource[:2048],
            "decision": decision,
            "request_id": request_id,
            "client": client,
        }
        if why:
            line["why"] = why
        (self._allowed if decision == "allowed" else self._file).write(orjson.dumps(line) + b"\n")

    def close(self) -> None:
        """Let the files go."""
        self._file.close()
        self._allowed.close()


class _File:
    """Opened at the first line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._size = 0

    def write(self, raw: bytes) -> None:
        try:
            if self._fd < 0 or self._size > LARGEST:
                self._open()
            self._size += os.write(self._fd, raw)
        except OSError:
            return

    def _open(self) -> None:
        if self._fd >= 0:
            self.close()
            self._path.replace(self._path.with_name(self._path.name + ".1"))
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._fd).st_size

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
