"""What must be true of a state folder before anything is started on it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from forebay.catalog.schema import FORMAT as CATALOG_FORMAT
from forebay.db import refuse_newer, stored_format
from forebay.errors import ForebayError, UsageError
from forebay.functions.section import FunctionSpec
from forebay.functions.venv import installed
from forebay.layout import Layout
from forebay.project.model import Project
from forebay.streams.schema import FORMAT as LOG_FORMAT


def prepare(layout: Layout) -> None:
    """Make the state folder, or say why it cannot be used.

    Raises ForebayError: `StateUnreadable` (no folder, not ours, not writable), `StateTooNew`.
    """
    root = layout.root
    try:
        layout.make()
    except FileExistsError:
        raise _unusable(root, "it is a file, not a folder") from None
    except OSError as error:
        raise _unusable(root, (error.strerror or str(error)).lower()) from None
    for folder in (root, layout.streams, layout.lake, layout.run, layout.logs):
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise _unusable(folder, "this user may not read and write it")
    try:
        layout.socket("front")
    except OSError as error:
        raise _unusable(root, f"no place for local sockets: {error}") from None
    check_formats(layout, {})


def check_formats(layout: Layout, others: Mapping[Path, int]) -> None:
    """Raise ForebayError `StateTooNew` if any database was written by a newer forebay; nothing is touched."""
    known: Iterable[tuple[Path, int]] = [
        (layout.catalog, CATALOG_FORMAT),
        *((path, LOG_FORMAT) for path in sorted(layout.streams.glob("*.db"))),
        *others.items(),
    ]
    for path, newest in known:
        refuse_newer(path, stored_format(path), newest)


def check_installed(project: Project) -> None:
    """Raise UsageError `NotInstalled` if a function's requirements are not: it would fail at its first call."""
    root = Path(project.root)
    for name, spec in project.of(FunctionSpec).items():
        if spec.requirements is not None and not installed(root, spec.requirements):
            raise UsageError(
                "NotInstalled",
                f"functions.{name} needs what {spec.requirements} names, and it is not installed",
                where=str(root / spec.requirements),
                fix=f"run: forebay install {root}",
            )


def _unusable(path: Path, why: str) -> ForebayError:
    return ForebayError(
        "StateUnreadable",
        f"the state cannot be kept in {path}",
        where=str(path),
        why=why,
        fix="mend the folder's owner and mode, or keep the state elsewhere: --state DIR",
    )
