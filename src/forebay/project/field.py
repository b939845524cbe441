"""What is known of one field of a spec besides its type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "text",  # as it stands
    "duration",  # 30s, 24h, 1h30m → seconds
    "seconds",  # a bare number of seconds
    "size",  # 64MiB → bytes
    "megabytes",  # a bare number of MiB → bytes
    "rate",  # 2000/s → events a second
    "path",  # a file of the project, relative to its folder; must exist
    "handler",  # file.attr (a Lambda handler) or file.py:attr (a plain function); must exist
    "callable",  # file.py:attr, with parameters of the caller's choice; must exist
    "route",  # METHOD /path/{parameter}
    "type",  # an Athena type
    "clock",  # HH:MM
    "span",  # HH:MM-HH:MM
    "timezone",  # Europe/Berlin
    "sql",  # Athena SQL
    "prefix",  # AWS's prefix expressions: !{timestamp:yyyy/MM/dd}
    "pattern",  # an EventBridge pattern
    "condition",  # > 10
    "origin",  # https://shop.example, as a browser sends it
    "host",  # events.local, without a port
    "name",  # an identifier of the user's
]


@dataclass(frozen=True, slots=True)
class Field:
    """The second half of `Annotated[type, Field(...)]`.

    `doc` is a sentence for the reference page and for editors; `example` is YAML as one would write it.
    `yaml` is the key in the file where it is not the attribute's name (`from` for `from_`). `refs` are
    the nouns that a reference may name. `feeds` says which way events go: `to` or `from` what is named, or by a
    `rule` to what reads them here at a position of its own. `one`: a single item may stand without its list. `later`: set
    it and `forebay run` refuses, with this reason.
    """

    doc: str
    example: str | None = None
    kind: Kind = "text"
    yaml: str | None = None
    refs: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    one: bool = False
    feeds: Literal["to", "from", "rule"] | None = None
    secrets: bool = False
    later: str | None = None


WAS = Field("The name it had before. Its data stays with it.", example="old_name", kind="name")
