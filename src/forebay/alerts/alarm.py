"""An alarm, ready to be looked at: what the project's section or CloudWatch's operations say, in one form.

section ──▶ declared.py ─┐
                         ├──▶ Alarm ──▶ running/alerts.py
wire ─────▶ shapes.py ───┘
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from forebay.alerts.condition import Condition
from forebay.alerts.evaluate import Missing
from forebay.arn import arn

PERIOD = 60.0

Kind = Literal["metric", "sql", "composite"]


class Query(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A metric, or an expression over others by their ids. `period` is in seconds."""

    id: str
    namespace: str = ""
    metric: str = ""
    dimensions: dict[str, str] = {}
    statistic: str = "Average"
    period: float = PERIOD
    unit: str | None = None
    expression: str | None = None
    label: str | None = None


class Alarm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is looked at, when it holds, and who is told. Times are in seconds.

    `watched` is the id of the query that is compared. `missing` "zero" takes no value for 0. Actions are `topics.NAME`,
    `functions.NAME` or ARNs. Those of `made` ones, CloudWatch's, are done at every change of the state; the
    project's at the beginning and the end of an incident (`alerts.incident`). `members` are those that a `made` one
    was made of.
    """

    name: str
    kind: Kind
    description: str | None = None
    queries: tuple[Query, ...] = ()
    watched: str = ""
    sql: str | None = None
    rule: str | None = None
    condition: Condition | None = None
    period: float = PERIOD
    periods: int = 1
    datapoints: int = 1
    missing: Missing | Literal["zero"] = "missing"
    every: float = 10.0
    during: str | None = None
    timezone: str = "UTC"
    enabled: bool = True
    on_alarm: tuple[str, ...] = ()
    on_ok: tuple[str, ...] = ()
    on_insufficient: tuple[str, ...] = ()
    quiet: float = 0.0
    group: str | None = None
    made: bool = False
    members: dict[str, Any] = {}

    @property
    def arn(self) -> str:
        """Its ARN."""
        return arn("cloudwatch", f"alarm:{self.name}")

    @property
    def value(self) -> Query | None:
        """The query whose value is compared."""
        return next((query for query in self.queries if query.id == self.watched), None)

    @property
    def when(self) -> str:
        """Its condition in words, as the project would say it."""
        if self.rule is not None or self.condition is None:
            return self.rule or ""
        points = f" in {self.datapoints} of {self.periods} × {self.period:g} s"
        return f"{self.condition}{'' if self.periods == 1 else points}"

    def fingerprint(self) -> str:
        """Changes when what is looked at does."""
        same = msgspec.structs.replace(
            self,
            description=None,
            on_alarm=(),
            on_ok=(),
            on_insufficient=(),
            enabled=True,
            quiet=0.0,
            group=None,
            members={},
        )
        return msgspec.json.encode(same).decode()
