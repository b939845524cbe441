"""What S3 refuses of lifecycle rules, in its own words: "Lifecycle configuration elements" says most of what it holds them to.

`check_rule` looks at one, `check_together` at all that a bucket is given. Both raise AwsError `MalformedXML`,
`InvalidRequest`, `InvalidArgument`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from forebay.wire.protocol.message import AwsError
from forebay.wire.s3.base import invalid, malformed
from forebay.wire.service import Json

LEAST = 30
_WARM = ("STANDARD_IA", "ONEZONE_IA")
"""Classes to which an object does not go before it is so many days old."""
_COLDER = ("GLACIER", "DEEP_ARCHIVE")
"""Classes of which each is reached after the one before it."""
_MOST = 2**31 - 1
"""S3's counts are 32 bits wide."""
_LARGEST = 1_000 << 40
_UNITS = frozenset(("Days", "Date", "NoncurrentDays"))
_GREATER, _LESS = "ObjectSizeGreaterThan", "ObjectSizeLessThan"
_OF_AND = ("Prefix", _GREATER, _LESS)
_ACTIONS = (
    "Expiration",
    "Transitions",
    "NoncurrentVersionTransitions",
    "NoncurrentVersionExpiration",
    "AbortIncompleteMultipartUpload",
)


def check_rule(rule: Json) -> None:
    """Hold a rule against what S3 says of each by itself."""
    if rule.get("Status") not in ("Enabled", "Disabled") or ("Filter" in rule) == ("Prefix" in rule):
        raise malformed()
    if rule.get("NoncurrentVersionExpiration") == {}:
        raise malformed()
    if not any(rule.get(name) for name in _ACTIONS):
        raise _refused("At least one action needs to be specified in a rule")
    if any(isinstance(each, int) and each > _MOST for part in _parts(rule) for each in part.values()):
        raise malformed()
    _check_filter(rule.get("Filter") or {})
    wanted = _wanted(rule)
    tags, sizes = "Tag" in wanted or "Tags" in wanted, _GREATER in wanted or _LESS in wanted
    if (gone := rule.get("Expiration")) is not None:
        _check_expiration(gone, tags=tags, sizes=sizes)
    if (older := rule.get("NoncurrentVersionExpiration")) is not None:
        if "NoncurrentDays" not in older:
            raise malformed()
        _check_positive(older["NoncurrentDays"], "NoncurrentDays", "NoncurrentVersionExpiration")
    for each in rule.get("Transitions") or ():
        _check_transition(each)
    for each in rule.get("NoncurrentVersionTransitions") or ():
        if "StorageClass" not in each or "NoncurrentDays" not in each:
            raise malformed()
        if each["NoncurrentDays"] < 0:
            raise invalid("'NoncurrentDays' in NoncurrentVersionTransition action must be nonnegative")
    for action in ("NoncurrentVersionExpiration", "NoncurrentVersionTransitions"):
        for each in _listed(rule, action):
            if "NewerNoncurrentVersions" in each:
                newer = each["NewerNoncurrentVersions"]
                _check_positive(newer, "NewerNoncurrentVersions", action.removesuffix("s"))
    abort = rule.get("AbortIncompleteMultipartUpload")
    if abort is not None:
        _check_positive(
            abort.get("DaysAfterInitiation", 0), "DaysAfterInitiation", "AbortIncompleteMultipartUpload"
        )
        if tags or sizes:
            noun = "Tags" if tags else "Object Size"
            raise _refused(f"AbortIncompleteMultipartUpload cannot be specified with {noun}.")
    _check_transitions(rule)


def check_together(rules: Sequence[Json]) -> None:
    """Hold rules against one another: all say what they take by a `Filter`, or all by a `Prefix`, as once."""
    if "Filter" in rules[0]:
        if any("Prefix" in rule for rule in rules):
            raise _refused(
                "Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter."
            )
        return
    if any("Filter" in rule for rule in rules):
        raise _refused("Filter element can only be used in Lifecycle V2.")
    if any("NewerNoncurrentVersions" in part for rule in rules for part in _parts(rule)):
        raise _refused("NewerNoncurrentVersions element can only be used in Lifecycle V2.")
    for action in ("Expiration", "NoncurrentVersionExpiration"):
        prefixes = sorted(
            rule["Prefix"] for rule in rules if rule["Status"] == "Enabled" and rule.get(action)
        )
        for one, other in pairwise(prefixes):
            if other.startswith(one):
                message = f"Found overlapping prefixes '{one}' and '{other}' for same action type '{action}'"
                raise _refused(message)


def _refused(message: str) -> AwsError:
    return AwsError("InvalidRequest", message, http=400)


def _listed(rule: Json, action: str) -> Sequence[Json]:
    found = rule.get(action) or ()
    return (found,) if isinstance(found, dict) else found


def _parts(rule: Json) -> Iterator[Json]:
    """Every action of a rule."""
    for action in _ACTIONS:
        yield from _listed(rule, action)


