"""What EventBridge's operations share: buses and rules as documents, names and ARNs, errors in its words.

A bus made over the wire is a document of kind `bus`; its rules and archives are documents of kind `bus.part`,
`<bus>/rule/<name>` and `<bus>/archive/<name>`, beside those that a bus of the project declares. The bus
`default` is made when it is first needed, and always shown.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson
from botocore.model import OperationModel

from forebay.arn import name_in
from forebay.bus.section import BusSpec, RuleSpec
from forebay.clock import now_us
from forebay.errors import NotFound, Unavailable
from forebay.project.graph import Edge, reader
from forebay.project.model import Ref
from forebay.streams.keep import PREFIX
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, Service, paged, present, reworded

BUS, PART = "bus", "bus.part"
DEFAULT = "default"
MANAGED = "prod.vhs.events.aws.internal"
ARCHIVE_RULE = "Events-Archive-"
MOST = 100
STARTING = 10.0
"""Seconds that a flow may take to come up again."""
_SCOPE = re.compile(r"Credential=[^/,]+/\d{8}/([a-z0-9-]+)/")
_SPELLED = (
    (
        re.compile(r"\[POST, GET, HEAD, OPTIONS, PUT, PATCH, DELETE\]"),
        "[HEAD, POST, PATCH, DELETE, PUT, GET, OPTIONS]",
    ),
)
"""What the service lists otherwise than the model."""
_ENTRY = ("time", "source", "resources", "detailType", "detail", "eventBusName", "traceHeader")


class Events(Service):
    """EventBridge, whose ARNs are of the region that the caller signs for."""

    def locate(self, asked: Asked) -> None:
        """Take the region from what the caller signs with."""
        found = _SCOPE.search(asked.request.headers.get("authorization", ""))
        if found is not None:
            asked.region = found[1]

    def check(self, model: OperationModel, given: Json, asked: Asked) -> None:
        """Refuse what breaks the model's constraints; too many entries are shown as AWS shows them."""
        self.locate(asked)
        entries = given.get("Entries")
        if model.name == "PutEvents" and isinstance(entries, list) and len(entries) > 10:
            shown = ", ".join(_shown(entry) for entry in entries[:100])
            raise AwsError(
                "ValidationException",
                f"1 validation error detected: Value '[{shown}]' at 'entries' failed to satisfy constraint:"
                " Member must have length less than or equal to 10",
            )
        try:
            super().check(model, given, asked)
        except AwsError as error:
            raise reworded(error, _SPELLED) from None


def _shown(entry: Json) -> str:
    given = {name[:1].lower() + name[1:]: value for name, value in entry.items()}
    parts = [f"{name}={given.get(name, 'null')}" for name in _ENTRY]
    return f"PutEventsRequestEntry({', '.join([*parts, 'kmsKeyIdentifier=null', 'internalMetadata=null'])})"


SERVICE = Events("events")


def invalid(message: str) -> AwsError:
    """The caller's words are off."""
    return AwsError("ValidationException", message)


def missing(message: str) -> AwsError:
    """There is no such thing."""
    return AwsError("ResourceNotFoundException", message)


def exists(message: str) -> AwsError:
    """There is such a thing already."""
    return AwsError("ResourceAlreadyExistsException", message)


@dataclass(slots=True)
class Bus:
    """A bus. `meta` is what only the wire knows: created, modified, description, policy, tags."""

    name: str
    meta: Json
    declared: bool


@dataclass(slots=True)
class Rule:
    """A rule. `meta` is what only the wire knows: its pattern as it was sent, targets as AWS has them, tags."""

    bus: str
    name: str
    spec: RuleSpec
    meta: Json
    declared: bool


def bus_name(text: str | None) -> str:
    """The name of a bus that was given by name or ARN."""
    if not text:
        return DEFAULT
    return name_in(text, "events", "event-bus/") or text


def find_bus(asked: Asked, name: str) -> Bus | None:
    """A bus, if there is one."""
    declared = asked.system.declared().get(Ref(BUS, name))
    if isinstance(declared, BusSpec):
        return Bus(name, asked.system.documents.get("events.meta", name) or {}, declared=True)
    doc = asked.system.documents.get(BUS, name)
    if doc is not None:
        return Bus(name, doc["meta"], declared=False)
    return Bus(name, {}, declared=False) if name == DEFAULT else None


def bus_of(asked: Asked, text: str | None) -> Bus:
    """A bus by name or ARN. Raises ResourceNotFoundException."""
    name = bus_name(text)
    found = find_bus(asked, name)
    if found is None:
        raise missing(f"Event bus {name} does not exist.")
    return found


async def ensure(asked: Asked, bus: Bus) -> None:
    """See that a bus has its log: the default one is made when it is first needed."""
    if f"bus.{bus.name}" not in asked.system.logs:
        if not bus.declared and asked.system.documents.get(BUS, bus.name) is None:
            now = now_us()
            put_bus(asked, Bus(bus.name, {"created": now, "modified": now, **bus.meta}, declared=False))
        await asked.system.apply()


def put_bus(asked: Asked, bus: Bus) -> None:
    """Keep what the wire knows of a bus."""
    if bus.declared:
        asked.system.documents.put("events.meta", bus.name, bus.meta)
        return
    doc = asked.system.documents.get(BUS, bus.name) or {"spec": msgspec.to_builtins(BusSpec())}
    asked.system.documents.put(BUS, bus.name, {**doc, "meta": bus.meta})


