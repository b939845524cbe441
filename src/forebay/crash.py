"""A crash is an input like any other: the process kills itself at a named point, when a test asks it to.

`FOREBAY_CRASH_AT=<point>[:<nth>]` in the environment makes the nth passage (the first, unless said) of
`crash_point("<point>")` a SIGKILL of the own process. Unset, which is always outside of tests, a point
costs a comparison.
"""

from __future__ import annotations

import os
import signal

_point, _, _nth = os.environ.get("FOREBAY_CRASH_AT", "").partition(":")
_left = int(_nth or 1)


def crash_point(name: str) -> None:
    """Die here if this is the passage that the test chose."""
    global _left  # noqa: PLW0603 - one process, one crash
    if name == _point:
        _left -= 1
        if _left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