def _wanted(rule: Json) -> Json:
    """What a rule's filter asks for, whether it is one thing or several."""
    found: Json = rule.get("Filter") or {}
    return found.get("And") or found


def _check_positive(value: int, name: str, action: str) -> None:
    if value <= 0:
        raise invalid(f"'{name}' for {action} action must be a positive integer")


def _check_midnight(when: dt.datetime) -> None:
    try:
        at = when.astimezone(dt.UTC)
    except OverflowError:  # before or after all that is counted
        raise malformed() from None
    if at.time() != dt.time():
        raise invalid("'Date' must be at midnight GMT", "Date", at.isoformat())


def _check_filter(found: Json) -> None:
    if len(found) > 1:
        raise malformed()
    both = found.get("And")
    keys = [tag.get("Key") for tag in (both or {}).get("Tags") or ()]
    if len(keys) != len(set(keys)):
        raise _refused("Duplicate Tag Keys are not allowed.")
    if both is not None and sum((len(both.get("Tags") or ()), *(name in both for name in _OF_AND))) < 2:
        raise malformed()
    sizes = both or found
    for name, least in ((_GREATER, 0), (_LESS, 1)):
        if not least <= sizes.get(name, least) <= _LARGEST:
            raise _refused(f"'{name}' should be between {least} and {_LARGEST}.")
    if _GREATER in sizes and sizes[_GREATER] >= sizes.get(_LESS, _LARGEST + 1):
        raise _refused(f"'{_LESS}' has to be a value greater than '{_GREATER}'.")


def _check_expiration(gone: Json, *, tags: bool, sizes: bool) -> None:
    if sum(name in gone for name in ("Days", "Date", "ExpiredObjectDeleteMarker")) != 1:
        raise malformed()
    if "Days" in gone:
        _check_positive(gone["Days"], "Days", "Expiration")
    if "Date" in gone:
        _check_midnight(gone["Date"])
    if "ExpiredObjectDeleteMarker" in gone and (tags or sizes):
        noun = "Object Tags" if tags else "Object Size"
        raise _refused(f"ExpiredObjectDeleteMarker cannot be specified with {noun}.")


def _check_transition(each: Json) -> None:
    if "StorageClass" not in each or ("Days" in each) == ("Date" in each):
        raise malformed()
    if "Date" in each:
        _check_midnight(each["Date"])
    elif each["Days"] < 0:
        raise invalid("'Days' in Transition action must be nonnegative")
    elif each["Days"] < LEAST and (kept := each["StorageClass"]) in _WARM:
        raise invalid(
            f"'Days' in Transition action must be greater than or equal to {LEAST} for storageClass '{kept}'"
        )


def _check_transitions(rule: Json) -> None:
    """Hold a rule's transitions against one another and against its expiration: what comes when."""
    for plural in ("Transitions", "NoncurrentVersionTransitions"):
        each = _listed(rule, plural)
        if each:
            _check_order(rule, plural.removesuffix("s"), each)


def _check_order(rule: Json, action: str, transitions: Sequence[Json]) -> None:
    shown, ends = _shown(rule), action.replace("Transition", "Expiration")
    whom, gone = f"for filter '{shown}'", rule.get(ends) or {}
    unit, *others = {name for each in transitions for name in each if name in _UNITS}
    if others:
        raise _refused(f"Found mixed 'Date' and 'Days' based {action} actions in lifecycle rule {whom}")
    when: dict[str, Any] = {each["StorageClass"]: each[unit] for each in transitions}
    if len(when) < len(transitions):
        message = (
            f"'StorageClass' must be different for '{action}' actions in same 'Rule' with filter '{shown}'"
        )
        raise _refused(message)
    for one, other in pairwise(name for name in _COLDER if name in when):
        if when[other] <= when[one]:
            first, then = (
                f"'{unit}' in the {action} action for StorageClass '{name}' {whom}" for name in (one, other)
            )
            raise invalid(f"{then} must be greater than {first}")
    if unit not in gone and gone.keys() & _UNITS:
        message = f"Found mixed 'Date' and 'Days' based {ends} and {action} actions in lifecycle rule {whom}"
        raise _refused(message)
    if unit in gone and gone[unit] <= max(when.values()):
        message = f"'{unit}' in the {ends} action {whom} must be greater than '{unit}' in the {action} action"
        raise invalid(message)


def _shown(rule: Json) -> str:
    """A rule's filter as S3's messages have it: `(prefix=logs/ and tag={key=a, value=b})`."""
    wanted = {"Prefix": rule["Prefix"]} if "Prefix" in rule else _wanted(rule)
    tags = [*(wanted.get("Tags") or ()), *([wanted["Tag"]] if "Tag" in wanted else ())]
    parts = [f"prefix={wanted['Prefix']}"] if "Prefix" in wanted else []
    parts += [f"tag={{key={tag['Key']}, value={tag['Value']}}}" for tag in tags]
    parts += [f"{name.lower()}={wanted[name]}" for name in (_GREATER, _LESS) if name in wanted]
    return f"({' and '.join(parts) or 'prefix='})"
