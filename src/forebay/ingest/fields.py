"""Fields of an event that the door itself needs, read without decoding the rest of it.

The partition key of a stream, the field of `unique`, and the path parameters' names are compiled into
one decoder per route, so that checking that a body is JSON objects and finding those fields is one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType


class Fields:
    """Decodes events to the raw values of `names` (top-level fields), everything else being skipped.

    Where a name occurs twice in one event, the last counts.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.names = tuple(dict.fromkeys(names))
        places = {name: f"f{index}" for index, name in enumerate(self.names)}
        shape = msgspec.defstruct(
            "Event",
            [(place, Raw | UnsetType, UNSET) for place in places.values()],
            rename={place: name for name, place in places.items()},
            gc=False,  # it holds nothing that could refer back to it
        )
        self._place = places
        self.one: Any = msgspec.json.Decoder(shape).decode
        self.lines: Any = msgspec.json.Decoder(shape).decode_lines
        self.array: Any = msgspec.json.Decoder(list[shape]).decode  # type: ignore[valid-type]

    def value(self, event: Any, name: str) -> bytes | None:
        """The value of a field: a string's text in UTF-8, else its JSON text; None if absent or null."""
        raw = getattr(event, self._place[name])
        if raw is UNSET:
            return None
        text = bytes(raw)
        if text[0] == 0x22:
            decoded: str = msgspec.json.decode(text)
            return decoded.encode()
        return None if text == b"null" else text

    def has(self, event: Any, name: str) -> bool:
        """Whether the event has the field at all."""
        return getattr(event, self._place[name]) is not UNSET
