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
            return _plain(value / (1 << 20))
        case "rate":
            return f"{_plain(value)}/s"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _plain(value) if isinstance(value, float) else str(value)


def format_duration(seconds: float) -> str:
    """86400.0 → `1d`."""
    for unit, factor in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if seconds and not seconds % factor:
            return f"{seconds / factor:.0f}{unit}"
    return f"{_plain(seconds * 1000)}ms" if seconds else "0s"


def format_size(size: int) -> str:
    """67108864 → `64MiB`."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size and not size % factor:
            return f"{size // factor}{unit}"
    return f"{size}B"


def _plain(value: float) -> str:
    """Without an exponent, which the project file does not know."""
    return f"{value:.9f}".rstrip("0").rstrip(".")
