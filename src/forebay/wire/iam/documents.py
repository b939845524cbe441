"""Policy documents as IAM checks them when they are put: in its order, in its words.

What a document means is `access.policy`'s; it has the last word on whatever passes here.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator
from typing import Any

from forebay.access.policy import MalformedPolicy, parse_policy
from forebay.wire.protocol.message import AwsError
from forebay.wire.service import Json

_ELEMENTS = {"Sid", "Effect", "Principal", "NotPrincipal", "Condition"}
_ELEMENTS |= {"Action", "NotAction", "Resource", "NotResource"}
_KINDS = ("", "Not", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
_CONDITIONS = {
    *(f"String{kind}" for kind in ("Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase")),
    *("StringLike", "StringNotLike", "Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "Null"),
    *("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"),
    *(f"{of}{kind}" for of in ("Numeric", "Date") for kind in ("Equals", "NotEquals", *_KINDS[2:])),
}
_PARTITIONS = ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc")
_PATHS = (
    *("user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/"),
    *("policy/", "sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/"),
)
_TRUSTED = (
    *("AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "SetContext"),
    *("SetSourceIdentity", "TagSession"),
)
_MOST = (1 << 63) - 1
SYNTAX = "Syntax errors in policy."
LEGACY = "The policy failed legacy parsing"


def malformed(message: str) -> AwsError:
    """MalformedPolicyDocument."""
    return AwsError("MalformedPolicyDocument", message, http=400)


def check_document(text: str, *, trust: bool = False, managed: bool = False) -> None:
    """Raise MalformedPolicyDocument for what IAM would not take: of a managed policy no older version either."""
    statements, version = _read(text)
    if managed and version != "2012-10-17":
        raise malformed("Policy document must be version 2012-10-17 or greater.")
    problem = _legacy(statements)
    sids = [statement["Sid"] for statement in statements if statement.get("Sid")]
    if len(set(sids)) != len(sids):
        raise malformed("Statement IDs (SID) in a single policy must be unique.")
    for statement in statements:
        if not statement.get("Action", statement.get("NotAction", [])) and "" not in (
            statement.get("Action"),
            statement.get("NotAction"),
        ):
            raise malformed("Policy statement must contain actions.")
    if problem is not None:
        raise malformed(problem)
    for statement in statements:
        for action in _each(statement, "Action"):
            _action(action)
    for statement in statements:
        has = statement.get("Resource", statement.get("NotResource"))
        if trust:
            _trusted(statement)
        elif has is None or has == []:
            raise malformed("Policy statement must contain resources.")
    try:
        parse_policy(text, resource_policy=trust)
    except MalformedPolicy as error:
        raise malformed(re.sub(r" ?\(statement \d+\)$", "", error.message)) from None


def _read(text: str) -> tuple[list[Json], Any]:
    """(statements, version) of a document whose every element is of its kind."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise malformed(SYNTAX) from None
    if not isinstance(document, dict) or set(document) - {"Version", "Id", "Statement"}:
        raise malformed(SYNTAX)
    found = document.get("Statement")
    statements = [found] if isinstance(found, dict) else found
    right = (
        document.get("Version", "2008-10-17") in ("2008-10-17", "2012-10-17")
        and isinstance(document.get("Id", ""), str)
        and isinstance(statements, list)
        and bool(statements)
        and all(map(_is_statement, statements))
    )
    if not right or not isinstance(statements, list):
        raise malformed(SYNTAX)
    return statements, document.get("Version")


def _is_statement(statement: Any) -> bool:
    if not isinstance(statement, dict) or set(statement) - _ELEMENTS:
        return False
    for name in ("Action", "Resource", "Principal"):
        if name in statement and f"Not{name}" in statement:
            return False
    for name in ("Action", "NotAction", "Resource", "NotResource"):
        given = statement.get(name, [])
        if not isinstance(given, str | list):
            return False
        if isinstance(given, list) and not all(isinstance(each, str) for each in given):
            return False
    effect = statement.get("Effect")
    if not isinstance(effect, str) or effect.lower() not in ("allow", "deny"):
        return False
    return isinstance(statement.get("Sid", ""), str) and _is_condition(statement.get("Condition", {}))


def _is_condition(condition: Any) -> bool:
    if not isinstance(condition, dict):
        return False
    for operator, keys in condition.items():
        if not isinstance(keys, dict):
            return False
        if not all(isinstance(value, bool | list | str | int | float) for value in keys.values()):
            return False
        if keys and _operator(operator) not in _CONDITIONS:
            return False
    return True


