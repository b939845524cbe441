"""JSON Schema at the door: what an event must look like, and where it does not."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import msgspec

from forebay.errors import ForebayError

_REASON = 300


def _no_retrieval(uri: str) -> Any:
    raise ValueError(f"schemas are read from the project only, not from {uri}")


class Schema:
    """A compiled JSON Schema (its `$schema` says the draft; 2020-12 otherwise).

    Raises ForebayError `InvalidSchema` if `text` is no JSON or no schema, or refers to one elsewhere:
    nothing is ever fetched.
    """

    def __init__(self, text: bytes, where: str) -> None:
        try:
            self._validator: Any = jsonschema_rs.validator_for(
                msgspec.json.decode(text), retriever=_no_retrieval
            )
        except (msgspec.DecodeError, jsonschema_rs.ValidationError, ValueError) as error:
            said = getattr(error, "message", None) or str(error)
            raise ForebayError("InvalidSchema", f"{where} is no JSON Schema: {said}", where=where) from None

    def failure(self, event: bytes | msgspec.Raw) -> tuple[str, str] | None:
        """The path and reason of the first thing that does not fit, or None."""
        value = msgspec.json.decode(event)
        if self._validator.is_valid(value):
            return None
        error = next(iter(self._validator.iter_errors(value)))
        return json_path(error.instance_path), str(error.message)[:_REASON]


def json_path(parts: list[str | int]) -> str:
    """`$.items[0].price`; a name that is no identifier is quoted: `$["unit price"]`."""
    path = "$"
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part.isidentifier():
            path += f".{part}"
        else:
            path += f"[{msgspec.json.encode(part).decode()}]"
    return path
