"""What a section's checker is given: the project, the places of its parts, and a list to add to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from forebay.project.finding import Finding
from forebay.project.model import Project, Spec, SpecT

Part = tuple[str | int, ...]
"""A part of the project by its keys and indices, as written in the file: `("delivery", "clicks", "to")`."""


@dataclass(slots=True)
class Check:
    """Collects findings about `project`; `places` has line and column of each part.

    `known` has the names of each section that were written, those included whose entry had a finding
    and is not in `project`.
    """

    project: Project
    file: str
    places: dict[Part, tuple[int, int]]
    known: dict[str, set[str]]
    findings: list[Finding] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """The project's folder."""
        return Path(self.project.root)

    def entries(self, noun: str, spec: type[SpecT]) -> Iterator[tuple[str, SpecT]]:
        """Names and entries of a section that are of this type."""
        for name, entry in self.project.sections.get(noun, {}).items():
            if isinstance(entry, spec):
                yield name, entry

    def every(self) -> Iterator[tuple[str, str, Spec]]:
        """Noun, name and entry of all."""
        for noun, entries in self.project.sections.items():
            for name, entry in entries.items():
                yield noun, name, entry

    def add(
        self,
        code: str,
        part: Part,
        message: str,
        *,
        why: str | None = None,
        fix: str | None = None,
        severity: Literal["error", "warning"] = "error",
        file: str | None = None,
        line: int = 0,
        column: int = 0,
    ) -> None:
        """Add a finding at `part`, or at the nearest part around it that was written down.

        With `file` it is at that file of the project instead.
        """
        if file is None:
            file = self.file
            line, column = self.place(part)
        self.findings.append(
            Finding(
                code=code,
                file=file,
                line=line,
                column=column,
                message=message,
                why=why,
                fix=fix,
                severity=severity,
            )
        )

    def place(self, part: Part) -> tuple[int, int]:
        """Line and column of `part`, or of the nearest part around it."""
        for length in range(len(part), -1, -1):
            found = self.places.get(part[:length])
            if found is not None:
                return found
        return (0, 0)
