"""The `bus` section: rules."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

import msgspec

from forebay.bus.inputs import PREDEFINED, parse_path, placeholders
from forebay.bus.operators import InvalidPattern
from forebay.bus.pattern import compile_pattern
from forebay.bus.schedule import Schedule
from forebay.errors import UsageError
from forebay.project.check import Check, Part
from forebay.project.field import WAS, Field
from forebay.project.model import Location, Project, Ref, Spec
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
            feeds="rule",
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
        Field(
            "What is sent instead of the event; `<who>` stands for a part. A text is AWS's input template.",
            example='{user: "<who>"}',
        ),
    ] = None
    constant: Annotated[
        str | None,
        Field("JSON that is sent instead of the event, always the same.", example="'{\"run\": 1}'"),
    ] = None
    key: Annotated[
        str | None,
        Field("A stream's partition key, as a JSON path into the event.", example="$.detail.user_id"),
    ] = None
    retries: Annotated[
        int,
        Field("How often a target that cannot be reached is tried again.", minimum=0, maximum=185),
    ] = 185
    max_age: Annotated[
        float,
        Field(
            "How old an event may become while its target cannot be reached.",
            example="1h",
            kind="duration",
            minimum=60,
            maximum=86400,
        ),
    ] = 86400.0
    errors: Annotated[
        Location | None,
        Field(
            "Where events are kept that a function did not take. Otherwise `lake.<project>-errors/bus/`.",
            example="lake.shop/dead/",
        ),
    ] = None

    @classmethod
    def scalar(cls, text: str) -> dict[str, str]:
        """A bare scalar is the target."""
        return {"to": text}


class RuleSpec(Spec, frozen=True, kw_only=True):
    """A pattern, or a schedule, and targets."""

    one_of: ClassVar[tuple[str, ...]] = ("when", "schedule")

    when: Annotated[
        dict[str, Any] | None,
        Field(
            "An EventBridge event pattern.",
            example="{detail: {event_type: [purchase]}}",
            kind="pattern",
        ),
    ] = None
    schedule: Annotated[
        str | None,
        Field(
            "`rate(5 minutes)` or `cron(0 6 * * ? *)` (AWS's grammar, UTC): an event of its own, at these times.",
            example="rate(5 minutes)",
        ),
    ] = None
    to: Annotated[
        list[TargetSpec],
        Field("The targets.", example="[{streams.activity: {input: $.detail}}]", one=True),
    ]
    description: Annotated[str | None, Field("What it is for.", example="Thank those who bought")] = None
    enabled: Annotated[bool, Field("Whether it matches at all.")] = True


class ArchiveSpec(Spec, frozen=True, kw_only=True):
    """Events of a bus that are kept to be replayed."""

    pattern: Annotated[
        dict[str, Any] | None,
        Field("Only those that match. Otherwise all.", example="{source: [shop.web]}", kind="pattern"),
    ] = None
    keep: Annotated[float, Field("How long.", example="30d", kind="duration", minimum=1)] = 86400.0
    since: Annotated[int, Field("The offset in the bus's log from which it counts.", minimum=0)] = 0


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
        float, Field("How long its events are kept at least.", example="7d", kind="duration", minimum=1)
    ] = 86400.0
    archives: Annotated[
        dict[str, ArchiveSpec],
        Field(
            "What is kept for replay, by name.", example="{web: {pattern: {source: [shop.web]}, keep: 30d}}"
        ),
    ] = {}
    was: Annotated[str | None, WAS] = None

    @property
    def retention(self) -> float:
        """How long its log keeps events, in seconds."""
        return max([self.archive, *(archive.keep for archive in self.archives.values())])


_MATCHERS = frozenset(
    {"prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "numeric", "exists", "cidr"}
)


def _check(check: Check) -> None:
    for bus, spec in check.entries("bus", BusSpec):
        for archive, kept in spec.archives.items():
            if kept.pattern is not None:
                _check_pattern(check, ("bus", bus, "archives", archive, "pattern"), kept.pattern)
        for rule, content in spec.rules.items():
            _check_rule(check, ("bus", bus, "rules", rule), content)
            if not content.to:
                check.add("NoTarget", ("bus", bus, "rules", rule, "to"), f"the rule {rule} has no target")
    for noun, name, entry in check.every():
        for at, on in enumerate(getattr(entry, "on", None) or ()):
            _check_trigger(check, (noun, name, "on", at), on)


def default_errors(project: Project) -> Location:
    """Where events go that a function did not take, unless something else was said."""
    return Location(f"{re.sub('[^a-z0-9-]', '-', project.name.lower())}-errors", "bus/")


def _resolve(spec: BusSpec, project: Project) -> BusSpec:
    """Where what functions do not take is kept."""
    errors = default_errors(project)

    def filled(target: TargetSpec) -> TargetSpec:
        if target.to.noun != "functions" or target.errors is not None:
            return target
        return msgspec.structs.replace(target, errors=errors)

    rules = {
        name: msgspec.structs.replace(rule, to=[filled(target) for target in rule.to])
        for name, rule in spec.rules.items()
    }
    return msgspec.structs.replace(spec, rules=rules)


def _check_trigger(check: Check, here: Part, on: Any) -> None:
    """The patterns and schedules of what calls functions are read as those of rules."""
    if on.filter is not None:
        try:
            compile_pattern(on.filter)
        except InvalidPattern as error:
            check.add("BadPattern", (*here, "filter"), error.message, fix="{data: {kind: [burst]}}")
    if on.schedule is not None:
        try:
            Schedule(on.schedule)
        except UsageError as error:
            check.add("BadSchedule", (*here, "schedule"), error.message, why=error.why, fix=error.fix)


def _check_rule(check: Check, here: Part, rule: RuleSpec) -> None:
    if rule.when is not None:
        _check_pattern(check, (*here, "when"), rule.when)
    if rule.schedule is not None:
        try:
            Schedule(rule.schedule)
        except UsageError as error:
            check.add("BadSchedule", (*here, "schedule"), error.message, why=error.why, fix=error.fix)
    for index, target in enumerate(rule.to):
        part: Part = (*here, "to", index)
        given = [name for name in ("input", "template", "constant") if getattr(target, name) is not None]
        if len(given) > 1:
            check.add("BadInput", part, f"{' and '.join(given)} exclude one another", fix="keep one of them")
        for name, path in (("input", target.input), ("key", target.key), *target.paths.items()):
            try:
                parse_path(path or "$")
            except UsageError as error:
                check.add("BadPath", part, f"{name}: {error.message}", fix="$.detail.user")
        if target.template is not None:
            text = target.template if isinstance(target.template, str) else json.dumps(target.template)
            unknown = [n for n in placeholders(text) if n not in target.paths and n not in PREDEFINED]
            if unknown:
                check.add(
                    "BadTemplate",
                    part,
                    f"<{unknown[0]}> is no part of the event",
                    fix=f"add {unknown[0]} to paths",
                )


def _check_shape(check: Check, part: Part, pattern: Any) -> None:
    """The shape of EventBridge's patterns: objects down to lists of values and matchers."""
    if not pattern:
        check.add("BadPattern", part, "a pattern must ask for something", fix='{source: [{prefix: ""}]}')
    for key, value in pattern.items() if isinstance(pattern, dict) else ():
        here = (*part, key)
        if key == "$or" and isinstance(value, list) and all(isinstance(item, dict) for item in value):
            for item in value:
                _check_shape(check, here, item)
        elif isinstance(value, dict):
            _check_shape(check, here, value)
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


