"""IAM: users, roles, keys and policies, which bound what requests may do."""

from __future__ import annotations

from forebay.wire.iam import grants, keys, people, policies, simulate
from forebay.wire.iam.base import SERVICE

__all__ = ["SERVICE", "grants", "keys", "people", "policies", "simulate"]
