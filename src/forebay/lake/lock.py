"""Object lock: versions that may not be deleted, for a time or until somebody says so.

The bucket's setting `lock` is `{"mode", "days"}` where new objects are locked by default, `{}` where they are
not. An object's `meta` has

    retain {"mode": "GOVERNANCE"|"COMPLIANCE", "until": UTC us}     hold: true

Held against every deletion of a version, whoever asks: over the wire, by a lifecycle rule, by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebay.clock import SECOND
from forebay.errors import UsageError

LOCK = "lock"
GOVERNANCE, COMPLIANCE = "GOVERNANCE", "COMPLIANCE"
DAY = 86_400 * SECOND

Json = dict[str, Any]


def protected() -> UsageError:
    """The refusal to touch what is locked."""
    return UsageError("AccessDenied", "Access Denied because object protected by object lock.")


def is_locked(meta: Mapping[str, Any], now: int, *, bypass: bool) -> bool:
    """Whether a version may not be deleted; `bypass` sets governance aside, and nothing else."""
    if meta.get("hold"):
        return True
    kept = meta.get("retain")
    return kept is not None and kept["until"] > now and not (bypass and kept["mode"] == GOVERNANCE)


def by_default(config: Mapping[str, Any] | None, meta: Json, now: int) -> None:
    """Lock a new object as its bucket says, unless it says so itself."""
    if config and "days" in config and "retain" not in meta:
        meta["retain"] = {"mode": config["mode"], "until": now + config["days"] * DAY}


def retained(meta: Json, wanted: Mapping[str, Any] | None, now: int, *, bypass: bool) -> None:
    """Put another retention in the place of a version's own. Raises UsageError `AccessDenied` where it is less."""
    kept: Any = meta.get("retain")
    holds = kept is not None and kept["until"] > now and not (bypass and kept["mode"] == GOVERNANCE)
    if holds and (wanted is None or wanted["until"] < kept["until"] or wanted["mode"] != kept["mode"]):
        raise protected()
    if wanted is None:
        meta.pop("retain", None)
    else:
        meta["retain"] = dict(wanted)
