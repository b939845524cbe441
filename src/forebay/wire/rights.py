"""Whether who asks may: (action, resource) of the call → policies, each decision written down.

needs of the call ─▶ identity's policies, the bucket's policy ─▶ allowed, or AccessDenied in the service's words
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Literal

from forebay.access.actions import Need, Needs, changes, needs
from forebay.access.audit import Audit
from forebay.access.identity import Identity, Verdict
from forebay.access.policy import OF_OBJECT, OF_RESOURCE, Context
from forebay.arn import name_in
from forebay.layout import Layout
from forebay.runtime.directory import ROLE, USER, Directory, arn_of
from forebay.wire.conditions import conditions, through
from forebay.wire.protocol.message import AwsError
from forebay.wire.refused import check_known, denied, sentence
from forebay.wire.resource_policies import policy_of
from forebay.wire.service import Asked, Json
from forebay.wire.tagged import tags_of


async def authorise(asked: Asked, given: Json, who: Identity) -> None:
    """Raise AwsError unless the policies let `who` do what is asked.

    Of the keys of a DeleteObjects each is decided by itself: those that are refused are in `asked.denied`.
    """
    if asked.service == "sts" and asked.operation in ("GetCallerIdentity", "GetSessionToken", "AssumeRole"):
        return  # needs no permission; AssumeRole asks the role's trust policy itself
    context = conditions(asked, given)
    singly = (asked.service, asked.operation) == ("s3", "DeleteObjects")
    for need in _needs(asked, given, who):
        decision, resource = await judge(asked, who, need, context)
        if decision == "allow":
            continue
        if who.kind == "anonymous":
            _missed(asked, given)
        if not singly:
            raise denied(words(asked), who, need.action, resource, decision)
        key = need.resource.removeprefix("arn:aws:s3:::").partition("/")[2]
        shown = f'"{resource}"'
        asked.denied[need.action, key] = sentence(who, need.action, shown, decision)
    if who.kind == "anonymous":
        check_known(asked.operation, asked.request.method)


async def also(asked: Asked, given: Json, wanted: Iterable[Need]) -> None:
    """Raise AwsError unless the caller may do this, too: what an operation needs by what it found."""
    if not asked.identity.bounded:
        return
    context = conditions(asked, given)
    for need in wanted:
        decision, resource = await judge(asked, asked.identity, need, context)
        if decision != "allow":
            raise denied(words(asked), asked.identity, need.action, resource, decision)


async def allowed(asked: Asked, given: Json, wanted: Iterable[Need]) -> set[str]:
    """Those actions that the caller may do, where an answer says more to who may; nobody is refused, nor noted."""
    context, who = conditions(asked, given), asked.identity
    return {each.action for each in wanted if (await _decided(asked, who, each, context))[0] == "allow"}


async def judge(asked: Asked, who: Identity, need: Need, context: Context) -> tuple[Verdict, str]:
    """What the policies say of one need, and the resource's ARN as the caller names it; written down."""
    decision, resource = await _decided(asked, who, need, context)
    write_down(asked, need.action, resource, decision, who.arn)
    return decision, resource


async def _decided(asked: Asked, who: Identity, need: Need, context: Context) -> tuple[Verdict, str]:
    theirs = await policy_of(asked, need.resource)
    context = {**context, **need.context}
    for key in (OF_OBJECT, OF_RESOURCE):
        if who.speaks_of(key, theirs):
            context |= await tags_of(asked, need, key)
    return who.judge(need.action, need.resource, context, theirs, region=asked.region)


async def forbidden(asked: Asked, wanted: Iterable[Need]) -> str | None:
    """Why one of `wanted` may not be done on the caller's behalf by the service that was asked; None if all may."""
    return await judged(asked, asked.identity, wanted)


async def judged(asked: Asked, who: Identity, wanted: Iterable[Need]) -> str | None:
    """Why the service may not do one of `wanted` as `who`; None if it may do all."""
    if not who.bounded:
        return None
    context = through(asked)
    for need in wanted:
        decision, resource = await judge(asked, who, need, context)
        if decision != "allow":
            return sentence(who, need.action, resource, decision)
    return None


async def hidden(asked: Asked, given: Json, error: AwsError) -> AwsError:
    """S3 tells those who may not list a bucket that they are denied, not that a key is not there."""
    bucket = given.get("Bucket")
    if error.code not in ("NoSuchKey", "NoSuchVersion") or not bucket or not asked.identity.bounded:
        return error
    need = Need("s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": str(given.get("Key", ""))})
    decision, resource = await judge(asked, asked.identity, need, conditions(asked, {}))
    if decision == "allow":
        return error
    return denied(words(asked), asked.identity, need.action, resource, decision)