def bus_arn(asked: Asked, name: str) -> str:
    """A bus's ARN."""
    return asked.arn(f"event-bus/{name}")


def rule_arn(asked: Asked, bus: str, name: str) -> str:
    """A rule's ARN; the default bus is left out of it."""
    return asked.arn(f"rule/{name}" if bus == DEFAULT else f"rule/{bus}/{name}")


def rules_of(asked: Asked, bus: str) -> dict[str, Rule]:
    """A bus's rules, by name, in order; those of the project's own stand before others."""
    found = {
        id.split("/", 2)[2]: Rule(bus, id.split("/", 2)[2], _spec(doc), doc["meta"], declared=False)
        for id, doc in asked.system.documents.all(PART, f"{bus}/rule/")
    }
    declared = asked.system.declared().get(Ref(BUS, bus))
    if isinstance(declared, BusSpec):
        found |= {name: _declared(asked, bus, name, spec) for name, spec in declared.rules.items()}
    return dict(sorted(found.items()))


def _spec(doc: Json) -> RuleSpec:
    return msgspec.convert(doc["spec"], RuleSpec)


def _declared(asked: Asked, bus: str, name: str, spec: RuleSpec) -> Rule:
    meta = asked.system.documents.get("events.meta", f"{bus}/{name}") or {}
    return Rule(bus, name, spec, meta, declared=True)


def find_rule(asked: Asked, bus: str, name: str) -> Rule | None:
    """A rule, if there is one."""
    declared = asked.system.declared().get(Ref(BUS, bus))
    if isinstance(declared, BusSpec) and name in declared.rules:
        return _declared(asked, bus, name, declared.rules[name])
    doc = asked.system.documents.get(PART, f"{bus}/rule/{name}")
    return None if doc is None else Rule(bus, name, _spec(doc), doc["meta"], declared=False)


def rule_of(asked: Asked, bus: str, name: str) -> Rule:
    """A rule. Raises ResourceNotFoundException."""
    found = find_rule(asked, bus, name)
    if found is None:
        raise missing(f"Rule {name} does not exist on EventBus {bus}.")
    return found


def put_rule(asked: Asked, rule: Rule) -> None:
    """Keep a rule."""
    doc = {"spec": msgspec.to_builtins(rule.spec), "meta": rule.meta}
    asked.system.documents.put(PART, f"{rule.bus}/rule/{rule.name}", doc)


def refuse_declared(declared: bool, what: str) -> None:
    """Raise for what is the project's own: such a resource is changed in `forebay.yaml` only."""
    if declared:
        raise AwsError(
            "ManagedRuleException", f"{what} is declared in forebay.yaml and is changed there only."
        )


def readers(bus: str, rules: Mapping[str, Rule]) -> set[str]:
    """The consumers that a bus's rules ask for."""
    return {
        reader(Edge(Ref(BUS, bus), target.to, "rule", pulled=True))
        for rule in rules.values()
        for target in rule.spec.to
    }


async def settle(asked: Asked, bus: str) -> None:
    """Before rules change: let what is in the bus be matched by them as they are."""
    if f"bus.{bus}" in asked.system.logs:
        await flow(asked, "settle", bus=bus)


async def changed(
    asked: Asked,
    bus: str,
    more: Sequence[Ref] = (),
    *,
    fewer: bool = False,
    schedules: bool = False,
) -> None:
    """Rules changed. Where the same consumers read the bus as before, its rules are only compiled again.

    `more` are the targets that were added, `fewer` says that some were taken away, `schedules` that there is a
    schedule among what changed.
    """
    log = asked.system.logs.get(f"bus.{bus}")
    same = log is not None
    if log is not None and (more or fewer):
        declared = {each.name for each in log.subscriptions()}
        wanted = {reader(Edge(Ref(BUS, bus), ref, "rule", pulled=True)) for ref in more}
        same = all(PREFIX + name in declared for name in wanted)
        if fewer and same:
            left = readers(bus, rules_of(asked, bus))
            asking = {name.removeprefix(PREFIX) for name in declared if name.startswith(PREFIX)}
            same = left == {name for name in asking if not name.startswith("streamsql.")}
    if same:
        await flow(asked, "changed", schedules=schedules)
    else:
        await asked.system.apply()


async def flow(asked: Asked, op: str, **args: Any) -> Any:
    """An operation of the flow's buses; a flow that is starting is waited for. Raises AwsError for what is not there."""
    deadline = time.monotonic() + STARTING
    while True:
        try:
            return await asked.system.flow.call("bus", name=op, args=args)
        except NotFound as error:
            raise missing(error.message) from None
        except Unavailable as error:
            if error.code != "ProcessDown" or time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.05)


def page(items: Sequence[Any], given: Json, name: str = "NextToken") -> tuple[list[Any], Json]:
    """The asked page of a list, and `{NextToken}` if there is more. Raises ValidationException."""
    limit = given.get("Limit") or MOST
    chosen, following = paged(items, given.get(name), limit, invalid("Invalid Next Token"))
    return chosen, present({name: following})


def text_of(pattern: Any) -> str:
    """A pattern of the project as JSON text."""
    return orjson.dumps(pattern).decode()
