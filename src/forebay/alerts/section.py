"""The `alerts` section: conditions."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from forebay.project.field import Field
from forebay.project.model import Ref, Spec
from forebay.project.section import Section


class AlertSpec(Spec, frozen=True, kw_only=True):
    """A condition on a metric or on a query's only value."""

    one_of: ClassVar[tuple[str, ...]] = ("sql", "metric")

    sql: Annotated[
        str | None, Field("A query of one value.", example="select max(n) from suspicious", kind="sql")
    ] = None
    metric: Annotated[
        str | None,
        Field("A metric: `<noun>.<name>.<what>`.", example="ingest.clicks.accepted"),
    ] = None
    when: Annotated[
        str,
        Field(
            "The condition: `=`, `!=`, `>`, `>=`, `<` or `<=`, and a number.",
            example='"> 10"',
            kind="condition",
        ),
    ]
    for_: Annotated[
        float,
        Field("How long it must hold.", example="10s", yaml="for", kind="duration", minimum=0),
    ] = 0.0
    during: Annotated[
        str | None,
        Field("The hours it counts in, in the project's time zone.", example='"09:00-23:00"', kind="span"),
    ] = None
    every: Annotated[
        float, Field("How often it is looked at.", example="10s", kind="duration", minimum=1)
    ] = 10.0
    missing: Annotated[
        Literal["missing", "ignore", "breaching", "not_breaching"],
        Field("What no value means."),
    ] = "missing"
    notify: Annotated[
        list[Ref],
        Field(
            "Who is told, of alarm and of recovery.",
            example="[topics.ops]",
            refs=("topics", "functions"),
            feeds="to",
            one=True,
        ),
    ] = []
    description: Annotated[str | None, Field("What it means.", example="Somebody clicks too fast")] = None


SECTION = Section(
    noun="alerts",
    title="Alerts",
    doc="Each entry is a condition that tells somebody when it begins to hold, and when it ends.",
    example="""\
burst: {sql: select max(n) from suspicious, when: "> 10", for: 10s, notify: [topics.ops]}
silent: {metric: ingest.clicks.accepted, when: "= 0", for: 30m, during: "09:00-23:00", notify: topics.ops}
""",
    spec=AlertSpec,
    later="alerts are not built yet",
)
