"""The `telemetry` section: what the system says of itself."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from forebay.project.check import Check, Part
from forebay.project.field import Field
from forebay.project.model import Spec
from forebay.project.near import nearest
from forebay.project.section import Section

FORMATS = ("none", "json", "clf", "csv", "xml")
_VARIABLE = "$context."


class LogSpec(Spec, frozen=True, kw_only=True):
    """How a log group is kept: of a route (`ingest.clicks`) or of a function (`functions.clean`)."""

    retention: Annotated[
        float | None,
        Field(
            "How long its lines are kept, in whole days. Otherwise as for all.",
            example="30d",
            kind="duration",
            minimum=60,
        ),
    ] = None
    level: Annotated[
        Literal["debug", "info", "warning", "error"] | None,
        Field(
            "Of a route: which requests are written down. `info` all, `warning` those answered with 400 or more, "
            "`error` with 500 or more."
        ),
    ] = None
    format: Annotated[
        str | None,
        Field(
            "Of a route: its access log's format, as `access_log` has them. Otherwise as for all.",
            example="json",
        ),
    ] = None


class HeartbeatSpec(Spec, frozen=True, kw_only=True):
    """A dead-man's switch that hears from this system as long as it runs, and tells somebody when it does not."""

    scalar_doc: ClassVar[str | None] = "the URL"

    url: Annotated[str, Field("What gets a GET.", example='"${secret:HEARTBEAT}"', secrets=True)]
    every: Annotated[float, Field("How often.", example="1m", kind="duration", minimum=1, maximum=86400)] = (
        60.0
    )

    @classmethod
    def scalar(cls, text: str) -> dict[str, str]:
        """A bare scalar is the URL."""
        return {"url": text}


class TelemetrySpec(Spec, frozen=True, kw_only=True):
    """Logs and metrics of the system itself."""

    log_retention: Annotated[
        float | None,
        Field(
            "How long the lines of the log groups of routes and functions are kept, in whole days. Otherwise for ever.",
            example="14d",
            kind="duration",
            minimum=60,
        ),
    ] = None
    metric_retention: Annotated[
        float,
        Field(
            "How long metrics are kept: by the second for 3 hours, by the minute for 15 days, by 5 minutes for 63 days, "
            "then by the hour.",
            example="90d",
            kind="duration",
            minimum=60,
        ),
    ] = 15 * 86400.0
    heartbeat: Annotated[
        HeartbeatSpec | None,
        Field(
            "Who hears, again and again, that this system runs: a dead-man's switch elsewhere.",
            example='{url: "https://hc.example/ping/${secret:HEARTBEAT}", every: 1m}',
        ),
    ] = None
    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field("The least that the processes log."),
    ] = "info"
    access_log: Annotated[
        str,
        Field(
            "A line for each request of a route, in the log group `/aws/apigateway/ROUTE`: `none`, `json`, `clf`, "
            "`csv`, `xml`, or a text of your own with API Gateway's variables.",
            example='"$context.identity.sourceIp $context.status $context.requestId"',
        ),
    ] = "none"
    groups: Annotated[
        dict[str, LogSpec],
        Field(
            "Log groups that differ, by resource.",
            example="{ingest.clicks: {format: clf, level: warning}, functions.clean: {retention: 30d}}",
        ),
    ] = {}


def _check(check: Check) -> None:
    """Formats that there are, of resources that there are."""
    known = {f"{noun}.{name}" for noun in ("ingest", "functions") for name in check.known.get(noun, ())}
    for _, spec in check.entries("telemetry", TelemetrySpec):
        _check_format(check, ("telemetry", "access_log"), spec.access_log)
        for resource, log in spec.groups.items():
            part = ("telemetry", "groups", resource)
            if resource not in known:
                near = nearest(resource, known)
                check.add(
                    "UnknownReference",
                    part,
                    f"there is no {resource}",
                    fix=f"did you mean {near}?"
                    if near
                    else "name a route (ingest.NAME) or a function (functions.NAME)",
                )
            if log.format is not None:
                _check_format(check, (*part, "format"), log.format)
            for key in ("format", "level"):
                if getattr(log, key) is not None and not resource.startswith("ingest."):
                    check.add(
                        "NotForTarget",
                        (*part, key),
                        f"`{key}` is for the access log of a route",
                        why=f"{resource} writes its own lines",
                        fix=f"leave {key} out",
                    )


def _check_format(check: Check, part: Part, text: str) -> None:
    if text not in FORMATS and _VARIABLE not in text:
        check.add(
            "BadFormat",
            part,
            f"{text!r} is no format of an access log",
            fix=f"{', '.join(FORMATS)}, or a text with variables: $context.status $context.requestId",
        )


SECTION = Section(
    noun="telemetry",
    title="Telemetry",
    doc="How much the system says of itself, and how long it is kept.",
    example="""\
access_log: json
log_retention: 30d
""",
    spec=TelemetrySpec,
    single=True,
    check=_check,
)
