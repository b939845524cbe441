"""Run a plain function of one event over a batch: decode, call, encode, with no Python but the user's between."""

from __future__ import annotations

import decimal
import os
from pathlib import Path
from typing import Any

import orjson

from forebay import event as blobs
from forebay.functions.protocol import NOT_STARTED
from forebay.functions.worker.load import describe, load, report, say

TRACEBACKS = 5
"""Tracebacks that one batch writes to the log; the others are counted."""

OUT_OF_MEMORY = "Function.OutOfMemory"
ERROR = "Function.Error"
NOT_JSON = "Function.NotJson"
BAD_ANSWER = "Function.BadAnswer"

Failed = tuple[int, str, str]

_CALLING: Any = object()
"""Stands for the result while the user's function runs: who raised, it or we?"""


def _default(value: Any) -> Any:
    """What orjson does not know and a function is likely to return (from a key-value table, say)."""
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value).__name__} is not JSON-serializable")


class PlainRunner:
    """Calls `function(event)` for each event: dict keeps it, None drops it, a list of dicts is several."""

    def __init__(self, config: dict[str, Any], progress: memoryview) -> None:
        """Raises LoadFailed. `progress` is one uint64: the index of the event under way."""
        self._root = Path(config["root"])
        self._progress = progress
        # A forked child must not go on with the batch: its next look at the page raises, and it ends.
        os.register_at_fork(after_in_child=progress.release)
        self._function = load(self._root, config["handler"])

    def run(self, head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """The body is a blob of JSON records."""
        records = blobs.decode_records(body).records()
        failed: list[Failed] = []
        events = _decode(records, failed)
        bad = {at for at, _, _ in failed}
        function, progress = self._function, self._progress
        data: list[bytes] = []
        source: list[int] = []
        dropped: list[int] = []
        errors = 0
        for i, event in enumerate(events):
            if bad and i in bad:
                continue
            progress[0] = i
            result = _CALLING
            try:
                result = function(event)
                if type(result) is dict:
                    data.append(orjson.dumps(result, _default))
                    source.append(i)
                elif result is None:
                    dropped.append(i)
                else:
                    rows = _several(result)
                    data += rows
                    source += [i] * len(rows)
                    if not rows:
                        dropped.append(i)
            except BaseException as error:  # SystemExit and a MemoryError fail one event, like anything else
                errors += 1
                if errors <= TRACEBACKS:
                    report(error)
                if isinstance(error, MemoryError):
                    code = OUT_OF_MEMORY
                else:
                    code = ERROR if result is _CALLING else BAD_ANSWER
                failed.append((i, code, describe(error, self._root)))
        progress[0] = NOT_STARTED
        if errors > TRACEBACKS:
            say(f"({errors - TRACEBACKS} more errors in this batch)")
        done: dict[str, Any] = {"failed": failed, "dropped": dropped}
        if len(source) != len(records) or failed or dropped:
            done["source"] = source
        return done, blobs.encode_records(data)


def _decode(records: list[bytes], failed: list[Failed]) -> list[Any]:
    try:
        return list(map(orjson.loads, records))
    except orjson.JSONDecodeError:
        pass
    events: list[Any] = []
    for i, record in enumerate(records):
        try:
            events.append(orjson.loads(record))
        except orjson.JSONDecodeError as error:
            failed.append((i, NOT_JSON, str(error)))
            events.append(None)
    return events


class BadAnswer(Exception):
    """The function returned what is neither an event, nor nothing, nor several events."""


def _several(result: Any) -> list[bytes]:
    if isinstance(result, dict):  # a subclass: OrderedDict, defaultdict
        return [orjson.dumps(dict(result), _default)]
    if not isinstance(result, list | tuple):
        raise BadAnswer(f"returned {type(result).__name__}; return a dict, None, or a list of dicts")
    for row in result:
        if row is not None and not isinstance(row, dict):
            raise BadAnswer(f"returned a list with {type(row).__name__} in it; return dicts")
    return [orjson.dumps(dict(row), _default) for row in result if row is not None]
