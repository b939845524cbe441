"""Users, roles, policies and keys: those of the project and those made over the wire, as documents.

A person (`user` or `role`) is {name, path, id, created, tags, inline: {name: text}, attached: [arn]}, a role
has `trust`, `description` and `longest` besides. Secrets of access keys are kept as they are, since SigV4
cannot be verified with less; `state.db` is readable by its owner only.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from typing import Any

from forebay.access.declared import document
from forebay.access.managed import managed_text
from forebay.access.section import AccessSpec, RoleSpec
from forebay.access.sessions import new_id, new_secret
from forebay.arn import ACCOUNT
from forebay.clock import now_us
from forebay.errors import NotFound, UsageError
from forebay.project.model import Project
from forebay.runtime.documents import Documents
from forebay.runtime.system import System

Json = dict[str, Any]

USER, ROLE, POLICY, KEY, SETTINGS = "iam.user", "iam.role", "iam.policy", "iam.key", "iam.settings"
MOST_KEYS = 2
"""A user may have this many access keys."""
_IDS = {USER: "AIDA", ROLE: "AROA"}
_TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::'
    + ACCOUNT
    + ':root"},'
    '"Action":"sts:AssumeRole"}]}'
)


def access_of(project: Project) -> AccessSpec:
    """The project's `access` section, or its defaults."""
    for spec in project.sections.get("access", {}).values():
        if isinstance(spec, AccessSpec):
            return spec
    return AccessSpec()


def arn_of(kind: str, doc: Json) -> str:
    """The ARN of a user, role or policy."""
    return f"arn:aws:iam::{ACCOUNT}:{kind.partition('.')[2]}{doc['path']}{doc['name']}"


class Directory:
    """All who may have rights in one system."""

    def __init__(self, documents: Documents, access: AccessSpec) -> None:
        self.documents = documents
        self._access = access

    @classmethod
    def of(cls, system: System) -> Directory:
        """The directory of a running system."""
        return cls(system.documents, access_of(system.declared()))

    def declared(self, kind: str, name: str) -> bool:
        """Whether the project declares it."""
        return name in self._declared(kind)

    def get(self, kind: str, name: str) -> Json | None:
        """A user, role or managed policy; None if there is none."""
        found = self._declared(kind).get(name)
        if found is None:
            return self.documents.get(kind, name)
        if kind == POLICY:
            versions = {"v1": {"text": document(found), "created": 0}}
            return {**_shared(kind, name), "description": "", "default": "v1", "versions": versions}
        assert isinstance(found, RoleSpec)
        attached = [f"arn:aws:iam::{ACCOUNT}:policy/{each}" for each in found.policies]
        role = {"trust": _TRUST, "description": "", "longest": 3600} if kind == ROLE else {}
        return {**_shared(kind, name), "inline": {}, "attached": attached, **role}

    def all(self, kind: str) -> Iterator[Json]:
        """All of a kind, by name."""
        names = set(self._declared(kind)) | {id for id, _ in self.documents.all(kind)}
        for name in sorted(names):
            found = self.get(kind, name)
            if found is not None:
                yield found

    def put(self, kind: str, doc: Json) -> None:
        """Make or replace one."""
        self.documents.put(kind, doc["name"], doc)

    def policy_text(self, arn: str) -> str | None:
        """The default version of a managed policy, AWS's own too."""
        prefix = f"arn:aws:iam::{ACCOUNT}:policy/"
        if not arn.startswith(prefix):
            return managed_text(arn)
        found = self.get(POLICY, arn.rpartition("/")[2])
        if found is None or arn_of(POLICY, found) != arn:
            return None
        text: str = found["versions"][found["default"]]["text"]
        return text

    def texts(self, doc: Json) -> Iterator[str]:
        """Every policy that a user or role has."""
        yield from doc["inline"].values()
        for arn in doc["attached"]:
            text = self.policy_text(arn)
            if text is not None:
                yield text

    def new_key(self, user: str) -> tuple[str, Json]:
        """An access key for `user`. Raises NotFound `NoSuchUser`, UsageError `TooManyKeys`."""
        if self.get(USER, user) is None:
            known = ", ".join(doc["name"] for doc in self.all(USER)) or "none"
            raise NotFound(
                "NoSuchUser",
                f"there is no user {user}",
                why=f"there are: {known}",
                fix="declare it under access.users, or make it with IAM's CreateUser",
            )
        if sum(key["user"] == user for _, key in self.documents.all(KEY)) >= MOST_KEYS:
            raise UsageError(
                "TooManyKeys",
                f"{user} has {MOST_KEYS} access keys already",
                fix="delete one with IAM's DeleteAccessKey",
            )
        id = new_id("AKIA")
        key = {"user": user, "secret": new_secret(), "status": "Active", "created": now_us()}
        self.documents.put(KEY, id, key)
        return id, key

    def master(self) -> bytes:
        """What temporary credentials are sealed with; made when first needed."""
        found = self.documents.get(SETTINGS, "sessions")
        if found is None:
            found = {"secret": secrets.token_hex(32)}
            self.documents.put(SETTINGS, "sessions", found)
        return bytes.fromhex(found["secret"])

    def _declared(self, kind: str) -> dict[str, Any]:
        match kind:
            case "iam.user":
                return dict(self._access.users)
            case "iam.role":
                return dict(self._access.roles)
            case "iam.policy":
                return dict(self._access.policies)
        return {}


def _shared(kind: str, name: str) -> Json:
    digest = hashlib.sha256(f"{kind}\0{name}".encode()).hexdigest().upper()
    return {
        "name": name,
        "path": "/",
        "id": f"{_IDS.get(kind, 'ANPA')}{digest[:17]}",
        "created": 0,
        "tags": [],
    }
