"""How long a subscriber is waited for: delivery policies as lists of pauses.

Contract: "Amazon SNS message delivery retries" (SNS Developer Guide): retries without a pause, then with the least,
then from least to most by a backoff function, then with the most.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

DEFAULT: dict[str, Any] = {
    "minDelayTarget": 20,
    "maxDelayTarget": 20,
    "numRetries": 3,
    "numMaxDelayRetries": 0,
    "numNoDelayRetries": 0,
    "numMinDelayRetries": 0,
    "backoffFunction": "linear",
}
"""SNS's for HTTP: three retries, 20 seconds apart."""

OWN = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, *(300.0 for _ in range(12)))
"""For hooks, mails and services of a project: about an hour."""


def completed(policy: Mapping[str, Any] | None) -> dict[str, Any]:
    """A `healthyRetryPolicy` with its missing members as SNS has them."""
    return {**DEFAULT, **{name: value for name, value in (policy or {}).items() if value is not None}}


def pauses(policy: Mapping[str, Any] | None) -> tuple[float, ...]:
    """The pause before each retry, in seconds, of a `healthyRetryPolicy`."""
    given = completed(policy)
    least, most = float(given["minDelayTarget"]), float(given["maxDelayTarget"])
    total = int(given["numRetries"])
    none, at_least = int(given["numNoDelayRetries"]), int(given["numMinDelayRetries"])
    at_most = int(given["numMaxDelayRetries"])
    between = max(0, total - none - at_least - at_most)
    found = [0.0] * none + [least] * at_least
    found += [_between(least, most, step, between, str(given["backoffFunction"])) for step in range(between)]
    found += [most] * at_most
    return tuple(found[:total])


def _between(least: float, most: float, step: int, steps: int, function: str) -> float:
    if steps <= 1 or most <= least:
        return least
    part = step / (steps - 1)
    if function == "geometric":
        part = (2**step - 1) / (2 ** (steps - 1) - 1)
    elif function == "exponential":
        part = math.expm1(step) / math.expm1(steps - 1)
    elif function == "arithmetic":
        part = step * (step + 1) / (steps * (steps - 1))
    return least + (most - least) * part


def chosen(policy: Mapping[str, Any] | None, topic: Mapping[str, Any] | None) -> dict[str, Any]:
    """The retry policy that counts: the subscription's, else its topic's, else SNS's own."""
    of_topic = (topic or {}).get("http") or {}
    own = (policy or {}).get("healthyRetryPolicy")
    if own and not of_topic.get("disableSubscriptionOverrides"):
        return completed(own)
    return completed(of_topic.get("defaultHealthyRetryPolicy"))
