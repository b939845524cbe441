"""The virtual environments of functions that have requirements: one per content of the file."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from forebay.errors import Unavailable

READY = "forebay-ready"
"""A file in an environment that was installed whole."""


def folder(venvs: Path, requirements: Path) -> Path:
    """Where the environment of this file's content lies, made or not. Raises Unavailable."""
    try:
        content = requirements.read_bytes()
    except OSError as error:
        raise Unavailable("NoRequirements", f"{requirements} cannot be read: {error.strerror}") from None
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(version.encode() + b"\0" + content).hexdigest()
    return venvs / digest[:16]


def site_packages(venvs: Path, requirements: Path) -> Path:
    """The folder with what `requirements` names. Raises Unavailable `NotInstalled` until it was installed."""
    made = folder(venvs, requirements)
    if not (made / READY).exists():
        raise Unavailable(
            "NotInstalled",
            f"what {requirements.name} names is not installed",
            why="the function needs it",
            fix="run: forebay install",
        )
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return made / "lib" / version / "site-packages"
