"""The virtual environments of functions that have requirements: one per content of the file.

They lie in the project's folder, `.forebay/venvs/<hash>`, wherever the system's state is: its tests use them,
too. A function's worker runs on forebay's own Python, with what was installed in front of everything else.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from forebay.errors import ForebayError, Unavailable

READY = "forebay-ready"
"""A file in an environment that was installed whole."""

_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"


def folder(root: Path, requirements: str) -> Path:
    """Where the environment of this file's content lies, made or not. Raises Unavailable."""
    file = root / requirements
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Unavailable("NoRequirements", f"{file} cannot be read: {error.strerror}") from None
    digest = hashlib.sha256(_VERSION.encode() + b"\0" + content).hexdigest()
    return root / ".forebay" / "venvs" / digest[:16]


def installed(root: Path, requirements: str) -> bool:
    """Whether what the file names is there."""
    return (folder(root, requirements) / READY).exists()


def site_packages(root: Path, requirements: str) -> Path:
    """The folder with what the file names. Raises Unavailable `NotInstalled` until it was installed."""
    if not installed(root, requirements):
        raise Unavailable(
            "NotInstalled",
            f"what {requirements} names is not installed",
            why="a function needs it",
            fix="run: forebay install",
        )
    return _packages(folder(root, requirements))


def _packages(made: Path) -> Path:
    return made / "lib" / _VERSION / "site-packages"


def install(root: Path, requirements: str, say: Callable[[str], None]) -> Path:
    """Make the environment, with pip; nothing if it is there. Raises ForebayError `NotInstalled`."""
    made = folder(root, requirements)
    if (made / READY).exists():
        return made
    shutil.rmtree(made, ignore_errors=True)
    made.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _run([sys.executable, "-m", "venv", str(made)], root, say)
    python = made / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    _run([*command, "-r", str(root / requirements)], root, say)
    (made / READY).touch()
    return made


def _run(command: list[str], cwd: Path, say: Callable[[str], None]) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        with subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            last = ""
            for line in process.stdout or ():
                last = line.strip() or last
                say(line.rstrip())
    except OSError as error:
        raise ForebayError("NotInstalled", f"{command[0]} does not run: {error}") from None
    if process.returncode:
        raise ForebayError(
            "NotInstalled", f"{' '.join(command[1:4])} ended with {process.returncode}", why=last
        )
