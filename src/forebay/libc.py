"""What Python does not offer of the C library."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
KEPT = 64 << 20
"""Bytes that a heap keeps of what was given back, at its end."""
_LARGE = 32 << 20  # the most that glibc takes


@cache
def function(name: str, *takes: type) -> Callable[..., int] | None:
    """A function of the C library; None where it has none of this name."""
    with contextlib.suppress(OSError, AttributeError):
        call = getattr(ctypes.CDLL(None, use_errno=True), name)
        call.argtypes = takes
        found: Callable[..., int] = call
        return found
    return None


def reuse_memory() -> None:
    """Have this process use again what it gave back, up to 32 MiB at once, rather than ask the system each time.

    Fresh memory comes page by page, each a fault: for who reads and writes pieces of some MiB, one after the other, a
    seventh of all it does. The source is mallopt's manual page; where the C library is not glibc, nothing changes.
    """
    call = function("mallopt", ctypes.c_int, ctypes.c_int)
    if call is not None:
        call(_MMAP_THRESHOLD, _LARGE)
        call(_TRIM_THRESHOLD, KEPT)
