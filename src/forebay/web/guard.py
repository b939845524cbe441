"""Which Host and Origin the ports here answer: `forebay.access.guard`, which the AWS wire asks too."""

from __future__ import annotations

from forebay.access.guard import Guard, Refusal

__all__ = ["Guard", "Refusal"]
