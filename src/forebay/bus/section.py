"""The `bus` section: rules."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from forebay.project.field import WAS, Field
from forebay.project.model import Ref, Spec
from forebay.project.section import Section


class TargetSpec(Spec, frozen=True, kw_only=True):
    """Where a matching event goes, and what of it."""

    keyed: ClassVar[str | None] = "to"
    scalar_doc = "the resource"

    to: Annotated[
        Ref,
        Field(
            "The target.",
            example="streams.activity",
            refs=("streams", "delivery", "functions", "topics", "bus", "telemetry"),
            feeds="to",
        ),
    ]
    input: Annotated[
        str | None,
        Field("A JSON path: only this part of the event is sent.", example="$.detail"),
    ] = None
    paths: Annotated[
        dict[str, str],
        Field("Parts of the event, for `template`.", example="{who: $.detail.user}"),
    ] = {}
    template: Annotated[
        Any,
        Field("What is sent instead of the event; `<who>` stands for a part.", example='{user: "<who>"}'),
    ] = None
    key: Annotated[
        str | None,
        Field("A stream's partition key, as a JSON path.", example="$.detail.user_id"),
    ] = None

    @classmethod
    def scalar(cls, text: str) -> dict[str, str]:
        """A bare scalar is the target."""
        return {"to": text}


class RuleSpec(Spec, frozen=True, kw_only=True):
    """A pattern and its targets."""

    when: Annotated[
        dict[str, Any],
        Field(
            "An EventBridge event pattern.",
            example="{detail: {event_type: [purchase]}}",
            kind="pattern",
        ),
    ]
    to: Annotated[
        list[TargetSpec],
        Field("The targets.", example="[{streams.activity: {input: $.detail}}]", one=True),
    ]
    description: Annotated[str | None, Field("What it is for.", example="Thank those who bought")] = None
    enabled: Annotated[bool, Field("Whether it matches at all.")] = True


class BusSpec(Spec, frozen=True, kw_only=True):
    """An event bus."""

    rules: Annotated[
        dict[str, RuleSpec],
        Field(
            "By name.",
            example="{all: {when: {source: [{prefix: ''}]}, to: streams.activity}}",
        ),
    ] = {}
    archive: Annotated[
        float, Field("How long its events are kept for replay.", example="7d", kind="duration", minimum=1)
    ] = 86400.0
    was: Annotated[str | None, WAS] = None


SECTION = Section(
    noun="bus",
    title="Event buses",
    doc=(
        "Each entry is a bus: events come in, and each rule whose pattern matches sends them, or a part of them, to "
        "its targets."
    ),
    example="""\
shop:
  rules:
    all: {when: {source: [{prefix: ""}]}, to: [{streams.activity: {input: $.detail}}]}
    purchases: {when: {detail: {event_type: [purchase]}}, to: [functions.thank]}
""",
    spec=BusSpec,
    holds=lambda _: True,
    log=lambda _: True,
    later="the bus is not built yet; a route can go `to:` a stream or a delivery",
)
