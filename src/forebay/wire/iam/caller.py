"""From the key that a request is signed with to whose it is and what that one may do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from forebay.access.identity import ROOT, Identity
from forebay.access.policy import MalformedPolicy, Statement, parse_policy
from forebay.access.sessions import Session, open_token, secret_of
from forebay.arn import ACCOUNT
from forebay.runtime.directory import KEY, ROLE, USER, Directory, Json, arn_of

_NONE = parse_policy('{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}')


def lasting(directory: Directory, key_id: str) -> tuple[str, Json] | None:
    """The secret and user of an active access key; None if there is none."""
    key = directory.documents.get(KEY, key_id)
    if key is None or key["status"] != "Active":
        return None
    user = directory.get(USER, key["user"])
    return None if user is None else (key["secret"], user)


def temporary(directory: Directory, key_id: str, token: str) -> tuple[str, Session] | None:
    """The secret and session of temporary credentials; None if the token is not this system's, or not the key's."""
    master = directory.master()
    session = open_token(token, master)
    if session is None or session.key_id != key_id:
        return None
    return secret_of(key_id, master), session


def user_identity(directory: Directory, user: Json) -> Identity:
    """What a user is and may do."""
    context: dict[str, str] = {
        "aws:username": user["name"],
        "aws:userid": user["id"],
        "aws:principaltype": "User",
        **_principal(arn_of(USER, user), user),
    }
    return Identity(
        arn_of(USER, user), user["id"], "user", statements(directory.texts(user)), context=context
    )


def session_identity(directory: Directory, session: Session) -> Identity | None:
    """What temporary credentials stand for; None if its user or role is gone."""
    if session.kind == "root":
        return ROOT
    if session.kind == "user":
        user = directory.get(USER, session.name)
        return user_identity(directory, user) if user is not None and user["id"] == session.id else None
    role = directory.get(ROLE, session.name)
    if role is None or session.id not in ("", role["id"]):
        return None
    return role_identity(directory, role, session.session, session.policy)


def role_identity(
    directory: Directory, role: Json, session: str, policies: tuple[str, ...] | None = None
) -> Identity:
    """What a role is and may do, assumed under the name `session`; `policies` narrow it."""
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role['name']}/{session}"
    return Identity(
        arn,
        f"{role['id']}:{session}",
        "role",
        statements(directory.texts(role)),
        None if policies is None else statements(policies),
        (arn_of(ROLE, role),),
        {
            "aws:userid": f"{role['id']}:{session}",
            "aws:principaltype": "AssumedRole",
            **_principal(arn_of(ROLE, role), role),
        },
    )


def _principal(arn: str, doc: Json) -> Mapping[str, str]:
    tags = {f"aws:principaltag/{tag['Key'].lower()}": tag["Value"] for tag in doc["tags"]}
    return {"aws:principalarn": arn, "aws:principalaccount": ACCOUNT, **tags}


def statements(texts: Iterable[str]) -> tuple[Statement, ...]:
    """All statements of these policies. One that does not parse lets nothing happen."""
    found: list[Statement] = []
    for text in texts:
        try:
            found += parse_policy(text)
        except MalformedPolicy:
            found += _NONE
    return tuple(found)
