"""TestEventPattern: would a rule with this pattern match this event?"""

from __future__ import annotations

import json

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
        event = _event(given["Event"])
    except (ValueError, RecursionError):
        raise invalid("Parameter Event is not valid.") from None
    if not isinstance(event, dict):
        raise invalid("Parameter Event is not valid.")
    return {"Result": pattern.matches(event)}


def _event(text: str) -> object:
    """An event; also one with numbers that are past those of a double. Raises ValueError."""
    try:
        return orjson.loads(text)
    except ValueError:
        # Python's floats say infinity where orjson refuses: equal to nothing that a pattern compares with.
        return json.loads(text, parse_int=_whole, parse_constant=_no_constant)


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < 300 else float(digits)
