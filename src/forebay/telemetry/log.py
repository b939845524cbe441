"""A process's log: one JSON object a line in `logs/<role>.log`; what is an error is said on stderr too.

    {"t": "2026-01-31T09:30:00.123456Z", "level": "ERROR", "process": "front", "from": "forebay.streams",
     "text": "...", "pid": 4711, "error": "Traceback ..."}

Written through the standard library's `logging`, which is what every module of forebay and the user's
libraries speak. Files rotate at `MAX_BYTES`; `KEPT` older ones stay.
"""

from __future__ import annotations

import asyncio
import logging
import logging.handlers
import sys
import threading
import types
from pathlib import Path
from typing import Any, TextIO

import msgspec

from forebay.clock import SECOND, iso

MAX_BYTES = 8 << 20
KEPT = 3
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class _Lines(logging.Formatter):
    """A record as one line of JSON; what was passed as `extra` becomes keys of its own."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        parts: dict[str, Any] = {
            "t": iso(int(record.created * SECOND)),
            "level": record.levelname,
            "process": self._role,
            "from": record.name,
            "text": record.getMessage(),
            "pid": record.process,
        }
        parts |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            parts["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(parts, enc_hook=repr).decode()


class _People(logging.Formatter):
    """A record for a terminal: `front: the text`, and the traceback where there is one."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        text = f"{self._role}: {record.getMessage()}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def configure(folder: Path, role: str, *, terminal: TextIO | None = None) -> None:
    """Send this process's log to `folder/<role>.log`, and its errors to `terminal` (stderr) as well.

    Exceptions that nothing caught are logged as errors: in the main thread, in others, and in asyncio
    (through `loud`). Replaces what was configured before.
    """
    lines = logging.handlers.RotatingFileHandler(
        folder / f"{role}.log", maxBytes=MAX_BYTES, backupCount=KEPT, encoding="utf-8", delay=True
    )
    lines.setFormatter(_Lines(role))
    people = logging.StreamHandler(terminal or sys.stderr)
    people.setFormatter(_People(role))
    people.setLevel(logging.ERROR)
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    root.addHandler(lines)
    root.addHandler(people)
    quieten("info")
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def quieten(level: str) -> None:
    """Log nothing below this level (`debug`, `info`, ...); of the libraries nothing below `info` either way."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger("forebay").setLevel(number)
    logging.getLogger().setLevel(max(number, logging.INFO))


def follow(applied: Path) -> None:
    """Log as the applied project says (`telemetry: {level: ...}`); nothing changes where none can be read."""
    try:
        sections = msgspec.json.decode(applied.read_bytes())["sections"]
        (spec,) = (sections.get("telemetry") or {"": {}}).values()
        quieten(str(spec.get("level", "info")))
    except (OSError, ValueError, KeyError, AttributeError) as error:
        logging.getLogger("forebay").debug("the level of logs is not known: %s", error)


def _uncaught(kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("forebay").critical("ended by an error: %r", error, exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    name = args.thread.name if args.thread else "?"
    if args.exc_value is not None:
        logging.getLogger("forebay").error(
            "thread %s ended by an error: %r",
            name,
            args.exc_value,
            exc_info=(args.exc_type, args.exc_value, args.exc_traceback),
        )


def loud(loop: asyncio.AbstractEventLoop) -> None:
    """Log what an asyncio task raised and nobody awaited."""

    def handle(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        logging.getLogger("forebay").error(
            "%s", context.get("message", "an error in a task"), exc_info=context.get("exception")
        )

    loop.set_exception_handler(handle)


def end_logging() -> None:
    """Flush and close the log files (before `os._exit`, and between tests)."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, logging.handlers.RotatingFileHandler) or isinstance(
            handler.formatter, _People
        ):
            root.removeHandler(handler)
            handler.close()
    logging.captureWarnings(False)
    sys.excepthook = sys.__excepthook__
    threading.excepthook = threading.__excepthook__
