"""What is selected, as bytes: CSV or JSON by the request's delimiters and quotation marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from forebay.query.s3select.moments import Moment
from forebay.query.s3select.values import MISSING, plain, text


@dataclass(frozen=True, slots=True)
class CsvForm:
    """How rows are written. `always` puts every field into quotation marks."""

    field: str = ","
    record: str = "\n"
    quote: str = '"'
    escape: str = '"'
    always: bool = False

    def row(self, names: Sequence[str], values: Sequence[Any]) -> bytes:
        """One record."""
        return (self.field.join(map(self._field, values)) + self.record).encode()

    def _field(self, value: Any) -> str:
        found = value if type(value) is str else _csv_text(value)
        quote = self.quote
        special = self.field in found or quote in found or self.record in found or "\n" in found
        if quote and (self.always or special or "\r" in found):
            return f"{quote}{found.replace(quote, self.escape + quote)}{quote}"
        return found


def _csv_text(value: Any) -> str:
    if value is None or value is MISSING:
        return ""
    return _json(value).decode() if isinstance(value, list | dict) else text(value)


@dataclass(frozen=True, slots=True)
class JsonForm:
    """How objects are written."""

    record: str = "\n"

    def row(self, names: Sequence[str], values: Sequence[Any]) -> bytes:
        """One record; what is missing has no name."""
        pairs = (
            orjson.dumps(name) + b":" + _json(value)
            for name, value in zip(names, values, strict=True)
            if value is not MISSING
        )
        return b"{" + b",".join(pairs) + b"}" + self.record.encode()


Form = CsvForm | JsonForm


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=_other, option=orjson.OPT_PASSTHROUGH_DATACLASS)
    except orjson.JSONEncodeError:  # whole numbers beyond 64 bits
        return orjson.dumps(_split(value), default=_other, option=orjson.OPT_PASSTHROUGH_DATACLASS)


def _other(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(plain(value))
    if isinstance(value, Moment):
        return value.text()
    if value is MISSING:
        return None
    raise TypeError(type(value))


def _split(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _split(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_split(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return orjson.Fragment(str(value))
    return value
