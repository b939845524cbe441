"""The audit log: who was refused what, and who changed what; JSON lines in `logs/audit.log`, no secrets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import orjson

from forebay.clock import iso, now_us

LARGEST = 16 << 20
"""Bytes; the file is then `audit.log.1`, and a new one begun."""


class Audit:
    """Appends to one file, readable by its owner only. Opened at the first line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._size = 0

    def note(
        self,
        principal: str,
        action: str,
        resource: str,
        decision: Literal["refused", "denied", "changed"],
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
        raw = orjson.dumps(line) + b"\n"
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
        """Let the file go."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
