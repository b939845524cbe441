"""A progress bar on stderr, where that is a terminal; nothing otherwise. rich is imported for it only."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any


class Bar:
    """Shows how far something is. `total` None: how much there is is not known."""

    def __init__(self, title: str, total: float | None) -> None:
        self._title = title
        self._total = total
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> Bar:
        if sys.stderr.isatty():
            from rich.console import Console  # noqa: PLC0415 - see above
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[said]}"),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._progress.start()
            self._task = self._progress.add_task(self._title, total=self._total, said="")
        return self

    def show(self, done: float, said: str) -> None:
        """So much of the total is done, and what to say beside it."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done, said=said)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
