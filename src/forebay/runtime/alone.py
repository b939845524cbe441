"""Work that needs a state to itself: done here where no system runs, else by the running one's supervisor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from forebay.layout import Layout
from forebay.runtime.lock import Lock, holder
from forebay.runtime.requests import ask


def alone_or_asked(layout: Layout, work: Callable[[], object], **request: Any) -> None:
    """Do `work` under the state's lock, or have `request` done.

    Raises what either raises.
    """
    if holder(layout) is not None:
        ask(layout, **request)
        return
    layout.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = Lock(layout)
    lock.take()
    try:
        work()
    finally:
        lock.release()
