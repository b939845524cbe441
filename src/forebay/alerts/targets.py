"""Who an alarm can tell."""

from __future__ import annotations

from forebay.errors import UsageError


def target_of(action: str) -> tuple[str, str]:
    """Noun and name of `topics.ops`, `functions.f`, or an ARN. Raises UsageError for what cannot be told."""
    parts = action.split(":")
    if parts[0] == "arn" and len(parts) >= 6:
        if parts[2] == "sns" and parts[5]:
            return "topics", parts[5]
        if parts[2] == "lambda" and parts[5] == "function" and len(parts) > 6:
            return "functions", ":".join(parts[6:])
    else:
        noun, _, name = action.partition(".")
        if noun in ("topics", "functions", "bus") and name:
            return noun, name
    raise UsageError("NoSuchAction", f"{action} is nothing that an alarm can tell")
