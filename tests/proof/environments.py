"""The environments of other people's clients: each locked by itself, made from its lock on first use.

`environments/NAME/` holds what is asked for (`requirements.in`, or `package.json`) and the lock, which `make lock`
writes anew. What is installed lies in `.venvs/proof-NAME` and has the hashes that the lock says.
"""

from __future__ import annotations

import functools
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent / "environments"
ROOT = HERE.parents[2]


@functools.cache
def made(name: str, within: Path = HERE, purpose: str = "proof") -> Path:
    """The folder of an environment, installed from its lock unless that was done before."""
    source = within / name
    folder = ROOT / ".venvs" / f"{purpose}-{name}"
    node = (source / "package-lock.json").exists()
    lock = source / ("package-lock.json" if node else "requirements.lock")
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = folder / ".made"
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        if node:
            _install_node(source, folder)
        else:
            _install_python(lock, folder)
        stamp.write_text(wanted)
    return folder


def _install_python(lock: Path, folder: Path) -> None:
    _run([sys.executable, "-m", "venv", str(folder)], lock.parent)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--require-hashes", "--no-deps", "-r", str(lock)], lock.parent)  # a lock holds everything


def _install_node(source: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(source / name, folder / name)
    _run(["npm", "ci", "--ignore-scripts", "--loglevel=error"], folder)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


def version(name: str, package: str) -> str:
    """The version of a package that an environment's lock holds."""
    lock = HERE / name / "requirements.lock"
    if lock.exists():
        found = re.search(rf"^{re.escape(package)}==([^ ;]+)", lock.read_text(), re.M | re.I)
    else:
        text = (HERE / name / "package-lock.json").read_text()
        found = re.search(rf'"node_modules/{re.escape(package)}": \{{\s+"version": "([^"]+)"', text)
    assert found is not None, f"{package} is not locked in {name}"
    return found[1]
