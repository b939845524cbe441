"""Where else a version goes: the rules of a bucket whose objects are replicated, as S3 has them.

A replica is another name of the same bytes, made in the transaction that makes the version itself. It has the
version's id, and says that it is a replica; no replica is replicated again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forebay.lake.settings import REPLICATION, Settings

DONE, FAILED, REPLICA = "COMPLETED", "FAILED", "REPLICA"
_KMS = ("aws:kms", "aws:kms:dsse")


@dataclass(frozen=True, slots=True)
class Target:
    """A bucket that gets replicas, and what they say of themselves there. `open` says whether it can take any."""

    bucket: str
    more: Mapping[str, Any]
    open: bool


def targets(settings: Settings, bucket: str, key: str, meta: Mapping[str, Any]) -> list[Target]:
    """Where a version of `key` goes, once to each bucket: by the matching rule of the highest priority."""
    rules = [rule for rule in _rules(settings, bucket) if _fits(rule, key, meta.get("tags") or {})]
    if meta.get("sse") in _KMS:
        rules = [rule for rule in rules if _takes_kms(rule)]
    return _targets(settings, rules)


def marker_targets(settings: Settings, bucket: str, key: str) -> list[Target]:
    """Where a delete marker of `key` goes: rules of the first schema send all, others if they say so."""
    rules = [rule for rule in _rules(settings, bucket) if _fits(rule, key, {}) and _takes_markers(rule)]
    return _targets(settings, rules)


def _rules(settings: Settings, bucket: str) -> list[Mapping[str, Any]]:
    if settings.versioning(bucket) != "Enabled":
        return []
    rules = (settings.get(bucket, REPLICATION) or {}).get("Rules") or []
    return [rule for rule in rules if rule["Status"] == "Enabled"]


def _targets(settings: Settings, rules: list[Mapping[str, Any]]) -> list[Target]:
    found: dict[str, Target] = {}
    for rule in sorted(rules, key=lambda rule: -int(rule.get("Priority") or 0)):
        said = rule["Destination"]
        to = said["Bucket"].rpartition(":")[2]
        more: dict[str, Any] = {}
        if said.get("StorageClass"):
            more["class"] = said["StorageClass"]
        found.setdefault(to, Target(to, more, settings.versioning(to) == "Enabled"))
    return list(found.values())


def _fits(rule: Mapping[str, Any], key: str, tags: Mapping[str, str]) -> bool:
    said = rule.get("Filter") or {}
    both = said.get("And") or {}
    prefix = both.get("Prefix") or said.get("Prefix") or rule.get("Prefix") or ""
    wanted = [*(both.get("Tags") or ()), *([said["Tag"]] if said.get("Tag") else ())]
    return key.startswith(prefix) and all(tags.get(tag["Key"]) == tag["Value"] for tag in wanted)


def _takes_kms(rule: Mapping[str, Any]) -> bool:
    said = (rule.get("SourceSelectionCriteria") or {}).get("SseKmsEncryptedObjects") or {}
    return bool(said.get("Status") == "Enabled")


def _takes_markers(rule: Mapping[str, Any]) -> bool:
    if "Filter" not in rule:
        return "DeleteMarkerReplication" not in rule or rule["DeleteMarkerReplication"]["Status"] == "Enabled"
    said = rule.get("DeleteMarkerReplication") or {}
    return bool(said.get("Status") == "Enabled")
