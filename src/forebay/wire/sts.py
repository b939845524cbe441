"""STS: who asks, and temporary credentials for roles."""

from __future__ import annotations

import re
from typing import Literal

from forebay.access.identity import Identity
from forebay.access.policy import Context, MalformedPolicy, parse_policy
from forebay.access.sessions import Session, new_id, secret_of, token_of
from forebay.arn import ACCOUNT
from forebay.clock import now_us
from forebay.runtime.directory import ROLE, Directory, arn_of
from forebay.wire.conditions import conditions
from forebay.wire.iam.caller import role_identity
from forebay.wire.protocol.message import AwsError
from forebay.wire.rights import write_down
from forebay.wire.service import Asked, Json, Service

SERVICE = Service("sts", validation="ValidationError")


@SERVICE.operation("GetCallerIdentity")
async def get_caller_identity(asked: Asked, given: Json) -> Json:
    """Who asks."""
    return {"UserId": asked.identity.id, "Account": ACCOUNT, "Arn": asked.identity.arn}


@SERVICE.operation("GetAccessKeyInfo")
async def get_access_key_info(asked: Asked, given: Json) -> Json:
    """The account, which is one."""
    return {"Account": ACCOUNT}


@SERVICE.operation("GetSessionToken", partial="there is no MFA")
async def get_session_token(asked: Asked, given: Json) -> Json:
    """Temporary credentials of the user who asks."""
    who = asked.identity
    if who.kind == "role" or (who.bounded and "x-amz-security-token" in asked.request.headers):
        raise AwsError("AccessDenied", "Cannot call GetSessionToken with session credentials", http=403)
    kind: Literal["root", "user"] = "root" if who.kind == "root" else "user"
    name = who.arn.rpartition("/")[2] if kind == "user" else ""
    expires = now_us() / 1e6 + (given.get("DurationSeconds") or 43_200)
    session = Session(new_id("ASIA"), kind, name, "", float(int(expires)), who.id)
    return {"Credentials": _credentials(asked, session)}


def _credentials(asked: Asked, session: Session) -> Json:
    master = Directory.of(asked.system).master()
    return {
        "AccessKeyId": session.key_id,
        "SecretAccessKey": secret_of(session.key_id, master),
        "SessionToken": token_of(session, master),
        "Expiration": session.expires,
    }


@SERVICE.operation("AssumeRole", partial="no MFA, session tags or source identity")
async def assume_role(asked: Asked, given: Json) -> Json:
    """Temporary credentials of a role that trusts who asks."""
    match = re.fullmatch(r"arn:aws[a-z-]*:iam::(\d{12}):role(/[\x21-\x7e]*)", given["RoleArn"])
    if match is None:
        raise AwsError("ValidationError", f"{given['RoleArn']} is invalid", http=400)
    directory = Directory.of(asked.system)
    role = directory.get(ROLE, match[2].rpartition("/")[2])
    trusted = role is not None and _trusted(asked.identity, role, _context(asked, given))
    write_down(asked, "sts:AssumeRole", given["RoleArn"], "allow" if trusted else "implicit")
    if role is None or arn_of(ROLE, role) != given["RoleArn"] or not trusted:
        raise AwsError(
            "AccessDenied",
            f"User: {asked.identity.arn} is not authorized to perform: sts:AssumeRole on resource: {given['RoleArn']}",
            http=403,
        )
    seconds = given.get("DurationSeconds") or 3600
    if seconds > role["longest"]:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            http=400,
        )
    name = given["RoleSessionName"]
    session = Session(
        new_id("ASIA"),
        "role",
        role["name"],
        name,
        float(now_us() // 1_000_000 + seconds),
        role["id"],
        _narrowed(asked, given),
    )
    who = role_identity(directory, role, name)
    return {
        "Credentials": _credentials(asked, session),
        "AssumedRoleUser": {"AssumedRoleId": who.id, "Arn": who.arn},
        **({"PackedPolicySize": 1} if session.policy else {}),
    }


def _context(asked: Asked, given: Json) -> Context:
    """The condition keys of AssumeRole."""
    keys = conditions(asked, given)
    keys["sts:rolesessionname"] = given["RoleSessionName"]
    if given.get("ExternalId"):
        keys["sts:externalid"] = given["ExternalId"]
    return keys


def _trusted(who: Identity, role: Json, context: Context) -> bool:
    """Root may; others if the role names them, or names the account and their own policies let them."""
    if not who.bounded:
        return True
    arn = arn_of(ROLE, role)
    trust = parse_policy(role["trust"], resource_policy=True)
    if who.named_by(trust, "sts:AssumeRole", arn, {**who.context, **context}) != "allow":
        return False
    mine = who.decide("sts:AssumeRole", arn, context)
    by_name = any(
        name in (who.arn, *who.also)
        for statement in trust
        if statement.allow
        for _, name in statement.principals or ()
    )
    return mine == "allow" or (mine == "implicit" and by_name)


def _narrowed(asked: Asked, given: Json) -> tuple[str, ...] | None:
    texts = [given["Policy"]] if given.get("Policy") else []
    for each in given.get("PolicyArns") or ():
        text = Directory.of(asked.system).policy_text(each.get("arn", ""))
        if text is None:
            raise AwsError("MalformedPolicyDocument", f"Policy {each.get('arn')} does not exist.", http=400)
        texts.append(text)
    try:
        for text in texts:
            parse_policy(text)
    except MalformedPolicy as error:
        raise AwsError("MalformedPolicyDocument", error.message, http=400) from None
    if sum(map(len, texts)) > 2048:
        raise AwsError("PackedPolicyTooLarge", "The session policies pass 2048 characters", http=400)
    return tuple(texts) or None
