"""Makes a project the one that runs: read, check, plan against what runs, and write it for the processes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from forebay.errors import ForebayError
from forebay.layout import Layout
from forebay.project.finding import Finding
from forebay.project.load import load, unsupported
from forebay.project.model import Project
from forebay.project.plan import Step
from forebay.project.section import Section
from forebay.runtime.endpoints import write_atomically
from forebay.runtime.rename import rename


@dataclass(slots=True)
class Read:
    """A project as found: None where findings forbid it to run."""

    project: Project | None
    findings: list[Finding] = field(default_factory=list)


def read(root: Path, sections: Sequence[Section]) -> Read:
    """The project in `root`, with what is wrong with it and what it asks for that does not run yet."""
    project, findings = load(root, sections)
    if project is None:
        return Read(None, findings)
    later = unsupported(project, sections)
    return Read(None if later else project, [*findings, *later])


def applied(layout: Layout, sections: Sequence[Section]) -> Project | None:
    """The project as last applied; None if there never was one. Raises ForebayError `StateTooNew`."""
    try:
        raw = layout.applied.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return Project.decode(raw, sections)
    except ForebayError as error:
        if error.code == "StateTooNew":
            raise
        return None  # it can be made again from the folder


def carry_out(layout: Layout, project: Project, steps: Sequence[Step]) -> None:
    """Carry data over to new names (which wants nothing running), and write the project for the processes."""
    rename(layout, project, steps)
    revision = hashlib.sha256(project.encode()).hexdigest()[:16]
    write_atomically(layout.applied, msgspec.structs.replace(project, revision=revision).encode())
