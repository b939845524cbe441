"""What a section's checker is given: the project, the places of its parts, and a list to add to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from forebay.project.finding import Finding
from forebay.project.model import Project

Path_ = tuple[str | int, ...]


@dataclass(slots=True)
class Check:
    """Collects findings about `project`.

    A part of the project is named by its path of keys and indices, as written in the file:
    `("delivery", "clicks", "to")`. `places` has line and column of each.
    """

    project: Project
    file: str
    places: dict[Path_, tuple[int, int]]
    findings: list[Finding] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """The project's folder."""
        return Path(self.project.root)

    def add(
        self,
        code: str,
        path: Path_,
        message: str,
        *,
        why: str | None = None,
        fix: str | None = None,
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        """Add a finding at `path`, or at the nearest part around it that was written down."""
        line, column = self.place(path)
        self.findings.append(
            Finding(
                code=code,
                file=self.file,
                line=line,
                column=column,
                message=message,
                why=why,
                fix=fix,
                severity=severity,
            )
        )

    def place(self, path: Path_) -> tuple[int, int]:
        """Line and column of `path`, or of the nearest part around it."""
        for length in range(len(path), -1, -1):
            found = self.places.get(path[:length])
            if found is not None:
                return found
        return (0, 0)
