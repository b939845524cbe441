"""How the user's Python is run: what a declared function and a delivery's own handler say alike."""

from __future__ import annotations

from typing import Annotated

from forebay.project.field import Field

Timeout = Annotated[
    float,
    Field("A call that takes longer is stopped.", example="60s", kind="duration", minimum=0.001, maximum=900),
]
"""Seconds."""

Memory = Annotated[
    int, Field("A worker that needs more is stopped.", example="512MiB", kind="size", minimum=64 << 20)
]
"""Bytes."""

Environment = Annotated[
    dict[str, str],
    Field(
        "Environment variables. A value may be a secret.", example="{TOKEN: '${secret:TOKEN}'}", secrets=True
    ),
]

TIMEOUT = 60.0
MEMORY = 512 << 20
