"""How long two definitions are compared: they may be as intricate as their authors like, and an answer is due."""

from __future__ import annotations

from collections.abc import Iterator

MOST_STEPS = 100_000


def counted() -> Iterator[int]:
    """One for each comparison. Raises RecursionError when two definitions are too intricate to be called compatible."""
    yield from range(MOST_STEPS)
    raise RecursionError
