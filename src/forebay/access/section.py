"""The `access` section: who may do what."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from forebay.project.check import Check
from forebay.project.field import Field
from forebay.project.model import Spec
from forebay.project.near import nearest
from forebay.project.section import Section


class StatementSpec(Spec, frozen=True, kw_only=True):
    """A statement of a policy, as on IAM but in lower case."""

    effect: Annotated[Literal["allow", "deny"], Field("What the statement does.")] = "allow"
    actions: Annotated[
        list[str], Field("Of AWS's names; `*` and `?` match.", example='["s3:Get*"]', one=True)
    ]
    resources: Annotated[
        list[str],
        Field("ARNs, or names as in this file; `*` and `?` match.", example='["lake.shop/raw/*"]', one=True),
    ] = msgspec.field(default_factory=lambda: ["*"])
    condition: Annotated[
        dict[str, Any] | None,
        Field("AWS's conditions.", example='{StringLike: {"s3:prefix": "raw/*"}}'),
    ] = None


class RoleSpec(Spec, frozen=True, kw_only=True):
    """Somebody with rights."""

    policies: Annotated[list[str], Field("Names of policies below.", example="[read]", one=True)] = []


class AccessSpec(Spec, frozen=True, kw_only=True):
    """Who may do what."""

    unsigned: Annotated[
        bool,
        Field("On loopback, accept requests to the AWS port that are unsigned or signed with `test`."),
    ] = True
    hosts: Annotated[
        list[str],
        Field(
            "Names besides loopback's own by which a request may call us (`Host`).",
            example="[events.local]",
            kind="host",
        ),
    ] = []
    origins: Annotated[
        list[str],
        Field(
            "Web origins whose pages may use the console's API.",
            example='["https://ops.example"]',
            kind="origin",
        ),
    ] = []
    policies: Annotated[
        dict[str, list[StatementSpec]],
        Field("Statements, by name.", example='{read: [{actions: "s3:Get*"}]}'),
    ] = {}
    users: Annotated[
        dict[str, RoleSpec],
        Field("Who `forebay keys` may make AWS keys for.", example="{analyst: {policies: [read]}}"),
    ] = {}
    roles: Annotated[
        dict[str, RoleSpec],
        Field("What AssumeRole may take.", example="{loader: {policies: [read]}}"),
    ] = {}


def _check(check: Check) -> None:
    for _, spec in check.entries("access", AccessSpec):
        for kind, people in (("users", spec.users), ("roles", spec.roles)):
            for name, person in people.items():
                for index, policy in enumerate(person.policies):
                    if policy not in spec.policies:
                        near = nearest(policy, spec.policies)
                        check.add(
                            "UnknownReference",
                            ("access", kind, name, "policies", index),
                            f"there is no policy {policy}",
                            fix=f"did you mean {near}?" if near else "add it under access.policies",
                        )


SECTION = Section(
    noun="access",
    title="Access",
    doc="Keys, policies and the names under which this system may be called. API keys are made by `forebay keys`.",
    example="""\
hosts: [events.local]
""",
    spec=AccessSpec,
    single=True,
    check=_check,
)
