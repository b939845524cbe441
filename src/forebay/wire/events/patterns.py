"""TestEventPattern: would a rule with this pattern match this event?"""

from __future__ import annotations

import orjson

from forebay.bus.operators import InvalidPattern
from forebay.bus.pattern import compile_pattern
from forebay.wire.events.base import SERVICE, invalid
from forebay.wire.events.refusal import refusal
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json


@SERVICE.operation("TestEventPattern", partial="an event need not have the envelope's fields")
async def test_event_pattern(asked: Asked, given: Json) -> Json:
    """Match an event against a pattern."""
    del asked
    try:
        pattern = compile_pattern(given["EventPattern"])
    except InvalidPattern as error:
        message = refusal(given["EventPattern"], error)
        raise AwsError("InvalidEventPatternException", message) from None
    try:
        event = orjson.loads(given["Event"])
    except ValueError:
        raise invalid("Parameter Event is not valid.") from None
    if not isinstance(event, dict):
        raise invalid("Parameter Event is not valid.")
    return {"Result": pattern.matches(event)}