def _missed(asked: Asked, given: Json) -> None:
    """Raise AwsError `NoSuchBucket`, which S3 tells even those whom it does not know."""
    from forebay.wire.s3.base import bucket_names, no_such_bucket  # noqa: PLC0415 - only who asks S3 needs it

    bucket = given.get("Bucket")
    if bucket and asked.operation != "CreateBucket" and bucket not in bucket_names(asked.system):
        raise no_such_bucket(bucket)


def _needs(asked: Asked, given: Json, who: Identity) -> Needs:
    documents = asked.system.documents
    if asked.service == "athena":
        groups = [
            doc["WorkGroup"]
            for member, kind in _ATHENA.items()
            for id in (given.get(member), *(given.get(f"{member}s") or ()))
            if id and (doc := documents.get(kind, id)) is not None
        ]
        if groups:
            action = f"athena:{asked.operation}"
            return [Need(action, asked.arn(f"workgroup/{name}")) for name in dict.fromkeys(groups)]
    if asked.service == "iam":
        if who.kind == "user" and "UserName" not in given and asked.operation in _OWN:
            given = {**given, "UserName": str(who.context["aws:username"])}
        for kind, member in ((USER, "UserName"), (ROLE, "RoleName")):
            found = Directory.of(asked.system).get(kind, given[member]) if given.get(member) else None
            if found is not None:  # with its path
                given = {**given, "arn": arn_of(kind, found)}
                own = needs(asked.service, asked.operation, given, asked.arn)
                return [Need(each.action, given["arn"], each.context) for each in own]
    if asked.service == "kinesis" and given.get("ShardIterator") and not given.get("StreamARN"):
        from forebay.wire.kinesis import iterators  # noqa: PLC0415 - only who reads Kinesis needs it

        iterator = iterators.read(given["ShardIterator"], iterators.secret_of(documents))
        given = {**given, "StreamName": iterator.stream}
    if asked.operation in _OF_CONSUMERS and not given.get("ConsumerARN"):
        stream, name = name_in(str(given.get("StreamARN")), "kinesis", "stream/"), given.get("ConsumerName")
        found = documents.get("kinesis.consumer", f"{stream}/{name}")
        if found is not None:
            made = found["created"] // 1_000_000
            given = {**given, "ConsumerARN": asked.arn(f"stream/{stream}/consumer/{name}:{made}")}
    if asked.service == "kinesis" and asked.operation == "ListShards" and given.get("NextToken"):
        from forebay.wire.kinesis.tokens import untoken  # noqa: PLC0415 - as above

        given = {**given, "StreamName": untoken(asked, given["NextToken"])[0]}
    return [_real(asked, each) for each in needs(asked.service, asked.operation, given, asked.arn)]


def _real(asked: Asked, need: Need) -> Need:
    """A role is known by its name: the one that would be handed on is asked for, whatever path was written."""
    if need.action != "iam:PassRole":
        return need
    role = Directory.of(asked.system).get(ROLE, need.resource.rpartition("/")[2])
    return need if role is None else need._replace(resource=arn_of(ROLE, role))


_OWN = ("GetUser", "CreateAccessKey", "ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey")
_OF_CONSUMERS = ("DescribeStreamConsumer", "DeregisterStreamConsumer")
_ATHENA = {"QueryExecutionId": "athena.execution", "NamedQueryId": "athena.named"}


# The audit log.


@functools.cache
def audit(layout: Layout) -> Audit:
    """The audit log of a state folder."""
    return Audit(layout.logs / "audit.log")


def write_down(
    asked: Asked, action: str, resource: str, decision: Verdict, principal: str | None = None
) -> None:
    """Keep a decision about who asks, unless it is of somebody else."""
    said: Literal["allowed", "denied"] = "allowed" if decision == "allow" else "denied"
    request = asked.request
    audit(asked.system.layout).note(
        principal or asked.identity.arn, action, resource, said, request.request_id, client=request.client
    )


def note_change(asked: Asked, given: Mapping[str, object]) -> None:
    """Write down that something was changed, and by whom."""
    if changes(asked.operation):
        try:
            action, resource, *_ = needs(asked.service, asked.operation, given, asked.arn)[0]
        except (AttributeError, TypeError, KeyError):  # members that only this operation understands
            action, resource = f"{asked.service}:{asked.operation}", "*"
        audit(asked.system.layout).note(
            asked.principal,
            action,
            resource,
            "changed",
            asked.request.request_id,
            client=asked.request.client,
        )


def words(asked: Asked) -> str:
    """Whose words a refusal is put in: the protocol's, and S3's own."""
    return "rest-xml" if asked.service == "s3" else asked.protocol
