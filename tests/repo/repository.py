"""What the tests of this folder look at: the files that git would commit, read once."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "forebay"


@functools.cache
def files() -> tuple[Path, ...]:
    """Every file that is in the repository or would be added to it, as git sees it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    paths = {ROOT / name.decode() for name in listed.split(b"\0") if name}
    return tuple(sorted(path for path in paths if path.is_file()))


@functools.cache
def texts() -> dict[str, str]:
    """The text files among them, by their path from the root."""
    found = {}
    for path in files():
        try:
            found[str(path.relative_to(ROOT))] = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
    return found


def places(found: dict[str, list[int]]) -> str:
    """`file:line` of each, one a line."""
    return "\n".join(f"{file}:{line}" for file, lines in found.items() for line in lines)
