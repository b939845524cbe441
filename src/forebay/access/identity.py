"""Who asks, and what their policies let them do.

    identity policies ∩ the session's own policy, or a resource's policy; an explicit Deny of any wins

Contract: "Policy evaluation logic" (IAM User Guide), within one account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from forebay.access.policy import Asked, Context, Decision, Statement, decide
from forebay.arn import ACCOUNT, REGION

ROOT_ARN = f"arn:aws:iam::{ACCOUNT}:root"
ANONYMOUS = "anonymous"
Verdict = Decision | Literal["denied by resource"]
"""What all policies say together: a Deny of the resource's own is told from one of the identity's."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One caller. `id` is its unique id (`AIDA...`, `AROA...:session`), `also` further ARNs by which policies
    of resources may name it (a session's role). Where `bounded` is false nothing is asked of policies.
    """

    arn: str = ROOT_ARN
    id: str = ACCOUNT
    kind: Literal["root", "user", "role", "anonymous"] = "root"
    statements: tuple[Statement, ...] = ()
    session: tuple[Statement, ...] | None = None
    also: tuple[str, ...] = ()
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict)

    @property
    def bounded(self) -> bool:
        """Whether policies decide."""
        return self.kind != "root"

    def speaks_of(self, key: str, resource_policy: Sequence[Statement] = ()) -> bool:
        """Whether any condition that counts for this caller has a key that begins so."""
        groups = (self.statements, self.session or (), resource_policy)
        return any(each.speaks_of(key) for group in groups for each in group)

    def decide(
        self, action: str, resource: str, context: Context, resource_policy: Sequence[Statement] = ()
    ) -> Verdict:
        """May this caller do `action` on `resource`? `resource_policy` is the resource's own."""
        if not self.bounded:
            return "allow"
        full = {**self.context, **context}
        own = decide(self.statements, Asked(action, resource, self.arn, full))
        if self.session is not None:
            narrowed = decide(self.session, Asked(action, resource, self.arn, full))
            own = _both(own, narrowed)
        theirs = self.named_by(resource_policy, action, resource, full)
        if theirs == "allow":
            granting = [each for each in resource_policy if each.grants((self.arn, *self.also))]
            theirs = self.named_by(granting, action, resource, full)
        if own == "deny":
            return "deny"
        if theirs == "deny":
            return "denied by resource"
        return "allow" if "allow" in (own, theirs) else "implicit"

    def whole(
        self, action: str, prefix: str, context: Context, resource_policy: Sequence[Statement] = ()
    ) -> bool:
        """Whether `action` is surely allowed on everything whose ARN begins with `prefix`. Where it is not sure,
        each resource has to be decided by itself.
        """
        if not self.bounded:
            return True
        full = {**self.context, **context}
        groups = [self.statements, *([] if self.session is None else [self.session])]
        if any(
            not each.allow and each.names(action) for group in (*groups, resource_policy) for each in group
        ):
            return False
        asked = Asked(action, prefix, self.arn, full)
        if all(any(each.allow and each.covers(asked) for each in group) for group in groups):
            return True
        names = (self.arn, *self.also)
        return any(
            each.allow and each.grants(names) and each.covers(Asked(action, prefix, name, full))
            for each in resource_policy
            for name in names
        )

    def judge(
        self,
        action: str,
        resource: str,
        context: Context,
        resource_policy: Sequence[Statement] = (),
        *,
        region: str = REGION,
    ) -> tuple[Verdict, str]:
        """`decide` for a resource as it is named in `region`, and its ARN there.

        What is here is here in every region: a Deny on it may not be passed by signing for another.
        """
        here = in_region(resource, region)
        decision = self.decide(action, here, context, resource_policy)
        everywhere = in_region(here, REGION)
        if everywhere != here:
            there = self.decide(action, everywhere, context, resource_policy)
            decision = there if there in ("deny", "denied by resource") else decision
        return decision, here

    def named_by(
        self, statements: Sequence[Statement], action: str, resource: str, context: Context
    ) -> Decision:
        """What a resource's policy says of this caller, under any of its ARNs."""
        names = (self.arn, *self.also)
        said = {decide(statements, Asked(action, resource, name, context)) for name in names}
        return "deny" if "deny" in said else "allow" if "allow" in said else "implicit"


def in_region(resource: str, region: str) -> str:
    """An ARN as that of a resource of this partition and account in `region`, where its service has regions."""
    parts = resource.split(":", 5)
    if len(parts) < 6:
        return resource
    place = parts[3:5] if parts[2] in _EVERYWHERE else [region, ACCOUNT]
    return ":".join(["arn", "aws", parts[2], *place, parts[5]])


_EVERYWHERE = ("s3", "iam", "sts")
"""Services whose ARNs say no region."""


def _both(one: Decision, other: Decision) -> Decision:
    if "deny" in (one, other):
        return "deny"
    return "allow" if one == other == "allow" else "implicit"


ROOT = Identity()
NOBODY = Identity(
    "*",
    ANONYMOUS,
    "anonymous",
    context={"aws:userid": ANONYMOUS, "aws:principaltype": "Anonymous"},
)
"""Who does not sign, where signatures are wanted: a bucket's policy may still let everybody in."""