def _check_pattern(check: Check, part: Part, pattern: dict[str, Any]) -> None:
    before = len(check.findings)
    _check_shape(check, part, pattern)
    if len(check.findings) > before:
        return
    try:
        compile_pattern(pattern)
    except InvalidPattern as error:
        check.add("BadPattern", part, error.message, fix='{source: [{prefix: ""}]}')


def _with_parts(entries: Mapping[str, Spec], parts: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, Spec]:
    """The buses with the rules and archives that were made over the wire: `<bus>/rule/<name>`, `<bus>/archive/<name>`.

    A rule of the project's own stands before one of the same name.
    """
    rules: dict[str, dict[str, RuleSpec]] = {}
    archives: dict[str, dict[str, ArchiveSpec]] = {}
    for id, doc in parts:
        bus, kind, name = id.split("/", 2)
        if kind == "rule":
            rules.setdefault(bus, {})[name] = msgspec.convert(doc["spec"], RuleSpec)
        else:
            archives.setdefault(bus, {})[name] = msgspec.convert(doc["spec"], ArchiveSpec)
    found: dict[str, Spec] = {}
    for bus, spec in entries.items():
        assert isinstance(spec, BusSpec)
        found[bus] = msgspec.structs.replace(
            spec,
            rules={**rules.get(bus, {}), **spec.rules},
            archives={**archives.get(bus, {}), **spec.archives},
        )
    return found


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
    parts=_with_parts,
    resolve=_resolve,
)
