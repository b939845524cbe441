"""An alarm's state as it is kept."""

from __future__ import annotations

import msgspec

from forebay.alerts.evaluate import State


class Standing(msgspec.Struct, kw_only=True):
    """An alarm's state: since when, why in CloudWatch's words (`reason`, `data`) and in people's (`told`).

    `updated` is when it was last confirmed or set, `print` the definition's that it is of. `forced`: it was set by
    SetAlarmState and is kept until the alarm is looked at with new values.
    """

    name: str
    state: State
    reason: str
    since: int
    updated: int
    print: str
    data: str | None = None
    told: str | None = None
    forced: bool = False
