"""Writes src/forebay/README.md: the rooms of the house, the nouns in the order of the flow.

python scripts/package_readme.py [-]     (-: to standard output)
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from forebay.sections import SECTIONS

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "forebay"
GROUND = (
    "errors",
    "clock",
    "arn",
    "cron",
    "crash",
    "durable",
    "db",
    "beat",
    "group_commit",
    "event",
    "layout",
    "ipc",
    "ports",
    "sender",
    "reading",
)
ABOVE = ("cli", "web", "wire", "deploy", "runtime", "flow", "running")


def first_line(path: Path) -> str:
    """The first line of a module's docstring."""
    doc = ast.get_docstring(ast.parse(path.read_text()))
    return (doc or "").split("\n", 1)[0]


def room(name: str) -> str:
    """What `name` is for, as its own docstring has it."""
    path = PACKAGE / name / "__init__.py"
    return first_line(path if path.exists() else PACKAGE / f"{name}.py")


def page() -> str:
    """The README."""
    lines = [
        "# The house",
        "",
        "Made by `scripts/package_readme.py` from the packages' own docstrings; do not edit.",
        "",
        "Imports go down only, and a noun imports no other noun: it asks through `ports.py`.",
        "`flow.py` connects them; read it first.",
        "",
        "## Above the nouns",
        "",
        *(f"- `{name}`: {room(name)}" for name in ABOVE),
        *(
            f"  - `{path.stem}`: {first_line(path)}"
            for path in sorted((PACKAGE / "running").glob("[a-z]*.py"))
        ),
        "",
        "## The nouns, in the order in which events meet them",
        "",
        "| noun | what it does | in this version |",
        "| --- | --- | --- |",
        *(
            f"| [`{section.noun}`]({section.noun}/) | {room(section.noun)} | {section.later or 'runs'} |"
            for section in SECTIONS
        ),
        "",
        "## Below them",
        "",
        f"- `project`: {room('project')}",
        *(f"- `{name}`: {room(name)}" for name in reversed(GROUND)),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:] == ["-"]:
        sys.stdout.write(page())
    else:
        (PACKAGE / "README.md").write_text(page())
