"""Lifecycle rules: which objects, versions and unfinished uploads go, and when.

The setting `lifecycle` is {"rules": [...]} with S3's rules as the wire decodes them. Expiration acts
(days, date, expired delete markers, noncurrent versions, unfinished uploads); transitions are only kept, as
there is one class of storage.

Days are counted as S3 does: from the object's time, then up to the next midnight UTC.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from forebay.clock import SECOND

DAY = 86_400 * SECOND
ABORT = "AbortIncompleteMultipartUpload"
LAST = int(dt.datetime(9999, 12, 31, tzinfo=dt.UTC).timestamp()) * SECOND
"""The last midnight that has a date."""


def due(modified: int, days: int) -> int:
    """When something of `modified` is `days` days old: UTC us, a midnight, at the latest the last there is."""
    return min((-(-modified // DAY) + days) * DAY, LAST)


def applies(rule: Mapping[str, Any], key: str, size: int, tags: Mapping[str, str]) -> bool:
    """Whether a rule is on and its filter takes the object."""
    if rule.get("Status") != "Enabled":
        return False
    found = rule.get("Filter") or {}
    parts = [found, found.get("And") or {}]
    if not key.startswith(rule.get("Prefix") or ""):
        return False
    for part in parts:
        if not key.startswith(part.get("Prefix") or ""):
            return False
        wanted = [*part.get("Tags", ()), *([part["Tag"]] if "Tag" in part else ())]
        if any(tags.get(tag["Key"]) != tag["Value"] for tag in wanted):
            return False
        if "ObjectSizeGreaterThan" in part and size <= part["ObjectSizeGreaterThan"]:
            return False
        if "ObjectSizeLessThan" in part and size >= part["ObjectSizeLessThan"]:
            return False
    return True


def expiry(
    config: Mapping[str, Any] | None, key: str, size: int, modified: int, tags: Mapping[str, str]
) -> tuple[int, str] | None:
    """When the object goes (UTC us) and by which rule; None if by none."""
    best: tuple[int, str] | None = None
    for rule in (config or {}).get("rules", ()):
        gone = rule.get("Expiration") or {}
        if "Days" in gone:
            at = due(modified, int(gone["Days"]))
        elif "Date" in gone:
            at = int(dt.datetime.fromisoformat(gone["Date"]).timestamp()) * SECOND
        else:
            continue
        if applies(rule, key, size, tags) and (best is None or at < best[0]):
            best = (at, str(rule.get("ID", "")))
    return best


def aborted(config: Mapping[str, Any] | None, key: str, created: int) -> tuple[int, str] | None:
    """When an unfinished upload goes (UTC us) and by which rule; None if by none."""
    found = [
        (due(created, int(rule[ABORT]["DaysAfterInitiation"])), str(rule.get("ID", "")))
        for rule, prefix in prefixes(config or {})
        if ABORT in rule and key.startswith(prefix)
    ]
    return min(found, key=lambda each: each[0], default=None)


def prefixes(config: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Every rule that is on, with the prefix of what it may take."""
    for rule in config.get("rules", ()):
        if rule.get("Status") == "Enabled":
            found = rule.get("Filter") or {}
            yield (
                rule,
                rule.get("Prefix") or found.get("Prefix") or (found.get("And") or {}).get("Prefix") or "",
            )
