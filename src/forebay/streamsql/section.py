"""The `streamsql` section: Flink SQL over streams."""

from __future__ import annotations

from typing import Annotated, ClassVar

from forebay.project.field import WAS, Field
from forebay.project.model import Spec
from forebay.project.section import Section


class StreamSqlSpec(Spec, frozen=True, kw_only=True):
    """A job in Flink SQL."""

    scalar_doc: ClassVar[str | None] = "the file"

    file: Annotated[
        str, Field("Flink SQL that reads and writes streams.", example="streams/bots.sql", kind="path")
    ]
    idle: Annotated[
        float | None,
        Field(
            "A shard without events for so long does not hold windows back.", example="10s", kind="duration"
        ),
    ] = None
    state_ttl: Annotated[
        float,
        Field("How long a key of an updating query is remembered.", example="1h", kind="duration", minimum=1),
    ] = 3600.0
    was: Annotated[str | None, WAS] = None

    @classmethod
    def scalar(cls, text: str) -> dict[str, str]:
        """A bare scalar is the file."""
        return {"file": text}


SECTION = Section(
    noun="streamsql",
    title="Stream SQL",
    doc="Each entry is a file of Flink SQL: windows, filters and joins over streams, into streams.",
    example="""\
bots: streams/bots.sql
""",
    spec=StreamSqlSpec,
    holds=lambda _: True,
    later="stream SQL is not built yet",
)
