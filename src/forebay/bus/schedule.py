"""When a scheduled rule fires: `rate(5 minutes)`, `cron(0 6 * * ? *)`.

Contract: "Creating a rule that runs on a schedule in Amazon EventBridge" (EventBridge User Guide). Times are
UTC. A rate counts from when its rule was made.
"""

from __future__ import annotations

import datetime as dt
import re

from forebay.cron import Cron
from forebay.errors import UsageError

_RATE = re.compile(r"rate\((\d{1,9}) (minute|minutes|hour|hours|day|days)\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


class Schedule:
    """An expression, read. Raises UsageError `InvalidSchedule`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._rule: dt.timedelta | Cron
        if found := _RATE.fullmatch(text):
            count, unit = int(found[1]), found[2]
            if not count or (count == 1) == unit.endswith("s"):
                raise _bad(text, "`rate(1 minute)`, `rate(5 minutes)`: the unit is singular for 1")
            self._rule = dt.timedelta(seconds=count * _SECONDS[unit.removesuffix("s")])
            try:
                dt.datetime.now(dt.UTC) + self._rule
            except OverflowError:
                raise _bad(text, "it would first fire after the year 9999") from None
        elif text.startswith("cron("):
            try:
                self._rule = Cron(text)
            except ValueError as error:
                raise _bad(text, str(error)) from None
        else:
            raise _bad(text, "`rate(5 minutes)`, or `cron(0 6 * * ? *)` with six fields")

    def next(self, after: dt.datetime, since: dt.datetime) -> dt.datetime | None:
        """The first time it fires after `after` (UTC); a rate counts from `since`. None if never again."""
        if isinstance(self._rule, Cron):
            return self._rule.next(after)
        past = max(0, (after - since) // self._rule)
        try:
            return since + (past + 1) * self._rule
        except OverflowError:  # after the year 9999
            return None


def _bad(text: str, why: str) -> UsageError:
    return UsageError("InvalidSchedule", f"{text} is no schedule", fix=why)
