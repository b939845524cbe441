"""Telling those who wait: one call into an event loop for all of a commit's receipts."""

from __future__ import annotations

import asyncio
import contextlib

from forebay.errors import ForebayError
from forebay.streams.commit import Receipt, Result, Submission, Waiter


def again(error: ForebayError) -> ForebayError:
    """A fresh error like `error`: one instance raised in many tasks would grow its traceback without end."""
    parts = error.to_dict()
    return type(error)(parts.pop("code"), parts.pop("message"), **parts)


def deliver(results: list[tuple[Submission, Result]]) -> None:
    """Settle the futures: those of an event loop all in one call into it."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Waiter, Result]]] = {}
    for submission, result in results:
        if submission.loop is None:
            _settle(submission.future, result)
        else:
            by_loop.setdefault(submission.loop, []).append((submission.future, result))
    for loop, settled in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle_all, settled)


def settle(results: list[tuple[Submission, Result]]) -> None:
    """Settle futures of the running event loop."""
    for submission, result in results:
        _settle(submission.future, result)


def _settle_all(settled: list[tuple[Waiter, Result]]) -> None:
    for future, result in settled:
        _settle(future, result)


def _settle(future: Waiter, result: Result) -> None:
    if future.done():  # who waited has gone
        return
    if isinstance(result, Receipt):
        future.set_result(result)
    else:
        future.set_exception(again(result))
