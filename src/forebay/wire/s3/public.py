"""Whether a bucket's policy is public: it is, unless all that it allows is for fixed values of who asks or from where.

Source: 'The meaning of "public"' in "Blocking public access to your Amazon S3 storage" (Amazon S3 User Guide).
"""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any

Json = dict[str, Any]

_OPERATORS = frozenset(
    f"{quantifier}{name}"
    for quantifier in ("", "ForAnyValue:")
    for name in ("StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "IpAddress")
)
"""Those that hold for nobody who does not have the key."""
_KEYS = frozenset(
    f"aws:{name}".lower()
    for name in (
        *("SourceIp", "SourceArn", "SourceVpc", "SourceVpce", "SourceOwner", "SourceAccount", "userid"),
        *("PrincipalArn", "PrincipalAccount", "PrincipalOrgID", "PrincipalOrgPaths"),
    )
) | {"s3:dataaccesspointarn", "s3:dataaccesspointaccount", "s3:x-amz-server-side-encryption-aws-kms-key-id"}
_ACCESS_POINT = re.compile(r"arn:aws[a-z-]*:s3:[^:]*:\d{12}:")
_BROADEST = {4: 8, 6: 32}
"""Bits that an address must have fixed, by the version of IP."""


def is_public(text: str) -> bool:
    """Whether a policy that was checked lets everybody in."""
    statements = json.loads(text)["Statement"]
    return any(
        each["Effect"] == "Allow" and _is_anybodys(each) and not _is_narrowed(each.get("Condition") or {})
        for each in (statements if isinstance(statements, list) else [statements])
    )


def _is_anybodys(statement: Json) -> bool:
    if "NotPrincipal" in statement:
        return True
    named = statement["Principal"]
    kinds = named.values() if isinstance(named, dict) else [named]
    return any("*" in str(name) for kind in kinds for name in _listed(kind))


def _is_narrowed(condition: Json) -> bool:
    return any(
        operator in _OPERATORS
        and key.lower() in _KEYS
        and all(_is_fixed(key.lower(), str(value)) for value in _listed(values))
        for operator, tests in condition.items()
        for key, values in tests.items()
    )


def _is_fixed(key: str, value: str) -> bool:
    if key == "aws:sourceip":
        try:
            network = ipaddress.ip_network(value, strict=False)
        except ValueError:
            return False
        return network.prefixlen >= _BROADEST[network.version]
    if key == "s3:dataaccesspointarn":  # whose name may be any, of an account that is not
        return _ACCESS_POINT.match(value) is not None
    return not set("*?$") & set(value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
