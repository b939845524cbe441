"""The `simulate` section: generators of events."""

from __future__ import annotations

from typing import Annotated, ClassVar

from forebay.project.field import Field
from forebay.project.model import Ref, Spec
from forebay.project.section import Section


class SimulatorSpec(Spec, frozen=True, kw_only=True):
    """A generator of events; `function` or `template`."""

    one_of: ClassVar[tuple[str, ...]] = ("function", "template")

    function: Annotated[
        str | None,
        Field(
            "A plain function that returns an event.", example="simulate/evening.py:click", kind="callable"
        ),
    ] = None
    template: Annotated[
        str | None,
        Field(
            "A template of the Kinesis Data Generator.",
            example="simulate/shoppers.json",
            kind="path",
            later="templates of the Kinesis Data Generator are not built yet; write a `function`",
        ),
    ] = None
    rate: Annotated[float, Field("Events per second.", example="50/s", kind="rate")]
    to: Annotated[
        Ref,
        Field(
            "Where they go.",
            example="ingest.clicks",
            refs=("ingest", "streams", "delivery", "bus"),
            feeds="to",
        ),
    ]


SECTION = Section(
    noun="simulate",
    title="Generators",
    doc="Each entry makes events, while `forebay simulate` or `forebay run --simulate` runs.",
    example="""\
evening: {function: "simulate/evening.py:click", rate: 50/s, to: ingest.clicks}
""",
    spec=SimulatorSpec,
)
