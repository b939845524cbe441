"""What IAM's operations share: finding people, their documents, IAM's words, pages of lists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NoReturn
from urllib.parse import quote

from forebay.access.sessions import new_id
from forebay.clock import now_us
from forebay.runtime.directory import POLICY, ROLE, USER, Directory, arn_of
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Asked, Json, Service

SERVICE = Service("iam", validation="ValidationError")

WHAT = {USER: "user", ROLE: "role"}
_IDS = {USER: "AIDA", ROLE: "AROA", POLICY: "ANPA"}


def missing(message: str) -> AwsError:
    """NoSuchEntity."""
    return AwsError("NoSuchEntity", message, http=404)


def exists(message: str) -> AwsError:
    """EntityAlreadyExists."""
    return AwsError("EntityAlreadyExists", message, http=409)


def conflict(message: str) -> AwsError:
    """DeleteConflict."""
    return AwsError("DeleteConflict", message, http=409)


def whose(given: Json) -> tuple[str, str]:
    """The kind and name of which an operation asks that there is for users and for roles."""
    return (USER, given["UserName"]) if "UserName" in given else (ROLE, given["RoleName"])


def person(asked: Asked, kind: str, name: str) -> Json:
    """A user or role. Raises NoSuchEntity."""
    found = Directory.of(asked.system).get(kind, name)
    if found is None:
        raise missing(f"The {WHAT[kind]} with name {name} cannot be found.")
    return found


def own(asked: Asked, kind: str, name: str) -> Json:
    """A user or role that may be changed here. Raises NoSuchEntity, UnmodifiableEntity."""
    found = person(asked, kind, name)
    refuse_declared(asked, kind, name)
    return found


def refuse_declared(asked: Asked, kind: str, name: str) -> None:
    """Raise UnmodifiableEntity for what the project declares."""
    if Directory.of(asked.system).declared(kind, name):
        raise AwsError(
            "UnmodifiableEntity",
            f"{name} is declared in the project under access and is changed in forebay.yaml only",
            http=400,
        )


def save(asked: Asked, kind: str, doc: Json) -> None:
    """Keep a change."""
    Directory.of(asked.system).put(kind, doc)


def made(asked: Asked, kind: str, name: str, given: Json) -> Json:
    """A new user, role or policy. Raises EntityAlreadyExists."""
    if Directory.of(asked.system).get(kind, name) is not None:
        if kind == POLICY:
            raise exists(f"A policy called {name} already exists. Duplicate names are not allowed.")
        raise exists(f"{WHAT[kind].capitalize()} with name {name} already exists.")
    tags = given.get("Tags") or []
    check_tags(tags)
    return {
        "name": name,
        "path": path_of(given),
        "id": new_id(_IDS[kind]),
        "created": now_us(),
        "tags": tags,
        "inline": {},
        "attached": [],
    }


def path_of(given: Json) -> str:
    """The asked path. Raises ValidationError."""
    path: str = given.get("Path") or "/"
    if not re.fullmatch(r"/|/[\x21-\x7e]+/", path):
        raise AwsError(
            "ValidationError",
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric"
            " characters and/or / characters.",
            http=400,
        )
    return path


def encoded(text: str) -> str:
    """A document as answers carry it."""
    return quote(text, safe="-_.~")


def dated(us: int) -> float:
    """UTC microseconds as a timestamp of an answer, whole seconds."""
    return float(us // 1_000_000)


def shown(kind: str, doc: Json) -> Json:
    """A user or role as answers carry it."""
    noun = WHAT[kind].capitalize()
    answer: Json = {
        "Path": doc["path"],
        f"{noun}Name": doc["name"],
        f"{noun}Id": doc["id"],
        "Arn": arn_of(kind, doc),
        "CreateDate": dated(doc["created"]),
    }
    if doc["tags"]:
        answer["Tags"] = doc["tags"]
    if kind == ROLE:
        answer |= {
            "AssumeRolePolicyDocument": encoded(doc["trust"]),
            "MaxSessionDuration": doc["longest"],
        }
        if doc["description"]:
            answer["Description"] = doc["description"]
    return answer


def page(items: Sequence[Any], given: Json) -> tuple[list[Any], Json]:
    """The asked page of a list, and `{IsTruncated, Marker}`. Raises ValidationError."""
    marker = given.get("Marker") or "0"
    if not marker.isascii() or not marker.isdigit():
        raise AwsError("ValidationError", "Invalid Marker.", http=400)
    start, most = int(marker), given.get("MaxItems") or 100
    rest = list(items[start : start + most])
    more = start + most < len(items)
    return rest, {"IsTruncated": more, **({"Marker": str(start + most)} if more else {})}


def check_tags(tags: Sequence[Json]) -> None:
    """Raise InvalidInput, LimitExceeded."""
    keys = [tag["Key"].lower() for tag in tags]
    if len(set(keys)) != len(keys):
        raise AwsError(
            "InvalidInput",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            http=400,
        )
    if len(tags) > 50:
        raise AwsError("LimitExceeded", "Cannot exceed quota for TagsPerEntity: 50", http=409)


def no_policy(arn: str) -> NoReturn:
    """Raise NoSuchEntity for a managed policy."""
    raise missing(f"Policy {arn} was not found.")
