"""A message as it lies in a topic's log, and how anybody makes one.

    forebay.topics.message.encode(text, subject="Burst", attributes={"level": "high"}) -> bytes

gives the record to append to the log `topics.<name>`: over front.sock with `append {target: "topics.ops",
records: [record]}`, or with `Log.submit` within the front. With `once` (or `moved`) in that call a repeat is no
second message. What lies in the log and was not made so (`forebay send topics.ops`) is a message by itself, whole.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

LARGEST = 256 << 10
"""Bytes of a message with its attributes, as on AWS."""

Attribute = dict[str, str]
"""`{"Type": "String"|"Number"|"String.Array"|"Binary"[...], "Value": text, Base64 where binary}`."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. With `structure` "json", `message` is JSON: a text for each protocol, and `default`."""

    id: str
    message: str
    subject: str | None = None
    structure: str | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    group: str | None = None

    def text_for(self, protocol: str) -> str:
        """What a subscriber of this protocol is told."""
        if self.structure != "json":
            return self.message
        texts: Any = orjson.loads(self.message)
        found = texts.get(protocol)
        return found if isinstance(found, str) else str(texts["default"])


def encode(
    message: str,
    *,
    subject: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    by_protocol: Mapping[str, str] | None = None,
    id: str | None = None,
) -> bytes:
    """The record of a message.

    `attributes` are for subscribers' filters: text, numbers, lists of these. `by_protocol` has other texts for some
    protocols (`{"email": "..."}`). `id` is a UUID of the caller's, the same if it tries again.
    """
    structure = None
    if by_protocol:
        message = orjson.dumps({"default": message, **by_protocol}).decode()
        structure = "json"
    typed = {name: _typed(value) for name, value in (attributes or {}).items()}
    return pack(Message(id or str(uuid.uuid4()), message, subject, structure, typed))


def pack(message: Message) -> bytes:
    """The record of a message that is whole already."""
    parts = {
        "id": message.id,
        "message": message.message,
        "subject": message.subject,
        "structure": message.structure,
        "attributes": dict(message.attributes) or None,
        "group": message.group,
    }
    return orjson.dumps({name: value for name, value in parts.items() if value is not None})


def decode(record: bytes, place: str) -> Message:
    """The message in a record; `place` names it (`topics.ops/17`) for what has no id of its own."""
    try:
        parts = orjson.loads(record)
        if isinstance(parts, dict) and isinstance(parts["id"], str) and isinstance(parts["message"], str):
            return Message(
                parts["id"],
                parts["message"],
                parts.get("subject"),
                parts.get("structure"),
                parts.get("attributes") or {},
                parts.get("group"),
            )
    except (ValueError, KeyError):
        pass
    return Message(str(uuid.uuid5(uuid.NAMESPACE_URL, place)), record.decode(errors="replace"))


def _typed(value: Any) -> Attribute:
    if isinstance(value, bool) or value is None:
        return {"Type": "String", "Value": orjson.dumps(value).decode()}
    if isinstance(value, int | float):
        return {"Type": "Number", "Value": orjson.dumps(value).decode()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return {"Type": "String.Array", "Value": orjson.dumps(list(value)).decode()}
    return {"Type": "String", "Value": str(value)}


def filtered_by(message: Message, scope: str) -> dict[str, Any] | None:
    """What a filter policy of this scope looks at, as the event that a pattern is matched with.

    Of attributes: text, numbers, and the members of arrays; binary ones are not seen. Of the body: its JSON object;
    None, which matches nothing, where it is none.
    """
    if scope == "MessageBody":
        try:
            body = orjson.loads(message.text_for("default"))
        except (ValueError, KeyError):
            return None
        return rounded(body) if isinstance(body, dict) else None
    found: dict[str, Any] = {}
    if not message.attributes:
        return None  # as SNS has it, also where a policy asks for what is not there
    for name, attribute in message.attributes.items():
        kind, value = attribute["Type"], attribute["Value"]
        if kind.startswith("Binary"):
            continue
        if kind.startswith(("Number", "String.Array")):
            try:
                found[name] = rounded(orjson.loads(value))
            except ValueError:
                found[name] = value
        else:
            found[name] = value
    return found


def rounded(value: Any) -> Any:
    """JSON with its numbers to five digits after the point, which is how exactly SNS compares them."""
    if isinstance(value, float):
        return round(value, 5)
    if isinstance(value, list):
        return [rounded(each) for each in value]
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    return value