def _operator(name: str) -> str:
    for before in ("ForAnyValue:", "ForAllValues:"):
        name = name.removeprefix(before)
    return name.removesuffix("IfExists")


def _each(statement: Json, name: str) -> Iterator[str]:
    for key in (name, f"Not{name}"):
        given = statement.get(key, [])
        yield from given if isinstance(given, list) else [given]


def _legacy(statements: list[Json]) -> str | None:
    """The first that is wrong with a resource; what IAM's older parser does not read is refused here."""
    problem = None
    for statement in statements:
        if statement["Effect"] not in ("Allow", "Deny"):
            raise malformed(LEGACY)
        for operator, keys in (statement.get("Condition") or {}).items():
            if _operator(operator).startswith("Date") and not all(
                _is_date(str(value))
                for values in keys.values()
                for value in (values if isinstance(values, list) else [values])
            ):
                raise malformed(LEGACY)
    for statement in statements:
        for resource in _each(statement, "Resource"):
            problem = problem or _resource(resource)
            if problem is None and resource != "*":
                colons = resource.count(":")
                if (colons < 5 and "::" in resource) or resource.split(":")[2] == "":
                    raise malformed(LEGACY)
    return problem


def _resource(resource: str) -> str | None:
    """What is wrong with the form of an ARN."""
    if resource == "*":
        return None
    first, *rest = resource.split(":", 2)
    if not rest:
        return f'Resource {first} must be in ARN format or "*".'
    partition = rest[0]
    if partition != "*" and partition not in _PARTITIONS:
        parts = rest[1].split(":", 3) if len(rest) > 1 and rest[1] else ["*"]
        shown = ":".join([*parts, *["*"] * (4 - len(parts))])
        return f'Partition "{partition}" is not valid for resource "arn:{partition}:{shown}".'
    if len(rest) == 1:
        return "Resource vendor must be fully qualified and cannot contain regexes."
    service, _, tail = rest[1].partition(":")
    region, _, named = tail.partition(":")
    path = named.partition(":")[2]
    if service in ("iam", "s3") and region and tail and not path.startswith("accesspoint/"):
        word = "IAM resource {} cannot" if service == "iam" else "Resource {} can not"
        return f"{word.format(resource)} contain region information."
    if service == "iam" and path != "*" and not path.startswith(_PATHS):
        return f'IAM resource path must either be "*" or start with {", ".join(_PATHS)}.'
    return None


def _is_date(text: str) -> bool:
    """Whether IAM's older parser takes it for a moment: seconds, or ISO 8601."""
    if "t" not in text.lower() and "-" not in text:
        return text.isdecimal() and int(text) <= _MOST
    match = re.fullmatch(
        r"-?(\d{1,9})(?:-(\d{1,2}))?(?:-(\d{1,2}))?"
        r"(?:t(?:(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9}))?(?:z|\+\d{2}(?::\d{2})?|-\d{2}(?::\d{2})?)?)?z?)?)?)?",
        text.lower(),
    )
    if match is None:
        return False
    _, month, day, hour, minute, second, _ = (None if g is None else int(g) for g in match.groups())
    bounds = ((month, 1, 12), (day, 1, 31), (hour, 0, 23), (minute, 0, 59), (second, 0, 59))
    return all(value is None or low <= value <= high for value, low, high in bounds)


def _action(action: str) -> None:
    vendor, *rest = action.split(":")
    if not rest and vendor != "*":
        raise malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    if len(rest) > 1:
        raise malformed("Actions/Condition can contain only one colon.")
    if vendor != "*" and re.search(r"[^a-zA-Z0-9\-.]", vendor):
        raise malformed(f"Vendor {vendor} is not valid")


def _trusted(statement: Json) -> None:
    for action in _each(statement, "Action"):
        if not any(fnmatch.fnmatchcase(f"sts:{one}".lower(), action.lower()) for one in _TRUSTED):
            raise malformed(
                "Trust Policy statement actions can only be sts:AssumeRole, "
                "sts:AssumeRoleWithSAML,  and sts:AssumeRoleWithWebIdentity"
            )
    for name in ("Resource", "NotResource"):
        if name in statement:
            raise malformed(f"Has prohibited field {name}")
    if "Principal" not in statement and "NotPrincipal" not in statement:
        raise malformed("Missing required field Principal")
