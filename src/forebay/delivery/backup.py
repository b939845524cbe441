"""A copy of what a delivery takes in, as it came: a delivery of its own that reads the same log.

It is not declared: it is there because another says `backup`, under that one's name and `-backup`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from forebay.project.field import Field
from forebay.project.model import Location, Ref, Spec


class BufferSpec(Spec, frozen=True, kw_only=True):
    """When what is buffered becomes an object: whichever comes first."""

    seconds: Annotated[
        float,
        Field("The oldest event waits this long.", example="60", kind="seconds", minimum=0, maximum=86400),
    ] = 60.0
    bytes: Annotated[
        int,
        Field(
            "This much is buffered.",
            example="64",
            yaml="megabytes",
            kind="megabytes",
            minimum=1,
            maximum=4 << 30,
        ),
    ] = 64 << 20


class BackupSpec(Spec, frozen=True, kw_only=True):
    """Where and how the copy is kept."""

    keyed: ClassVar[str | None] = "to"
    scalar_doc: ClassVar[str | None] = "bucket and prefix"

    to: Annotated[
        Location, Field("Bucket and prefix of the copies.", example="lake.shop/as-it-came/", feeds="to")
    ]
    buffer: Annotated[
        BufferSpec, Field("When an object is written.", example="{seconds: 60, megabytes: 64}")
    ] = BufferSpec()
    compression: Annotated[Literal["none", "gzip", "snappy", "zip", "zstd"], Field("Of the objects.")] = (
        "none"
    )
    prefix: Annotated[
        str | None,
        Field("Follows `to` in an object's key, as a delivery's.", kind="prefix"),
    ] = None

    @classmethod
    def scalar(cls, text: str) -> dict[str, str]:
        """A bare scalar is the place."""
        return {"to": text}


def backup_name(name: str) -> str:
    """The name of the delivery that keeps the copies of `name`."""
    return f"{name}-backup"


def with_backups(entries: Mapping[str, Spec]) -> dict[str, Spec]:
    """The deliveries, with those that their backups are. Somebody's own of that name stays."""
    found = dict(entries)
    for name, spec in entries.items():
        backup: BackupSpec | None = getattr(spec, "backup", None)
        if backup is not None and backup_name(name) not in entries:
            found[backup_name(name)] = type(spec)(
                from_=getattr(spec, "from_", None) or Ref("delivery", name),
                to=backup.to,
                buffer=backup.buffer,
                compression=backup.compression,
                prefix=backup.prefix,
                format="raw",
            )
    return found
