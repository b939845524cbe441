"""The `topics` section: who is told."""

from __future__ import annotations

from typing import Annotated, Any

from forebay.project.field import Field
from forebay.project.model import Spec
from forebay.project.section import Section


class TopicSpec(Spec, frozen=True, kw_only=True):
    """A topic and its subscribers. Any of the values may be a secret."""

    email: Annotated[list[str], Field("Addresses.", example="[ops@example.org]", one=True, secrets=True)] = []
    webhook: Annotated[
        list[str],
        Field("URLs that get a POST.", example='["${secret:OPS_HOOK}"]', one=True, secrets=True),
    ] = []
    services: Annotated[
        list[str],
        Field(
            "Addresses of the notification library.",
            example='["slack://${secret:SLACK}"]',
            one=True,
            secrets=True,
        ),
    ] = []
    functions: Annotated[
        list[str],
        Field(
            "Functions that are called with the message.",
            example="[alert]",
            refs=("functions",),
            one=True,
            feeds="to",
        ),
    ] = []
    filter: Annotated[
        dict[str, Any] | None,
        Field("Only messages whose attributes match.", example="{level: [high]}", kind="pattern"),
    ] = None


SECTION = Section(
    noun="topics",
    title="Topics",
    doc="Each entry is a name under which people and services are told.",
    example="""\
ops: {email: [ops@example.org], webhook: ["${secret:OPS_HOOK}"]}
""",
    spec=TopicSpec,
    later="topics are not built yet",
)
