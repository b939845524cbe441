"""IAM policies, evaluated: an explicit Deny wins, then an Allow, else no.

Contract: "IAM JSON policy elements reference" and "Policy evaluation logic" (IAM User Guide).
"""

from __future__ import annotations

import datetime as dt
import functools
import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from forebay.errors import ForebayError

Decision = Literal["allow", "deny", "implicit"]
Context = Mapping[str, str | Sequence[str]]

MOST_BYTES = 20_480
OF_OBJECT, OF_RESOURCE = "s3:existingobjecttag/", "aws:resourcetag/"
"""How the condition keys begin that have the tags of what is asked for."""


class MalformedPolicy(ForebayError):
    """A policy document that IAM would refuse (`MalformedPolicyDocument`)."""

    status = 400

    def __init__(self, message: str) -> None:
        super().__init__("MalformedPolicyDocument", message)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, read. Absent parts are None."""

    allow: bool
    actions: tuple[str, ...]
    not_actions: bool
    resources: tuple[str, ...] | None
    not_resources: bool
    principals: tuple[tuple[str, str], ...] | None
    not_principals: bool
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]

    def applies(self, asked: Asked) -> bool:
        """Does the statement speak of this request at all?"""
        if not self.names(asked.action):
            return False
        if self.resources is not None:
            hit = any(like(_filled(resource, asked.context), asked.resource) for resource in self.resources)
            if hit == self.not_resources:
                return False
        return self._under(asked)

    def covers(self, asked: Asked) -> bool:
        """Does it surely speak of every resource whose ARN begins with `asked.resource`?"""
        if not self.names(asked.action) or self.not_resources:
            return False
        if self.resources is not None:
            patterns = (_filled(resource, asked.context) for resource in self.resources)
            if not any(_open(each) and like(each, asked.resource) for each in patterns):
                return False
        return self._under(asked)

    def speaks_of(self, key: str) -> bool:
        """Is there a condition whose key begins so (in lower case)?"""
        return any(name.startswith(key) for _, name, _ in self.conditions)

    def grants(self, names: Iterable[str]) -> bool:
        """Does it name one of these itself? Naming their account leaves it to the account's own policies."""
        named = {name for _, name in self.principals or ()}
        return self.not_principals or "*" in named or not named.isdisjoint(names)

    def names(self, action: str) -> bool:
        """Does it speak of this action, on anything?"""
        return any(like(each.lower(), action.lower()) for each in self.actions) != self.not_actions

    def _under(self, asked: Asked) -> bool:
        """Is it of this principal, and do its conditions hold?"""
        if (
            self.principals is not None
            and any(_is(p, asked.principal) for p in self.principals) == self.not_principals
        ):
            return False
        return all(_holds(operator, key, values, asked.context) for operator, key, values in self.conditions)


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to do: `kinesis:PutRecords` on an ARN. `context` has condition keys in lower case."""

    action: str
    resource: str
    principal: str = "*"
    context: Context = field(default_factory=dict)


@functools.lru_cache(maxsize=1024)
def parse_policy(text: str, *, resource_policy: bool = False) -> tuple[Statement, ...]:
    """Read a policy document. Raises MalformedPolicy, with the place.

    A resource's policy (a bucket's) names principals; an identity's must not.
    """
    if len(text) > MOST_BYTES:
        raise MalformedPolicy(f"The policy passes {MOST_BYTES} characters")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedPolicy("Syntax errors in policy.") from None
    if not isinstance(document, dict):
        raise MalformedPolicy("Syntax errors in policy.")
    if document.get("Version", "2008-10-17") not in ("2012-10-17", "2008-10-17"):
        raise MalformedPolicy("The policy must contain a valid version string")
    unknown = set(document) - {"Version", "Id", "Statement"}
    if unknown or "Statement" not in document:
        raise MalformedPolicy("Syntax errors in policy.")
    statements = document["Statement"]
    statements = statements if isinstance(statements, list) else [statements]
    return tuple(_statement(each, at, resource_policy) for at, each in enumerate(statements))


_ELEMENTS = {
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}


def _statement(given: Any, at: int, resource_policy: bool) -> Statement:
    where = f"statement {at + 1}"
    if not isinstance(given, dict) or set(given) - _ELEMENTS:
        raise MalformedPolicy(f"Syntax errors in policy. ({where})")
    if given.get("Effect") not in ("Allow", "Deny"):
        raise MalformedPolicy(f"Effect must be Allow or Deny. ({where})")
    if ("Action" in given) == ("NotAction" in given):
        raise MalformedPolicy(f"Policy statement must contain actions. ({where})")
    if "Resource" in given and "NotResource" in given:
        raise MalformedPolicy(f"Policy statement has both Resource and NotResource. ({where})")
    has_principal = "Principal" in given or "NotPrincipal" in given
    if resource_policy and not has_principal:
        raise MalformedPolicy(f"Missing required field Principal ({where})")
    if not resource_policy and has_principal:
        raise MalformedPolicy("Policy document should not specify a principal.")
    resources = given.get("Resource", given.get("NotResource"))
    if resources is None and not resource_policy:
        raise MalformedPolicy(f"Policy statement must contain resources. ({where})")
    actions = _strings(given.get("Action", given.get("NotAction")), where)
    for action in actions:
        if action != "*" and ":" not in action:
            raise MalformedPolicy(
                f"Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc. ({where})"
            )
    return Statement(
        given["Effect"] == "Allow",
        actions,
        "NotAction" in given,
        None if resources is None else _strings(resources, where),
        "NotResource" in given,
        _principals(given.get("Principal", given.get("NotPrincipal")), where) if has_principal else None,
        "NotPrincipal" in given,
        tuple(_conditions(given.get("Condition", {}), where)),
    )


def _strings(value: Any, where: str) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(each, str) for each in values):
        raise MalformedPolicy(f"Syntax errors in policy. ({where})")
    return tuple(values)


def _principals(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    if isinstance(value, str):
        if value != "*":
            raise MalformedPolicy(f"Invalid principal in policy ({where})")
        return (("*", "*"),)
    if not isinstance(value, dict) or not value:
        raise MalformedPolicy(f"Invalid principal in policy ({where})")
    return tuple((kind, each) for kind, given in value.items() for each in _strings(given, where))


def _is(principal: tuple[str, str], asking: str) -> bool:
    kind, name = principal
    if name == "*":
        return True
    if kind == "AWS" and re.fullmatch(r"\d{12}", name):
        return f":{name}:" in asking
    if kind == "AWS" and name.endswith(":root"):
        return asking.split(":")[4:5] == name.split(":")[4:5]
    return name == asking


_OPERATORS: dict[str, Callable[[str, str], bool]] = {}


def _conditions(given: Any, where: str) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    if not isinstance(given, dict):
        raise MalformedPolicy(f"Syntax errors in policy. ({where})")
    for operator, keys in given.items():
        quantifier, _, rest = operator.rpartition(":")
        known = rest.removesuffix("IfExists") in _OPERATORS or rest == "Null"
        if (not known or quantifier not in ("", "ForAllValues", "ForAnyValue")) and keys != {}:
            raise MalformedPolicy(f"Invalid Condition type : {operator}. ({where})")
        if not isinstance(keys, dict):
            raise MalformedPolicy(f"Syntax errors in policy. ({where})")
        for key, values in keys.items():
            texts = [_text(v) for v in (values if isinstance(values, list) else [values])]
            yield operator, key.lower(), tuple(texts)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _holds(operator: str, key: str, values: tuple[str, ...], context: Context) -> bool:
    quantifier, _, rest = operator.rpartition(":")
    base = rest.removesuffix("IfExists")
    found = context.get(key)
    if base == "Null":
        return bool(values) and (found is None) == (values[0].lower() == "true")
    if found is None:
        return rest.endswith("IfExists") or quantifier == "ForAllValues" or _negated(base)
    given = [found] if isinstance(found, str) else list(found)
    test = _OPERATORS[base]
    wanted = [
        _filled(value, context, plain="Like" not in base and not base.startswith("Arn")) for value in values
    ]

    def passes(one: str) -> bool:
        if _negated(base):
            return all(test(one, value) for value in wanted)
        return any(test(one, value) for value in wanted)

    return all(map(passes, given)) if quantifier == "ForAllValues" else any(map(passes, given))


def _negated(base: str) -> bool:
    return "Not" in base


def _number(one: str, other: str, compare: Callable[[float, float], bool]) -> bool:
    try:
        return compare(float(one), float(other))
    except ValueError:
        return False


def _date(one: str, other: str, compare: Callable[[float, float], bool]) -> bool:
    try:
        return compare(_seconds(one), _seconds(other))
    except ValueError:
        return False


def _seconds(text: str) -> float:
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return float(text)
    moment = dt.datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def _in_network(one: str, block: str) -> bool:
    try:
        return ipaddress.ip_address(one) in ipaddress.ip_network(block, strict=False)
    except ValueError:
        return False


def _arn_like(one: str, pattern: str) -> bool:
    mine, theirs = one.split(":", 5), pattern.split(":", 5)
    return len(mine) == len(theirs) and all(like(p, m) for m, p in zip(mine, theirs, strict=True))


_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "Equals": lambda a, b: a == b,
    "NotEquals": lambda a, b: a != b,
    "LessThan": lambda a, b: a < b,
    "LessThanEquals": lambda a, b: a <= b,
    "GreaterThan": lambda a, b: a > b,
    "GreaterThanEquals": lambda a, b: a >= b,
}
for _name, _compare in _COMPARE.items():
    _OPERATORS[f"Numeric{_name}"] = functools.partial(_number, compare=_compare)
    _OPERATORS[f"Date{_name}"] = functools.partial(_date, compare=_compare)
_OPERATORS |= {
    "StringEquals": lambda a, b: a == b,
    "StringNotEquals": lambda a, b: a != b,
    "StringEqualsIgnoreCase": lambda a, b: a.lower() == b.lower(),
    "StringNotEqualsIgnoreCase": lambda a, b: a.lower() != b.lower(),
    "StringLike": lambda a, b: like(b, a),
    "StringNotLike": lambda a, b: not like(b, a),
    "Bool": lambda a, b: a.lower() == b.lower(),
    "BinaryEquals": lambda a, b: a == b,
    "IpAddress": _in_network,
    "NotIpAddress": lambda a, b: not _in_network(a, b),
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "ArnNotEquals": lambda a, b: not _arn_like(a, b),
    "ArnNotLike": lambda a, b: not _arn_like(a, b),
}

_VARIABLE = re.compile(r"\$\{([^},]+)(?:,\s*'([^']*)')?\}")
_LITERAL = "\ufdd0"
"""Before a character of a pattern that stands for itself; no text of a request has it."""


def _filled(pattern: str, context: Context, *, plain: bool = False) -> str:
    """Policy variables put in: `${aws:username}`, `${aws:PrincipalTag/team, 'none'}`.

    `${*}`, `${?}` and `${$}` are those characters themselves, and what a variable holds matches nothing but
    itself. `plain`: the text is compared, not matched.
    """
    if "${" not in pattern:
        return pattern

    def value(match: re.Match[str]) -> str:
        name = match[1].strip()
        found = name if name in ("*", "?", "$") else context.get(name.lower(), match[2])
        if not isinstance(found, str):
            return match[0]
        return found if plain else re.sub(r"[*?]", lambda each: _LITERAL + each[0], found)

    return _VARIABLE.sub(value, pattern)


def _open(pattern: str) -> bool:
    """Whether a pattern lets anything follow."""
    return pattern.endswith("*") and not pattern.endswith(f"{_LITERAL}*")


@functools.lru_cache(maxsize=4096)
def _glob(pattern: str) -> re.Pattern[str]:
    """The pattern as an expression that never goes back: what follows a `*` is taken where it first occurs."""
    pieces = [""]
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == _LITERAL:
            at += 1
            pieces[-1] += re.escape(pattern[at : at + 1])
        elif char == "*":
            pieces.append("")
        else:
            pieces[-1] += "." if char == "?" else re.escape(char)
        at += 1
    first, *inner = pieces
    if not inner:
        return re.compile(first, re.DOTALL)
    last = inner.pop()
    return re.compile(first + "".join(f"(?>.*?{piece})" for piece in inner) + f".*{last}", re.DOTALL)


def like(pattern: str, text: str) -> bool:
    """Whether a text is as a pattern of `*` and `?` says."""
    if pattern == "*":
        return True
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    return _glob(pattern).fullmatch(text) is not None


def decide(statements: Iterable[Statement], asked: Asked) -> Decision:
    """What these statements, together, say of a request."""
    decision: Decision = "implicit"
    for statement in statements:
        if statement.applies(asked):
            if not statement.allow:
                return "deny"
            decision = "allow"
    return decision
