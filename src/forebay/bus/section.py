"""The `bus` section: rules."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from forebay.project.check import Check, Part
from forebay.project.field import WAS, Field
from forebay.project.model import Ref, Spec
from forebay.project.near import nearest
from forebay.project.section import Section


class TargetSpec(Spec, frozen=True, kw_only=True):
    """Where a matching event goes, and what of it."""

    keyed: ClassVar[str | None] = "to"
    scalar_doc: ClassVar[str | None] = "the resource"

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


_MATCHERS = frozenset(
    {"prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "numeric", "exists", "cidr"}
)


def _check(check: Check) -> None:
    for bus, spec in check.entries("bus", BusSpec):
        for rule, content in spec.rules.items():
            _check_pattern(check, ("bus", bus, "rules", rule, "when"), content.when)
            if not content.to:
                check.add("NoTarget", ("bus", bus, "rules", rule, "to"), f"the rule {rule} has no target")


def _check_pattern(check: Check, part: Part, pattern: Any) -> None:
    """The shape of EventBridge's patterns: objects down to lists of values and matchers."""
    if not pattern:
        check.add("BadPattern", part, "a pattern must ask for something", fix='{source: [{prefix: ""}]}')
    for key, value in pattern.items() if isinstance(pattern, dict) else ():
        here = (*part, key)
        if key == "$or" and isinstance(value, list) and all(isinstance(item, dict) for item in value):
            for item in value:
                _check_pattern(check, here, item)
        elif isinstance(value, dict):
            _check_pattern(check, here, value)
        elif not isinstance(value, list):
            check.add(
                "BadPattern", here, f"`{key}` must be a list of values that match", fix=f"{key}: [{value}]"
            )
        else:
            for matcher in (item for item in value if isinstance(item, dict)):
                name = next(iter(matcher), "")
                if len(matcher) != 1 or name not in _MATCHERS:
                    near = nearest(name, _MATCHERS)
                    fix = f"did you mean {near}?" if near else f"one of {', '.join(sorted(_MATCHERS))}"
                    check.add("BadPattern", here, f"{name!r} is no matcher", fix=fix)


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
    check=_check,
    later="the bus is not built yet; a route can go `to:` a stream or a delivery",
)
