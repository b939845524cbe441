"""Values as one would write them in the project file: the way back from `kinds`."""

from __future__ import annotations

from typing import Any

from forebay.project.fields import SpecField


def shown(value: Any, field: SpecField) -> str:
    """A bound or default as one would write it in the file."""
    match field.meta.kind:
        case "duration":
            return format_duration(float(value))
        case "size":
            return format_size(int(value))
        case "megabytes":
            return f"{value / (1 << 20):g}"
        case "rate":
            return f"{value:g}/s"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def format_duration(seconds: float) -> str:
    """86400.0 → `1d`."""
    for unit, factor in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if seconds and not seconds % factor:
            return f"{seconds // factor:g}{unit}"
    return f"{seconds * 1000:g}ms" if seconds else "0s"


def format_size(size: int) -> str:
    """67108864 → `64MiB`."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size and not size % factor:
            return f"{size // factor}{unit}"
    return f"{size}B"
