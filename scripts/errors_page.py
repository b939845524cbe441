"""Writes docs/errors.md: every code that forebay raises, refuses or finds, read from the source.

python scripts/errors_page.py [-]     (-: to standard output)

A code is a CamelCase text given to an error's class, to a finding, or to a refusal; its message is
shown with `…` where a value goes.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "forebay"
CODE = re.compile(r"(?:[A-Z][A-Za-z0-9]+\.)?[A-Z][a-z0-9]+[A-Za-z0-9]*")

GROUPS = {
    "The project file and its parts": ("project", "dashboards", "simulate", "sections"),
    "At the door": ("ingest", "web", "access"),
    "In a log": ("streams", "event", "db"),
    "On the way to the lake": ("bus", "functions", "delivery", "lake", "catalog", "flow", "running"),
    "SQL": ("query", "streamsql"),
    "What is kept, counted and told": ("keyvalue", "telemetry", "alerts", "topics"),
    "Running": ("runtime", "cli", "sender", "reading", "ipc", "layout"),
}


@dataclass(frozen=True, order=True)
class Entry:
    """One code in one group."""

    code: str
    message: str
    fix: str


def text(node: ast.expr | None) -> str:
    """The text of a literal or f-string, `…` for its values; empty for anything else."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            parts = [part.value if isinstance(part, ast.Constant) else "…" for part in values]
            return "".join(str(part) for part in parts)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return (text(left) or "…") + (text(right) or "…")
        case ast.IfExp(body=body):
            return text(body)
    return ""


def classes() -> set[str]:
    """ForebayError and every class of the source that descends from it."""
    bases: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = {base.id for base in node.bases if isinstance(base, ast.Name)}
    known = {"ForebayError"}
    while more := {name for name, its in bases.items() if its & known and name not in known}:
        known |= more
    return known


def entries(path: Path, errors: set[str]) -> Iterator[Entry]:
    """The codes of one module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        strings = [text(argument) for argument in node.args]
        codes = [at for at, string in enumerate(strings) if CODE.fullmatch(string)]
        if name == "Finding":
            code, message = text(keywords.get("code")), text(keywords.get("message"))
        elif codes and (
            name in errors or name in {"add", "error", "warning", "Refused", "Misfit", "refuse", "_none"}
        ):
            code = strings[codes[0]]
            message = next((string for string in strings[codes[0] + 1 :] if len(string) > 2), "")
        else:
            continue
        if CODE.fullmatch(code):
            yield Entry(code, message, text(keywords.get("fix")))


def cell(string: str) -> str:
    """Text that is safe in a table."""
    return " ".join(string.split()).replace("|", "\\|").replace("<", "&lt;").replace("{", "&#123;")


def page() -> str:
    """The page."""
    errors = classes()
    lines = [
        "# Errors",
        "",
        "Made by `scripts/errors_page.py` from the source; do not edit.",
        "",
        "An error says what failed (its code), where, why and how to mend it; the command line, the HTTP API and the",
        "error prefix of a delivery all have the same parts. The command line exits with 1 (failed), 2 (the words of",
        "the command are off), 3 (no running system), or 4 (the data was refused). `…` stands for a name or value.",
        "",
    ]
    for title, rooms in GROUPS.items():
        found: dict[str, Entry] = {}
        for room in rooms:
            module = SOURCE / f"{room}.py"
            for path in [module] if module.exists() else sorted((SOURCE / room).rglob("*.py")):
                for entry in entries(path, errors):
                    known = found.get(entry.code)
                    if known is None or len(entry.message + entry.fix) > len(known.message + known.fix):
                        found[entry.code] = entry
        lines += [f"## {title}", "", "| code | message | how to mend it |", "| --- | --- | --- |"]
        lines += [
            f"| `{entry.code}` | {cell(entry.message)} | {cell(entry.fix)} |"
            for entry in sorted(found.values())
        ]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:] == ["-"]:
        sys.stdout.write(page())
    else:
        (ROOT / "docs" / "errors.md").write_text(page())
