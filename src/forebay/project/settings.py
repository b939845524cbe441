"""The keys of the project file that are no section."""

from __future__ import annotations

from typing import Annotated

from forebay.project.field import Field
from forebay.project.model import Spec

NAME = r"[a-z][a-z0-9_]{0,62}"


class Settings(Spec, frozen=True, kw_only=True):
    """What holds for the whole project."""

    name: Annotated[
        str,
        Field(
            "The project's name, and its default database's: lower-case letters, digits and _.",
            example="shop",
        ),
    ]
    description: Annotated[str | None, Field("What it is for.", example="What guests click")] = None
    timezone: Annotated[
        str,
        Field(
            "Governs days and hours on dashboards and in alerts. Events and SQL stay in UTC.",
            example="Europe/Berlin",
            kind="timezone",
        ),
    ] = "UTC"
    day_starts: Annotated[
        str,
        Field(
            "When a day begins: a restaurant's evening ends after midnight.", example='"04:00"', kind="clock"
        ),
    ] = "00:00"
