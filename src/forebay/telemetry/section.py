"""The `telemetry` section: what the system says of itself."""

from __future__ import annotations

from typing import Annotated, Literal

from forebay.project.field import Field
from forebay.project.model import Spec
from forebay.project.section import Section


class LogSpec(Spec, frozen=True, kw_only=True):
    """How a log group is kept."""

    retention: Annotated[
        float | None,
        Field(
            "How long its lines are kept. Otherwise as for all.", example="30d", kind="duration", minimum=60
        ),
    ] = None
    level: Annotated[
        Literal["debug", "info", "warning", "error"] | None, Field("The least that is kept.")
    ] = None


class TelemetrySpec(Spec, frozen=True, kw_only=True):
    """Logs and metrics of the system itself."""

    log_retention: Annotated[
        float, Field("How long log lines are kept.", example="14d", kind="duration", minimum=60)
    ] = 14 * 86400.0
    metric_retention: Annotated[
        float, Field("How long metrics are kept.", example="15d", kind="duration", minimum=60)
    ] = 15 * 86400.0
    level: Annotated[
        Literal["debug", "info", "warning", "error"], Field("The least that the processes log.")
    ] = "info"
    access_log: Annotated[Literal["none", "json", "clf"], Field("A line for each request at the doors.")] = (
        "none"
    )
    groups: Annotated[
        dict[str, LogSpec],
        Field("Log groups that differ, by resource.", example="{functions.clean: {retention: 30d}}"),
    ] = {}


SECTION = Section(
    noun="telemetry",
    title="Telemetry",
    doc="How much the system says of itself, and how long it is kept.",
    example="""\
log_retention: 30d
level: info
""",
    spec=TelemetrySpec,
    single=True,
    later="settings of logs and metrics are not built yet",
)
