"""When a crawler runs: AWS's cron, no faster than every five minutes.

https://docs.aws.amazon.com/glue/latest/dg/monitor-data-warehouse-schedule.html
"""

from __future__ import annotations

from forebay.cron import Cron
from forebay.errors import UsageError

FASTEST = 5
"""Minutes."""


def crawl_times(text: str) -> Cron:
    """A crawler's schedule, read. Raises UsageError `InvalidInput` for what is none."""
    try:
        found = Cron(text.strip())
    except ValueError as error:
        raise _bad(text, str(error)) from None
    every = found.minutes
    gaps = [b - a for a, b in zip(every, [*every[1:], every[0] + 60], strict=True)]
    if len(every) > 1 and min(gaps) < FASTEST:
        raise _bad(text, f"it fires more often than every {FASTEST} minutes")
    return found


def _bad(text: str, why: str) -> UsageError:
    return UsageError("InvalidInput", f"Invalid schedule expression {text}: {why}")
